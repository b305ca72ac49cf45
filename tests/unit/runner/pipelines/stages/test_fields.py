"""keep, drop and rename."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.pipelines.stages.drop import Drop
from runner.pipelines.stages.keep import Keep
from runner.pipelines.stages.rename import Rename, rename
from tests.unit.runner.pipelines.stages.stage_bench import Bench

NAMES = st.sampled_from(["a", "b", "c", "d"])


async def test_keep_emits_named_fields_in_the_order_of_the_document() -> None:
    bench = Bench(Keep, {"fields": ["c", "a"]})
    event = {"a": None, "b": 2, "c": 0}
    assert await bench.feed(event, {"b": 1}) == [{"c": 0, "a": None}, {}]
    assert event == {"a": None, "b": 2, "c": 0}


async def test_keep_takes_the_first_name_that_is_there() -> None:
    """Null, 0 and false are there."""
    bench = Bench(Keep, {"fields": {"a": "x", "b": ["y", "z"], "c": "none"}})
    assert await bench.feed({"x": 1, "y": None, "z": 3}, {"x": 1, "z": 3}, {}) == [
        {"a": 1, "b": None},
        {"a": 1, "b": 3},
        {},
    ]


async def test_drop_leaves_the_rest() -> None:
    bench = Bench(Drop, {"fields": ["b", "none"]})
    event = {"a": 1, "b": 2}
    assert await bench.feed(event) == [{"a": 1}]
    assert event == {"a": 1, "b": 2}


async def test_rename_leaves_what_it_does_not_know() -> None:
    bench = Bench(Rename, {"fields": {"a": "always", "b": "be"}})
    assert await bench.feed({"a": 1, "b": None}, {"foo": "bar"}) == [
        {"always": 1, "be": None},
        {"foo": "bar"},
    ]


def test_names_can_be_exchanged() -> None:
    assert rename({"a": 1, "b": 2, "c": 3}, {"a": "b", "b": "a"}) == {"b": 1, "a": 2, "c": 3}


def test_a_field_with_the_new_name_gives_way() -> None:
    assert rename({"a": 1, "b": 2}, {"a": "b"}) == {"b": 1}
    assert rename({"b": 2}, {"a": "b"}) == {"b": 2}


@given(
    st.dictionaries(NAMES, st.integers()),
    st.dictionaries(NAMES, NAMES).filter(lambda names: len({*names.values()}) == len(names)),
)
def test_rename_loses_no_value_but_those_whose_name_was_taken(
    event: dict[str, int], names: dict[str, str]
) -> None:
    """Each value is found under its new name; the event itself stays as it was."""
    before = dict(event)
    made = rename(event, names)
    assert event == before
    moved = {names[name] for name in event if name in names}
    for name, value in event.items():
        if name in names:
            assert made[names[name]] == value
        elif name not in moved:
            assert made[name] == value
    assert len(made) == len(moved | {name for name in event if name not in names})


@pytest.mark.parametrize("stage", [Keep, Drop, Rename])
async def test_what_is_no_object_is_reported(stage: type[Keep | Drop | Rename]) -> None:
    bench = Bench(stage, {"fields": {"a": "b"} if stage is not Drop else ["a"]})
    assert await bench.feed("text", [1], None, {"x": 1}) == ([{}] if stage is Keep else [{"x": 1}])
    assert bench.errors == [
        f"TypeError: the event is {kind}, and has no fields"
        for kind in ("a text", "a list", "null")
    ]


@pytest.mark.parametrize(
    ("stage", "config", "why"),
    [
        (Keep, {}, "fields"),
        (Keep, {"fields": []}, "length >= 1"),
        (Keep, {"fields": {"a": 1}}, "Expected `str | array`"),
        (Drop, {"fields": {"a": "b"}}, "Expected `array`"),
        (Rename, {"fields": {}}, "length >= 1"),
        (Rename, {"fields": {"a": "c", "b": "c"}}, "'a' and 'b' both become 'c'"),
        (Rename, {"fields": {"a": "c"}, "field": 1}, "unknown field `field`"),
    ],
)
def test_a_config_that_means_nothing_is_refused(
    stage: type[Keep | Drop | Rename], config: dict[str, object], why: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=why.replace("|", r"\|")):
        Bench(stage, config)
