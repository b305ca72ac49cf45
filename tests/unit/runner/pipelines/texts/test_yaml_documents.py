"""YAML documents as JSON values, and back."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.pipelines.texts.yaml_documents import (
    BrokenDocumentError,
    YamlSplitter,
    read_documents,
    write_document,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
    | st.sampled_from(
        [
            "no",
            "0o17",
            "012",
            "1e3",
            "1:30",
            "2001-01-01",
            "~",
            "<<",
            "=",
            "null",
            "---",
            "a: b",
            ".5",
            "\n",
            "#",
        ]
    )
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("a~0n<", max_size=2), inner)
    ),
    max_leaves=6,
)


def read(text: str) -> list[Any]:
    return list(read_documents(text))


@given(st.dictionaries(st.sampled_from(["a", "no", "<<", "0", "~"]), JSON) | st.lists(JSON))
def test_what_is_written_is_read_again(value: Any) -> None:
    """Whatever looks like another type is quoted."""
    assert read(write_document(value, 2)) == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("2001-01-01", "2001-01-01"),
        ("0o17", 15),
        ("0x1f", 31),
        ("010", 10),
        ("1e3", 1000.0),
        ("1:30", "1:30"),
        ("~x", "~x"),
        ("{1: a, true: b, ~: c}", {"1": "a", "true": "b", "null": "c"}),
        (".inf", None),
        ("!!set {a, b}", {"a": None, "b": None}),
        ("a: &a {b: 1}\nc: {<<: *a, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert read(text) == [value]


def test_several_documents_are_cut_at_their_marks() -> None:
    splitter = YamlSplitter(1000)
    text = "a: 1\n---\nb: |\n  ---\n  x\n--- {c: 3}\n...\n---\n"
    found = [document for sign in text for document in splitter.feed(sign)]
    found.append(splitter.finish())
    assert [value for document in found for value in read(document)] == [
        {"a": 1},
        {"b": "---\nx\n"},
        {"c": 3},
    ]


def test_a_document_without_end_is_given_up() -> None:
    splitter = YamlSplitter(10)
    with pytest.raises(BrokenDocumentError, match="more than 10 characters"):
        list(splitter.feed("a: bbbbbbbbbbbbbb"))
    assert splitter.finish() == ""


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "too many values"),
        ("&a [*a]", "too deep"),
        ("[" * 5000, "."),
        ("a: [", "line 2"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("!!binary aGk=", "!!binary"),
        ("? {a: b}\n: 1", "key"),
        ("1" * 100_000, "too many digits"),
        ("a: *b", "undefined alias"),
    ],
)
def test_hostile_documents_are_refused(text: str, why: str) -> None:
    with pytest.raises(BrokenDocumentError, match=why):
        read(text)


def test_other_readers_of_yaml_read_the_same() -> None:
    value = {"answer": "no", "day": "2001-01-01", "list": ["1", 2], "text": "a\nb\n"}
    assert yaml.safe_load(write_document(value, 2)) == value


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, "- " * 1_000_000, "? " * 500_000, '{"a":' * 500_000]
)
def test_a_text_of_many_levels_is_refused_and_ends_no_process(text: str) -> None:
    """The parser's own recursion would use up the stack, which no exception is thrown for."""
    with pytest.raises(BrokenDocumentError, match="too deep"):
        list(read_documents(text))


def test_what_is_before_a_broken_document_is_read() -> None:
    read = read_documents("--- 1\n--- [\n")
    assert next(read) == 1
    with pytest.raises(BrokenDocumentError):
        next(read)
