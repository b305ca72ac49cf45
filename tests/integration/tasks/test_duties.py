"""What keeps the queue in order: each duty by its turns, and the contract that all share."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from runner.errors import CronError, NotFoundError
from runner.tasks.duties import Cleaner, Duties, Rescuer, Retention, ScheduleFiring, Sweeper
from runner.tasks.engine import open_engine
from runner.tasks.errors import ScheduleExistsError, TaskRefusedError
from runner.tasks.schedules import NewSchedule
from runner.tasks.task import Completed, Failed, Status
from tests.integration.tasks.conftest import ALICE, BOB, new_task

if TYPE_CHECKING:
    from uuid import UUID

    from runner.tasks.wakes import TaskWakes
    from tests.integration.store.scheduling import HandClock
    from tests.integration.tasks.conftest import Queue


def schedule(name: str = "s", cron: str = "0 * * * * *", **fields: Any) -> NewSchedule:
    return NewSchedule(name=name, cron=cron, task=new_task(name, tenant=ALICE), **fields)


async def dues(queue: Queue) -> list[str]:
    rows = await queue.execute(
        "SELECT due_at FROM tasks WHERE schedule IS NOT NULL ORDER BY due_at"
    )
    return [
        due.astimezone(UTC).strftime("%H:%M:%S") for (due,) in rows if isinstance(due, datetime)
    ]


async def test_ended_tasks_go_when_their_time_is_over(queue: Queue, clock: HandClock) -> None:
    """Each state has a time of its own; what has not ended stays."""
    ids = {}
    for end in (Completed(), Failed(error="x")):
        await queue.add()
        (task,) = await queue.claim()
        await queue.settle(task, end)
        ids[type(end).__name__] = task.id
    ids["cancelled"] = await queue.add()
    await queue.engine.cancel(ids["cancelled"])
    ids["pending"] = await queue.add()
    cleaner = Cleaner(queue.engine, Retention(completed_s=10, failed_s=100, cancelled_s=None))

    async def left() -> set[str]:
        await cleaner.turn()
        rows = await queue.execute("SELECT id FROM tasks")
        return {name for name, task in ids.items() if (task,) in rows}

    assert await left() == {"Completed", "Failed", "cancelled", "pending"}
    clock.advance(11)
    assert await left() == {"Failed", "cancelled", "pending"}
    clock.advance(100)
    assert await left() == {"cancelled", "pending"}
    assert cleaner.deleted == 2
    assert await queue.engine.clean(Status.CANCELLED, 0, BOB) == 0
    assert await queue.engine.clean(Status.PENDING, 0) == 0


async def test_a_rescue_is_told(
    queue: Queue, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    task = await queue.add()
    rescuer = Rescuer(queue.engine, patience_s=0)
    with queue.engine.events.subscribe() as events:
        for _ in range(3):
            await queue.claim(lease_s=5)
            clock.advance(6)
            await rescuer.turn()
        assert [event.event for event in events.take()] == ["retrying", "retrying", "failed"]
    assert rescuer.rescued == 3
    assert "it is given up" in caplog.text
    assert await queue.status(task) == "failed"


async def test_more_lost_tasks_than_a_batch_are_all_found(queue: Queue, clock: HandClock) -> None:
    await queue.engine.enqueue_many([new_task() for _ in range(1100)])
    await queue.claim(1100, lease_s=1)
    clock.advance(2)
    rescuer = Rescuer(queue.engine, patience_s=0)
    await rescuer.turn()
    assert rescuer.rescued == 1100


async def test_a_schedule_fires_on_its_instants(queue: Queue, clock: HandClock) -> None:
    """Seconds first; from the time on when it was made, with what its task says."""
    schedules = queue.engine.schedules
    added = await schedules.add(schedule(cron="*/20 * * * * *"))
    firing = ScheduleFiring(queue.engine)
    assert await firing.turn() == 5.0
    clock.advance(19)
    assert await firing.turn() == 1.0
    for _ in range(4):
        clock.advance(10.5)
        await firing.turn()
    assert await dues(queue) == ["12:00:20", "12:00:40", "12:01:00"]
    (task, *_) = await queue.claim(9)
    assert (task.script, task.tenant) == ("s", ALICE)
    read = await schedules.get(added, ALICE)
    assert read.last_run == datetime(2026, 3, 1, 12, 1, tzinfo=UTC)
    assert read.next_run == datetime(2026, 3, 1, 12, 1, 20, tzinfo=UTC)
    assert (await queue.engine.get(task.id)).schedule == added


async def test_any_number_of_schedulers_fire_once(
    queue: Queue, clock: HandClock, empty: str
) -> None:
    for number in range(20):
        await queue.engine.schedules.add(schedule(f"s{number}"))
    async with open_engine(empty, clock) as other:
        firings = [ScheduleFiring(one) for one in (queue.engine, other) for _ in range(4)]
        for _ in range(5):
            await asyncio.gather(*(firing.turn() for firing in firings))
            clock.advance(60)
    rows = await queue.execute("SELECT count(*), count(DISTINCT (schedule, due_at)) FROM tasks")
    assert rows == [(80, 80)]
    assert sum(firing.fired for firing in firings) == 80


@pytest.mark.parametrize(
    ("missed", "fired"),
    [("skip", []), ("once", ["12:03:00"]), ("all", ["12:01:00", "12:02:00", "12:03:00"])],
)
async def test_what_nobody_was_there_for_is_up_to_the_schedule(
    queue: Queue, clock: HandClock, missed: Any, fired: list[str]
) -> None:
    await queue.engine.schedules.add(schedule(missed=missed))
    firing = ScheduleFiring(queue.engine)
    await firing.turn()
    clock.advance(3 * 60 + 30)
    await firing.turn()
    assert await dues(queue) == fired
    clock.advance(30)
    await firing.turn()
    assert await dues(queue) == [*fired, "12:04:00"]


async def test_all_that_was_missed_comes_even_if_it_is_much(queue: Queue, clock: HandClock) -> None:
    await queue.engine.schedules.add(schedule(cron="* * * * * *", missed="all"))
    firing = ScheduleFiring(queue.engine)
    await firing.turn()
    clock.advance(2500)
    await firing.turn()
    assert firing.fired == 2500


def test_local_times_follow_the_zone_through_the_change_of_clocks() -> None:
    """On 29 March 2026 clocks in Berlin go from 2 to 3: the run at 2:30 comes at 3:00, once; in October once, too."""
    from runner.schedules.cron import parse_cron
    from runner.tasks.schedules import choose

    cron = parse_cron("0 30 2 * * *", "Europe/Berlin")
    for day, expected in (
        (datetime(2026, 3, 28, 12, tzinfo=UTC), ["29T01:00"]),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), ["25T00:30"]),
    ):
        planned = cron.after(day)
        assert planned is not None
        fired, following = choose(cron, planned, day + timedelta(days=1), "all")
        assert [one.strftime("%dT%H:%M") for one in fired] == expected
        assert following is not None
        assert following > day + timedelta(days=1)


async def test_a_paused_schedule_has_missed_nothing(queue: Queue, clock: HandClock) -> None:
    schedules = queue.engine.schedules
    added = await schedules.add(schedule(missed="all"))
    firing = ScheduleFiring(queue.engine)
    await firing.turn()
    await schedules.pause(added)
    clock.advance(600)
    await firing.turn()
    await schedules.resume(added, ALICE)
    await firing.turn()
    assert await dues(queue) == []
    clock.advance(60)
    await firing.turn()
    assert await dues(queue) == ["12:11:00"]


async def test_a_schedule_that_can_not_be_is_refused_at_once_or_where_it_stands(
    queue: Queue, clock: HandClock
) -> None:
    """What SQL wrote by hand stops no other; its reason is kept with it until it is changed."""
    schedules = queue.engine.schedules
    for wrong in ("61 * * * * *", "0 0 30 2 *", "nonsense"):
        with pytest.raises(CronError):
            await schedules.add(schedule(cron=wrong))
    with pytest.raises(CronError):
        await schedules.add(schedule(timezone="Nowhere/Nothing"))
    with pytest.raises(TaskRefusedError):
        await schedules.add(schedule(""))
    added = await schedules.add(schedule("good"))
    with pytest.raises(ScheduleExistsError):
        await schedules.add(schedule("good"))
    await queue.execute(
        "INSERT INTO task_schedules (name, cron, script) VALUES ('bad', 'never', 'x')"
    )
    firing = ScheduleFiring(queue.engine)
    await firing.turn()
    bad, good = sorted(await schedules.all(), key=lambda one: one.name)
    assert "'never' can not be used" in str(bad.refused)
    assert (good.id, good.refused) == (added, None)
    await queue.execute("UPDATE task_schedules SET cron = '* * * * * *' WHERE name = 'bad'")
    await firing.turn()
    assert (await schedules.get(bad.id)).refused is None
    await schedules.remove(added, ALICE)
    for gone, tenant in ((added, ALICE), (bad.id, BOB)):
        with pytest.raises(NotFoundError):
            await schedules.get(gone, tenant)
        with pytest.raises(NotFoundError):
            await schedules.remove(gone, tenant)


async def test_dead_rows_are_swept_away(queue: Queue) -> None:
    sweeper = Sweeper(queue.engine, dead_rows=100)
    await queue.engine.enqueue_many([new_task() for _ in range(300)])
    await queue.claim(300)
    async with queue.engine.lines.lend() as line:
        await line.connection.execute("SELECT pg_stat_force_next_flush()")
        await line.connection.execute("SELECT")
    async with asyncio.timeout(10):
        while not sweeper.swept:
            await sweeper.turn()
    async with queue.engine.lines.lend() as line:
        await line.connection.execute("SELECT pg_stat_clear_snapshot()")
        row = await line.first("bloat")
    assert row is not None
    assert row[0] < 300


async def test_duties_start_and_stop_together_and_hear_of_schedules(
    queue: Queue, wakes: TaskWakes, clock: HandClock
) -> None:
    """A schedule that is added is planned without waiting for the next look."""
    duties = Duties(queue.engine, wakes)
    duties.start()
    added: UUID = await queue.engine.schedules.add(schedule())
    async with asyncio.timeout(10):
        while (await queue.engine.schedules.get(added)).next_run is None:
            await asyncio.sleep(0)
        clock.advance(60)
        while not await dues(queue):
            await asyncio.sleep(0)
    await duties.stop()
    assert await dues(queue) == ["12:01:00"]
