"""JSON values of a text that comes in pieces."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.pipelines.texts.json_values import BrokenValue, JsonReader

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(alphabet='a"\\{}[]\n€'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('a"\\', max_size=3), inner),
    max_leaves=8,
)


def values(pieces: list[str], most: int = 1000) -> list[Any]:
    reader = JsonReader(most)
    found = [value for piece in pieces for value in reader.feed(piece)]
    return found + list(reader.finish())


def whole(text: str) -> list[Any]:
    return list(JsonReader(1000).finish(text))


@given(st.lists(JSON), st.sampled_from([None, 2]), st.sampled_from(["\n", " ", "\n\n"]), st.data())
def test_values_do_not_depend_on_the_pieces(
    wanted: list[Any], indent: int | None, between: str, data: st.DataObject
) -> None:
    """One value a line, several on one, or one over many lines: however the text is cut, they are read as they were written."""
    text = between.join(json.dumps(value, indent=indent) for value in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    bounds = [0, *cuts, len(text)]
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    assert values(pieces, 1 << 20) == whole(text) == wanted


def test_after_a_broken_line_the_next_is_read() -> None:
    first, broken, last = values(['{"a":1}\n{"a":}\n{"a":3}\n'])
    assert (first, last) == ({"a": 1}, {"a": 3})
    assert isinstance(broken, BrokenValue)
    assert broken.reason.endswith(": '{\"a\":}'")


def test_a_line_that_was_cut_off_does_not_take_the_next_with_it() -> None:
    broken, last = values(['{"a":\n{"b":2}\n'])
    assert isinstance(broken, BrokenValue)
    assert "ends in the middle" in broken.reason
    assert last == {"b": 2}


def test_a_value_that_is_too_long_is_given_up_while_it_comes() -> None:
    reader = JsonReader(100)
    found = [value for _ in range(30) for value in reader.feed('{"a": "aaaa')]
    assert any(
        isinstance(value, BrokenValue) and "100 characters" in value.reason for value in found
    )
    assert len(reader._text) <= 111


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        "{" * 3_000_000,
        "[1\n" * 100_000,
        "[1\n" * 50_000 + "]" * 50_000,
    ],
)
def test_hostile_texts_are_broken_values(text: str) -> None:
    """Deep nesting and endless brackets end soon, with a reason."""
    found = values([text], 10_000_000)
    assert found
    assert all(isinstance(value, BrokenValue) for value in found)
    assert len(found) <= 1000


def test_parts_of_a_document_that_was_cut_are_no_values() -> None:
    text = '[\n {\n  "n": 1,\n  "t": "x"\n },\n {\n'
    assert [type(value) for value in whole(text)] == [BrokenValue]
    for part in ('  "n": 1,\n', " {\n  }\n ,\n {\n }\n", '{"a": 1},\n', "1 ]", "},\n"):
        assert [type(value) for value in whole(part)] == [BrokenValue], part


def test_a_comma_too_much_costs_one_line() -> None:
    broken, last = values(['{"a":1},\n{"a":2}\n'])
    assert isinstance(broken, BrokenValue)
    assert broken.reason.startswith("what follows the value belongs to a larger one")
    assert last == {"a": 2}


def test_many_broken_lines_cost_no_others() -> None:
    lines = ["]", '{"a":}', "x", '{"b":1}'] * 1000 + ['{"c":'] * 20 + ['{"b":1}']
    found = values(["\n".join(lines)], 1 << 20)
    assert found.count({"b": 1}) == 1001
    assert len(found) == len(lines)


def test_a_byte_order_mark_is_no_part_of_a_value() -> None:
    assert values(["\ufeff1\n"]) == [1]


def test_nan_is_no_json() -> None:
    assert isinstance(values(["NaN\n"])[0], BrokenValue)
