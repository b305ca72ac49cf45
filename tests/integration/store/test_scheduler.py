"""Crons of the database: fired once over all runners, and never lost with one of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pools.protocol import ErrorInfo, Outcome, OutcomeKind
from runner.errors import NotResolvedError
from runner.schedules.clock import SystemClock
from runner.schedules.scheduler import CHANNEL, MAX_ATTEMPTS, MOST_OPEN
from runner.store.listener import Listener
from runner.store.named_queries import load_queries
from runner.store.pool import connect
from tests.integration.store.conftest import Rows
from tests.integration.store.scheduling import NOON, HandClock, Runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    from runner.store.pool import Connection


@pytest.fixture
def database(create_database: Callable[[str], str], template: str) -> str:
    """A database of its own for each test."""
    return create_database(template)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    async with connect(database) as connection:
        yield connection


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def add_cron(connection: Connection, value: str, **columns: Any) -> UUID:
    rows = Rows(connection)
    worker = await rows.worker(await rows.user(), None)
    names = ["worker_id", "value", *columns]
    marks = ", ".join(["%s"] * len(names))
    statement = f"INSERT INTO crons ({', '.join(names)}) VALUES ({marks}) RETURNING id"
    cron: UUID = await rows.one(statement, worker, value, *columns.values())
    return cron


async def events(connection: Connection) -> list[tuple[Any, ...]]:
    """Return seconds after noon, outcome and attempts of each event, in order."""
    cursor = await connection.execute(
        "SELECT extract(epoch FROM scheduled_at - %s)::int, outcome, attempts, replied_at IS NULL"
        " FROM scheduled_events ORDER BY scheduled_at",
        (NOON,),
    )
    return await cursor.fetchall()


async def test_two_schedulers_fire_each_event_once(
    database: str, connection: Connection, clock: HandClock
) -> None:
    cron = await add_cron(connection, "* * * * * *")
    async with Runner(database, clock) as one, Runner(database, clock) as other:
        for _ in range(10):
            await asyncio.gather(one.idle(), other.idle())
            clock.advance(1)
        await asyncio.gather(one.idle(), other.idle())
        assert sorted(one.times + other.times) == list(range(1, 11))
        assert await events(connection) == [(n, "ok", 1, False) for n in range(1, 11)]
    row = await connection.execute("SELECT last_run, next_run FROM crons WHERE id = %s", (cron,))
    assert await row.fetchone() == (NOON + timedelta(seconds=10), NOON + timedelta(seconds=11))


async def test_the_worker_sees_what_fired_and_the_journal_tells_of_it(
    database: str, connection: Connection, clock: HandClock
) -> None:
    await add_cron(connection, "@hourly")
    async with Runner(database, clock) as runner:
        runner.outcome = Outcome(OutcomeKind.EXCEPTION, ErrorInfo("Error", "no"))
        await runner.idle()
        clock.advance(3600)
        await runner.idle()
        ((_, event),) = runner.started
        assert event["cron"] == "@hourly"
        assert event["type"] == "scheduled"
        (line,) = runner.lines.events
        assert (line.method, line.url, line.status, line.problem) == (
            "SCHEDULED",
            "@hourly",
            500,
            "Error: no",
        )
        assert line.request_id == f"scheduled-{event['id']}"
        assert await events(connection) == [(3600, "exception", 1, False)]
        assert runner.admission.total == 0


async def test_an_event_outlives_the_runner_that_claimed_it(
    database: str, connection: Connection, clock: HandClock
) -> None:
    """It was killed before the execution; another runs the event, once."""
    await add_cron(connection, "0 * * * *", next_run=NOON)
    async with Runner(database, clock) as dying:
        dying.workers.gate.clear()
        await clock.until(lambda: dying.workers.asked)
        await dying.kill()
        assert await events(connection) == [(0, None, 0, True)]
    async with Runner(database, clock) as other:
        await other.idle()
        clock.advance(10)
        await other.idle()
        assert other.times == [], "it might be alive"
        for _ in range(4):
            clock.advance(10)
            await other.idle()
        assert other.times == [0]
        assert await events(connection) == [(0, "ok", 1, False)]


async def test_who_lost_its_lease_does_not_run_the_event(
    database: str, connection: Connection, clock: HandClock
) -> None:
    """A runner that stood still for a while finds that another was faster."""
    await add_cron(connection, "0 * * * *", next_run=NOON)
    async with Runner(database, clock) as slow:
        slow.workers.gate.clear()
        await clock.until(lambda: slow.workers.asked and slow.scheduler._look_at > NOON)
        slow.scheduler._look_at = NOON + timedelta(days=1)
        async with Runner(database, clock) as other:
            for _ in range(5):
                clock.advance(10)
                await other.idle()
            assert other.times == [0]
        slow.workers.gate.set()
        await slow.idle()
        assert slow.times == []
        assert slow.admission.total == 0
        assert await events(connection) == [(0, "ok", 1, False)]


async def test_a_lease_is_renewed_while_its_event_runs(
    database: str, connection: Connection, clock: HandClock
) -> None:
    await add_cron(connection, "0 * * * *", next_run=NOON)
    async with Runner(database, clock) as busy, Runner(database, clock) as other:
        busy.outcome = other.outcome = None
        await clock.until(lambda: busy.started or other.started)
        for _ in range(30):
            clock.advance(10)
            await clock.until(
                lambda: all(r.scheduler._renew_at > clock.now() for r in (busy, other))
            )
        assert len(busy.started + other.started) == 1
        busy.end()
        other.end()
        await asyncio.gather(busy.idle(), other.idle())
    assert (await events(connection))[0] == (0, "ok", 1, False)


async def test_an_event_that_takes_its_host_down_is_given_up(
    database: str, connection: Connection, clock: HandClock
) -> None:
    await add_cron(connection, "0 * * * *", next_run=NOON)
    async with Runner(database, clock) as runner:
        runner.outcome = Outcome(OutcomeKind.HOST_LOST)
        await runner.idle()
        assert runner.times == [0] * MAX_ATTEMPTS
        assert await events(connection) == [(0, "host_lost", MAX_ATTEMPTS, False)]


async def test_an_event_that_took_its_runners_down_is_not_run_again(
    database: str, connection: Connection, clock: HandClock
) -> None:
    cron = await add_cron(connection, "0 * * * *")
    await connection.execute(
        "INSERT INTO scheduled_events (cron_id, worker_id, executed_at, scheduled_at, leased_until, attempts)"
        " SELECT id, worker_id, %s, %s, %s, %s FROM crons WHERE id = %s",
        (NOON, NOON, NOON, MAX_ATTEMPTS, cron),
    )
    async with Runner(database, clock) as runner:
        await runner.idle()
        assert runner.times == []
    assert await events(connection) == [(0, "host_lost", MAX_ATTEMPTS, False)]


@pytest.mark.parametrize("error", [None, NotResolvedError(503, "no database"), RuntimeError("bug")])
async def test_an_event_waits_for_better_times(
    database: str, connection: Connection, clock: HandClock, error: Exception | None
) -> None:
    """There is no place, or its worker can not be found at the moment."""
    await add_cron(connection, "0 * * * *", next_run=NOON)
    async with Runner(database, clock, max_total=1) as runner:
        if error is None:
            runner.admission.try_enter("other", "other")
        runner.workers.error = error
        await runner.idle()
        clock.advance(30)
        await runner.idle()
        assert runner.times == []
        assert await events(connection) == [(0, None, 0, True)]
        runner.workers.error = None
        if error is None:
            runner.admission.leave("other", "other")
        clock.advance(30)
        await runner.idle()
        assert runner.times == [0]
        assert (await events(connection))[0] == (0, "ok", 1, False)


async def test_an_event_of_a_worker_that_is_gone_is_over(
    database: str, connection: Connection, clock: HandClock
) -> None:
    await add_cron(connection, "0 * * * *", next_run=NOON)
    async with Runner(database, clock) as runner:
        runner.workers.missing = {
            str(worker)
            for (worker,) in await (await connection.execute("SELECT id FROM workers")).fetchall()
        }
        await runner.idle()
        assert await events(connection) == [(0, "no_worker", 0, False)]


async def test_a_runner_that_ends_leaves_nothing_behind(
    database: str, connection: Connection, clock: HandClock
) -> None:
    """What runs may finish; what was ended by force, or has not begun, is another's at once."""
    for minute in range(3):
        await add_cron(connection, "* * * * *", next_run=NOON - timedelta(minutes=minute))
    async with Runner(database, clock) as ending:
        ending.outcome = None
        await clock.until(lambda: len(ending.started) == 3)
        ending.workers.gate.clear()
        await add_cron(connection, "@hourly", next_run=NOON)
        ending.scheduler.notice()
        await clock.until(lambda: ending.workers.asked == 4)
        ending.scheduler.stop()
        kinds = [OutcomeKind.OK, OutcomeKind.TERMINATED, OutcomeKind.TERMINATED]
        for (number, _), kind in zip(ending.started, kinds, strict=True):
            ending.bench.lane.turn(number, outcome=Outcome(kind))
        await ending.task
        rows = sorted(str(row[1:]) for row in await events(connection))
        assert rows == ["('ok', 1, False)", *["(None, 0, True)"] * 3]
        ending.started.clear()
    async with Runner(database, clock) as other:
        await other.idle()
        assert len(other.started) == 3
        assert {row[1:] for row in await events(connection)} == {("ok", 1, False)}


async def test_a_slow_worker_does_not_pile_up_events(
    database: str, connection: Connection, clock: HandClock
) -> None:
    await add_cron(connection, "* * * * * *")
    async with Runner(database, clock) as runner:
        runner.outcome = None
        for second in range(30):
            await clock.until(
                lambda: runner.scheduler._look_at > clock.now() and not runner.scheduler._beginning
            )
            clock.advance(1)
            if second < MOST_OPEN:
                # Each is on its lane before the next is due.
                await clock.until(lambda: len(runner.started) == second + 1)  # noqa: B023
        assert len(runner.started) == MOST_OPEN
        runner.outcome = Outcome(OutcomeKind.OK)
        runner.end()
        await clock.until(lambda: not runner.scheduler._held)
        clock.advance(5)
        await runner.idle()
        assert runner.times == list(range(MOST_OPEN + 1, 36)), "none of a minute is lost"


async def test_an_expression_that_another_tool_spoilt_is_told_once(
    database: str, connection: Connection, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The others fire on; it is planned again when it was mended."""
    bad = await add_cron(connection, "every now and then")
    stale = await add_cron(connection, "0 0 31 2 *", next_run=NOON)
    await add_cron(connection, "* * * * * *", timezone="Europe/Berlin")
    async with Runner(database, clock) as one, Runner(database, clock) as other:
        for _ in range(3):
            await asyncio.gather(one.idle(), other.idle())
            clock.advance(5)
        await asyncio.gather(one.idle(), other.idle())
        assert len(one.times + other.times) == 15
        told = [record.getMessage() for record in caplog.records if str(bad) in record.getMessage()]
        assert len(told) == 1
        assert "five fields" in told[0]
        told = [
            record.getMessage() for record in caplog.records if str(stale) in record.getMessage()
        ]
        assert len(told) == 1
        await connection.execute("UPDATE crons SET value = '@hourly' WHERE id = %s", (bad,))
        one.scheduler.notice()
        await one.idle()
    row = await connection.execute("SELECT refused, next_run FROM crons WHERE id = %s", (bad,))
    assert await row.fetchone() == (None, NOON + timedelta(hours=1))


async def test_a_schedule_that_is_changed_is_planned_anew(
    database: str, connection: Connection, clock: HandClock
) -> None:
    cron = await add_cron(connection, "@hourly")

    async def next_run() -> Any:
        row = await connection.execute("SELECT next_run FROM crons WHERE id = %s", (cron,))
        found = await row.fetchone()
        assert found is not None
        return found[0]

    async with Runner(database, clock) as runner:
        await runner.idle()
        assert await next_run() == NOON + timedelta(hours=1)
        await connection.execute("UPDATE crons SET value = '@daily' WHERE id = %s", (cron,))
        runner.scheduler.notice()
        await runner.idle()
        assert await next_run() == NOON + timedelta(hours=12)
        await connection.execute("UPDATE crons SET deleted_at = now() WHERE id = %s", (cron,))
        clock.advance(24 * 3600)
        await runner.idle()
        await connection.execute("UPDATE crons SET deleted_at = NULL WHERE id = %s", (cron,))
        runner.scheduler.notice()
        await runner.idle()
        assert await next_run() == NOON + timedelta(hours=36), "while it was gone it missed nothing"
        assert runner.times == []


async def test_a_change_wakes_the_scheduler_and_the_clock_is_met(
    database: str, connection: Connection
) -> None:
    """Nobody waits for the poll, and events run at their second."""
    clock = SystemClock()
    late: list[float] = []
    ran = asyncio.Event()
    async with Runner(database, clock) as runner:

        def on_start(lane: Any, start: Any) -> None:
            runner._on_start(lane, start)
            event = runner.started[-1][1]
            late.append(clock.now().timestamp() - event["scheduledTime"] / 1000)
            if len(late) == 2:
                ran.set()

        runner.bench.lane.on_start = on_start

        def notice(*_: str) -> None:
            runner.scheduler.notice()

        async with Listener(database, [CHANNEL], notice, notice, needs=True):
            # The first look finds nothing.
            while runner.scheduler._look_at <= clock.now():
                await asyncio.sleep(0)
            await add_cron(connection, "* * * * * *")
            async with asyncio.timeout(4):
                await ran.wait()
    assert 0 <= min(late) < 0.25, late


async def test_times_that_are_none_are_no_obstacle(
    database: str, connection: Connection, clock: HandClock
) -> None:
    for time in ("infinity", "-infinity", "20000-01-01", "0044-03-15 BC"):
        await add_cron(connection, "@hourly", next_run=time)
    async with Runner(database, clock) as runner:
        await runner.idle()
        assert runner.times == [0, 0], "those that are long overdue"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("due", "idx_crons_next_run"),
        ("unplanned", "idx_crons_next_run"),
        ("soonest", "idx_crons_next_run"),
        ("take_over", "idx_scheduled_events_open"),
        ("forget", "idx_scheduled_events_scheduled_at"),
    ],
)
async def test_what_is_asked_often_uses_its_index(
    connection: Connection, query: str, index: str
) -> None:
    """Whatever the number of crons and events."""
    await connection.execute("SET enable_seqscan = off")
    statement = load_queries("schedules")[query]
    parameters = {
        "now": NOON,
        "until": NOON,
        "before": NOON,
        "most": 10,
        "most_open": 10,
        "lost": True,
    }
    cursor = await connection.execute(f"EXPLAIN {statement}".encode(), parameters)
    plan = "\n".join(line for (line,) in await cursor.fetchall())
    assert index in plan
