"""Events at the times of a cron expression."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from runner.pipelines.stage import JsFunction
from runner.pipelines.stages.scheduler import Scheduler, SchedulerConfig
from tests.unit.runner.pipelines.stages.stage_bench import Bench

if TYPE_CHECKING:
    from runner.pipelines.stage import Event


async def times(config: dict[str, Any], number: int, begin: datetime) -> list[datetime]:
    """Return when the first events come."""
    bench = Bench(Scheduler, config)
    hand = bench.context.hand
    hand.time = begin
    found: list[datetime] = []

    async def emit(event: Event) -> None:
        assert event == config.get("payload", {})
        found.append(hand.time)
        if len(found) == number:
            bench.context.stopping.set()

    await bench.stage.run(emit)
    return found


async def test_every_33_seconds_means_seconds_0_and_33() -> None:
    """The seconds stand first, and a step begins anew with each minute."""
    begin = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)
    found = await times({"cron": "*/33 * * * * *"}, 4, begin)
    assert [(time.minute, time.second) for time in found] == [(0, 33), (1, 0), (1, 33), (2, 0)]


async def test_five_fields_have_no_seconds() -> None:
    begin = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)
    found = await times({"cron": "30 4 * * *", "payload": [1]}, 2, begin)
    assert [time.isoformat() for time in found] == [
        "2026-03-02T04:30:00+00:00", "2026-03-03T04:30:00+00:00",
    ]  # fmt: skip


async def test_a_time_zone_has_its_own_mornings() -> None:
    begin = datetime(2026, 3, 28, 12, tzinfo=UTC)
    found = await times({"cron": "0 0 9 * * *", "timezone": "Europe/Berlin"}, 2, begin)
    assert [time.hour for time in found] == [7, 7]


async def test_times_that_pass_while_there_is_no_room_are_left_out() -> None:
    """While the stages behind had no room, a minute went by."""
    bench = Bench(Scheduler, {"cron": "* * * * * *"})
    hand = bench.context.hand
    hand.time = begin = datetime(2026, 3, 1, 12, 0, 0, 500000, tzinfo=UTC)
    found: list[float] = []

    async def emit(event: Event) -> None:
        found.append((hand.time - begin).total_seconds())
        if len(found) == 1:
            hand.time += timedelta(seconds=60)
        if len(found) == 3:
            bench.context.stopping.set()

    await bench.stage.run(emit)
    assert found == [0.5, 61.5, 62.5]


def test_a_function_is_no_payload() -> None:
    with pytest.raises(ValueError, match="payload must be a value"):
        SchedulerConfig(cron="* * * * *", payload=JsFunction("payload"))
