"""Other types for fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.pipelines.stages.cast import Cast, Type, cast, cast_value
from tests.unit.runner.pipelines.stages.stage_bench import Bench

TYPES: list[Type] = ["int", "float", "bool", "ts-sec", "ts-msec", "ts-usec"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=3,
)


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [
        ("int", "13.3", 13),
        ("int", "0", 0),
        ("int", " -42px", -42),
        ("int", "0x1F", 31),
        ("int", -13.9, -13),
        ("int", "DOOD?", None),
        ("int", True, None),
        ("int", None, None),
        ("int", "9" * 5000, None),
        ("float", "13.3", 13.3),
        ("float", "-42.355kg", -42.355),
        ("float", ".5e1", 5.0),
        ("float", "1e999", None),
        ("float", 10**400, None),
        ("float", "", None),
        ("bool", "13.3", True),
        ("bool", "0", True),
        ("bool", "", False),
        ("bool", "false", False),
        ("bool", None, False),
        ("bool", " ", True),
        ("bool", [], True),
        ("bool", 0, False),
        ("ts-sec", "1571603265", "2019-10-20T20:27:45.000Z"),
        ("ts-sec", 1571603265.042, "2019-10-20T20:27:45.042Z"),
        ("ts-msec", "1571603265042", "2019-10-20T20:27:45.042Z"),
        ("ts-usec", 1571603265042777, "2019-10-20T20:27:45.042Z"),
        ("ts-sec", 1e30, None),
        ("ts-msec", "yesterday", None),
    ],
)
def test_values_become_what_javascript_would_make_of_them(
    kind: Type, value: Any, made: Any
) -> None:
    assert cast_value(value, kind) == made
    assert type(cast_value(value, kind)) is type(made)


@given(JSON, st.sampled_from(TYPES))
def test_whatever_comes_there_is_a_json_value_of_the_type_or_none(value: Any, kind: Type) -> None:
    made = cast_value(value, kind)
    wanted = {"int": int, "float": float, "bool": bool}.get(kind, str)
    assert made is None or type(made) is wanted
    if made is not None:
        assert cast_value(made, kind) == made or kind.startswith("ts-")


@given(st.integers(-(10**13), 10**14))
def test_a_time_is_the_same_instant(milliseconds: int) -> None:
    text = cast_value(milliseconds, "ts-msec")
    assert isinstance(text, str)
    instant = datetime.fromisoformat(text)
    assert instant == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def test_fields_that_are_not_there_stay_away_and_the_event_as_it_was() -> None:
    event = {"a": "1", "b": "x"}
    assert cast(event, {"a": "int", "c": "bool"}) == ({"a": 1, "b": "x"}, [])
    assert event == {"a": "1", "b": "x"}


async def test_what_can_not_be_cast_is_null_and_reported() -> None:
    """The event goes on."""
    bench = Bench(Cast, {"fields": {"n": "int"}})
    assert await bench.feed({"n": "many", "m": 1}) == [{"n": None, "m": 1}]
    assert bench.errors == ["TypeError: n: 'many' is no int"]


@pytest.mark.parametrize("config", [{}, {"fields": {}}, {"fields": {"x": "dood"}}])
def test_types_are_those_there_are(config: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Bench(Cast, config)
