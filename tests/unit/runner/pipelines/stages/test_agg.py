"""Groups of events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.pipelines.stages.agg import Agg, Arrival, Groups, event_time_s, group_name
from tests.unit.runner.pipelines.stages.stage_bench import Bench


def bench_of(**config: Any) -> Bench:
    def view(events: list[Any]) -> Any:
        return {"group": [event["n"] for event in events]}

    return Bench(Agg, {"key": lambda event: event["k"], "view": view, **config})


def event(n: int, k: Any = "a", **fields: Any) -> dict[str, Any]:
    return {"n": n, "k": k, **fields}


async def test_a_group_is_emitted_when_it_has_its_size() -> None:
    bench = bench_of(maxSize=2)
    assert await bench.feed(event(1), event(2, "b"), event(3), event(4)) == [{"group": [1, 3]}]
    assert await bench.end() == [{"group": [2]}, {"group": [4]}]
    assert await bench.end() == []


async def test_an_event_that_is_late_by_its_own_time_begins_the_next_group() -> None:
    bench = bench_of(maxEventSeconds=10)
    assert await bench.feed(event(1, ts=0), event(2, ts=9_999), event(3, ts=10_000)) == [
        {"group": [1, 2]}
    ]
    assert await bench.end() == [{"group": [3]}]


async def test_a_time_may_be_a_text_in_a_field_of_another_name() -> None:
    bench = bench_of(maxEventSeconds=60, tsField="at")
    first = event(1, at="2026-01-01T00:00:00.000Z")
    assert await bench.feed(first, event(2, at="2026-01-01T00:01:00Z")) == [{"group": [1]}]


async def test_a_group_is_emitted_when_it_has_waited_long_enough() -> None:
    bench = bench_of(maxRealSeconds=30)
    await bench.feed(event(1))
    bench.context.hand.time += timedelta(seconds=20)
    await bench.feed(event(2, "b"))
    assert await bench.interval() == []
    bench.context.hand.time += timedelta(seconds=10)
    assert await bench.interval() == [{"group": [1]}]
    assert bench.stage.interval_s == 1


@pytest.mark.parametrize(
    "config",
    [{"filter": lambda event: event["n"] % 2}, {"filtered": lambda event: event["n"] % 2 == 0}],
)
async def test_what_is_filtered_out_is_in_no_group(config: dict[str, Any]) -> None:
    bench = bench_of(**config)
    assert await bench.feed(event(1), event(2), event(3)) == []
    assert await bench.end() == [{"group": [1, 3]}]


async def test_groups_may_have_marks_of_their_own() -> None:
    bench = bench_of(
        start=lambda event: event.get("start", False), stop=lambda event: event.get("stop", False)
    )
    made = await bench.feed(event(0), event(1, start=True), event(2), event(3, stop=True), event(4))
    assert made == [{"group": [1, 2, 3]}]
    assert await bench.end() == []


async def test_of_too_many_groups_the_oldest_is_emitted() -> None:
    bench = bench_of(maxGroups=2)
    assert await bench.feed(event(1, "a"), event(2, "b"), event(3, "c")) == [{"group": [1]}]
    assert await bench.end() == [{"group": [2]}, {"group": [3]}]


async def test_an_event_without_key_is_reported_and_the_others_are_grouped() -> None:
    bench = bench_of()
    assert await bench.feed({"n": 1}, event(2)) == []
    assert await bench.end() == [{"group": [2]}]
    assert bench.errors == ["KeyError: 'k'"]


async def test_a_view_of_null_or_that_fails_emits_nothing() -> None:
    bench = bench_of(view=lambda events: None if events[0]["n"] == 1 else events[99])
    await bench.feed(event(1), event(2, "b"))
    assert await bench.end() == []
    assert bench.errors == ["IndexError: list index out of range"]


@pytest.mark.parametrize(
    "config",
    [
        {"filter": lambda _: True, "filtered": lambda _: True},
        {"maxSize": 0},
        {"maxEventSeconds": 0},
        {"view": "events => events[0]"},
        {"maxsize": 1},
    ],
)
def test_a_config_that_means_nothing_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        bench_of(**config)


def test_keys_are_told_apart_as_properties_are() -> None:
    assert group_name(1) == group_name("1")
    assert group_name(None) == "null"
    assert group_name({"a": [1]}) != group_name({"a": [2]})


@pytest.mark.parametrize("value", [True, None, "now", [], 10**400, "9999-12-31T23:59:59-23:59x"])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert event_time_s({"ts": value}, "ts") is None


@given(
    st.lists(
        st.builds(
            Arrival,
            event=st.integers(),
            key=st.sampled_from("abc"),
            event_s=st.none() | st.integers(0, 100),
            starts=st.just(value=True),
            stops=st.booleans(),
        )
    ),
    st.integers(1, 4),
    st.integers(1, 2),
)
def test_each_event_is_in_one_group_in_its_order(
    arrivals: list[Arrival[int]], size: int, many: int
) -> None:
    """Whatever their keys, times and marks; no group is larger, and no more are open, than allowed."""
    numbered = [arrival._replace(event=number) for number, arrival in enumerate(arrivals)]
    groups: Groups[int] = Groups(size, many, 10)
    closed = []
    for arrival in numbered:
        closed += groups.add(arrival, 0)
        assert len(groups._open) <= many
    closed += groups.take()
    assert sorted(number for group in closed for number in group) == [*range(len(numbered))]
    for group in closed:
        assert 1 <= len(group) <= size
        assert group == sorted(group)
        assert len({numbered[number].key for number in group}) == 1
