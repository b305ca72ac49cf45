"""What a pipeline tells of itself."""

from __future__ import annotations

from typing import Any

import pytest

from runner.pipelines.counts import Counts
from runner.pipelines.stages.errors import Errors
from runner.pipelines.stages.stats import Stats
from tests.unit.runner.pipelines.stages.stage_bench import Bench


def error(message: str, *stack: str, stage: str = "a") -> dict[str, Any]:
    return {"stage": stage, "name": "Error", "message": message, "stack": list(stack)}


async def test_errors_that_are_alike_are_told_together_once_an_interval() -> None:
    bench = Bench(Errors, {})
    assert bench.stage.interval_s == 60
    assert await bench.feed(error("x", "at 1", "at 2"), error("x", "at 1", "at 3")) == []
    assert await bench.interval() == [
        {
            "message": "a: Error: x", "stack": ["at 1"], "count": 2, "type": "error",
            "ts": "2026-03-01T12:00:00+00:00", "severity": 3,
        }
    ]  # fmt: skip
    assert await bench.interval() == []


async def test_how_deep_stacks_are_looked_at_is_a_setting() -> None:
    bench = Bench(Errors, {"stackDepth": 2, "intervalSeconds": 5})
    assert bench.stage.interval_s == 5
    await bench.feed(error("x", "at 1", "at 2"), error("x", "at 1", "at 3"))
    assert [event["stack"] for event in await bench.end()] == [["at 1", "at 2"], ["at 1", "at 3"]]


async def test_errors_of_many_kinds_take_no_more_memory() -> None:
    bench = Bench(Errors, {"interval": 7})
    assert bench.stage.interval_s == 7
    await bench.feed(*(error(str(number)) for number in range(1500)))
    told = await bench.interval()
    assert len(told) == 1001
    assert (told[-1]["message"], told[-1]["count"]) == ("a: errors of other kinds", 500)


@pytest.fixture
def stats() -> Bench:
    totals = Counts(errors=1, events_in=10, bytes_in=3 << 20)
    bench = Bench(Stats, {"enable": {"rates": True}})
    bench.context.totals = lambda: totals  # type: ignore[attr-defined]
    bench.context.memory = lambda: (5 << 20, 7 << 20)  # type: ignore[attr-defined]
    return bench


async def test_counts_are_those_since_the_last_time(stats: Bench) -> None:
    assert stats.stage.interval_s == 15
    stats.context.hand.time = stats.context.hand.time.replace(second=10)
    (first,) = await stats.interval()
    assert first["message"] == "errors[1] events[in=10 out=0] lines[in=0 out=0] mbytes[in=3 out=0]"
    assert (first["type"], first["heapMB"], first["rssMB"]) == ("stats", 5, 7)
    assert first["rate"]["events_in"] == 1.0
    (second,) = await stats.end()
    assert (second["errors"], second["events_in"]) == (0, 0)


async def test_memory_need_not_be_told() -> None:
    bench = Bench(Stats, {"enable": {"memory": False}, "interval": 2})
    bench.context.totals = Counts  # type: ignore[attr-defined]
    assert bench.stage.interval_s == 2
    (event,) = await bench.interval()
    assert "heapMB" not in event
    assert "rate" not in event
