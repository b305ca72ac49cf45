"""Console lines on NATS, in the table ``logs`` and back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from runner.errors import DatabaseUnavailableError
from runner.logs.publisher import LinePublisher
from runner.logs.retention import LogRetention
from runner.logs.store import LineStore, LogTable
from runner.logs.tail import Tails
from runner.nats.connection import open_bus
from runner.schedules.clock import SystemClock
from runner.store.dedicated import DedicatedConnection
from runner.store.pool import connect
from tests.integration.nats.server import NatsServer
from tests.integration.store.conftest import Rows
from tests.integration.store.scheduling import NOON, HandClock
from tests.integration.store.test_scheduler import add_cron

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
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
async def worker(connection: Connection) -> UUID:
    rows = Rows(connection)
    return await rows.worker(await rows.user(), None)


@pytest.fixture
async def dedicated(database: str) -> AsyncIterator[DedicatedConnection]:
    async with DedicatedConnection(database) as dedicated:
        yield dedicated


@asynccontextmanager
async def running(part: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(part.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


# --- NATS -------------------------------------------------------------------------------------------------------------


async def test_lines_are_published_by_worker_and_level(nats_url: str) -> None:
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def hear(message: Any) -> None:
        heard.put_nowait((message.subject, message.data.decode()))

    worker = str(uuid4())
    async with open_bus([nats_url]) as bus, open_bus([nats_url]) as other:
        await other.subscribe("*.console.>", hear)
        await other.flush()
        publisher = LinePublisher(bus)
        async with running(publisher):
            publisher.line("a.b.*", "INFO", "no subject can be made of this")
            publisher.line(worker, "INFO", "grüße \ud800")
            publisher.line(worker, "ERROR", "line 1\nline 2")
            assert await heard.get() == (f"{worker}.console.INFO", "grüße ?")
            assert await heard.get() == (f"{worker}.console.ERROR", "line 1\nline 2")
        assert publisher.lost == 1


async def test_nothing_waits_for_nats_while_it_is_away(tmp_path: Path) -> None:
    async with NatsServer(tmp_path) as server, open_bus([server.url]) as bus:
        await server.stop()
        while bus.connected:
            await asyncio.sleep(0.001)
        publisher = LinePublisher(bus)
        publisher.line(str(uuid4()), "INFO", "unheard")
        await publisher.flush()
        assert publisher.lost == 1


async def test_a_tail_hears_one_worker_at_the_level_it_wants(nats_url: str) -> None:
    worker, other = str(uuid4()), str(uuid4())
    async with open_bus([nats_url]) as bus, Tails(bus).open(worker, "WARN") as tail:
        publisher = LinePublisher(bus)
        for who, level in ((other, "ERROR"), (worker, "INFO"), (worker, "WARN"), (worker, "ERROR")):
            publisher.line(who, level, f"{level} of {who}")
        await publisher.flush()
        lines = [await tail.read(10), await tail.read(10)]
        assert [(line.level, line.text) for line in lines if line] == [
            ("WARN", f"WARN of {worker}"),
            ("ERROR", f"ERROR of {worker}"),
        ]
        assert await tail.read(0) is None


async def test_a_slow_reader_learns_how_much_it_missed(nats_url: str) -> None:
    worker = str(uuid4())
    async with open_bus([nats_url]) as bus, Tails(bus).open(worker) as tail:
        for number in range(2000):
            await bus.publish(f"{worker}.console.INFO", b"%d" % number)
        while tail._dropped < 2000 - 1024:
            await asyncio.sleep(0.001)
        lines = [await tail.read(10) for _ in range(1025)]
        assert lines[-2] is not None
        assert lines[-2].text == "1023"
        assert lines[-1] is not None
        assert lines[-1].text.startswith("976 lines were dropped")


# --- the table --------------------------------------------------------------------------------------------------------


async def test_lines_are_stored_in_order_whatever_is_in_them(
    dedicated: DedicatedConnection, worker: UUID
) -> None:
    """Those of workers that are in no table are passed over."""
    store, table = LineStore(dedicated, SystemClock()), LogTable(dedicated)
    texts = ["", "plain", "nul \0", "half \ud800 a pair", "x" * 20_000, *map(str, range(2000))]
    for text in texts:
        store.line(str(worker), "INFO", text)
        store.line(str(uuid4()), "INFO", text)
        store.line("folder", "INFO", text)
    store.line(str(worker), "ERROR", "bad")
    await store.flush()
    lines = await table.lines(worker, most=10_000)
    assert len(lines) == len(texts) + 1
    assert [line.text for line in lines[:4]] == ["", "plain", "nul \ufffd", "half ? a pair"]
    assert [line.text for line in lines[5:-1]] == texts[5:]
    assert lines[-1].level == "ERROR"
    assert datetime.now(UTC) - lines[0].time < timedelta(minutes=1)


async def test_stored_lines_are_found_by_level_time_and_number(
    connection: Connection, dedicated: DedicatedConnection, worker: UUID
) -> None:
    levels = ["error", "warn", "log", "info", "debug", "trace"]
    for minute, level in enumerate(levels):
        await connection.execute(
            "INSERT INTO logs (date, worker_id, level, message) VALUES (%s, %s, %s, %s)",
            (NOON + timedelta(minutes=minute), worker, level, level),
        )
    table = LogTable(dedicated)

    async def found(**query: Any) -> list[str]:
        return [line.text for line in await table.lines(worker, **{"most": 100, **query})]

    assert await found() == levels
    assert await found(level="ERROR") == ["error"]
    assert await found(level="INFO") == ["error", "warn", "log", "info"]
    assert await found(most=2) == ["debug", "trace"]
    assert await found(after=NOON + timedelta(minutes=3)) == ["debug", "trace"]
    assert await found(until=NOON + timedelta(minutes=1)) == ["error", "warn"]
    assert (await table.lines(worker, most=4))[0].level == "INFO", "another program's `log`"
    assert await table.lines(uuid4(), most=10) == []


async def test_lines_wait_while_the_database_is_away(
    database: str, worker: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock()
    async with DedicatedConnection(database) as dedicated:
        store = LineStore(dedicated, clock)
        url, dedicated._url = dedicated._url, "postgresql://127.0.0.1:1/nowhere"
        async with running(store):
            store.line(str(worker), "INFO", "kept")
            await clock.until(lambda: clock.waits == 1)
            clock.advance(0.25)
            await clock.until(lambda: clock.waits == 2)
            clock.advance(1)
            await clock.until(lambda: clock.waits == 3)
            dedicated._url = url
            store.line(str(worker), "INFO", "more")
            clock.advance(1)
            while store._batch or store._away or store._lines:
                await asyncio.sleep(0)
                clock.advance(0.25)
        lines = await LogTable(dedicated).lines(worker, most=10)
        assert [line.text for line in lines] == ["kept", "more"]
    assert len([record for record in caplog.records if "can not be stored" in record.message]) == 1


async def test_a_flush_that_fails_says_so_and_loses_nothing(worker: UUID, database: str) -> None:
    async with DedicatedConnection("postgresql://127.0.0.1:1/nowhere") as dedicated:
        store = LineStore(dedicated, SystemClock())
        store.line(str(worker), "INFO", "kept")
        with pytest.raises(DatabaseUnavailableError):
            await store.flush()
        dedicated._url = database
        await store.flush()
        assert len(await LogTable(dedicated).lines(worker, most=10)) == 1


# --- what is kept -----------------------------------------------------------------------------------------------------


async def test_old_lines_and_those_above_the_number_go(
    connection: Connection, dedicated: DedicatedConnection, worker: UUID
) -> None:
    rows = Rows(connection)
    other = await rows.worker(await rows.user(), None)
    for who, count in ((worker, 3000), (other, 5)):
        await connection.execute(
            "INSERT INTO logs (date, worker_id, level, message)"
            " SELECT %s - n * interval '1 hour', %s, 'info', n::text FROM generate_series(0, %s - 1) n",
            (NOON, who, count),
        )
    table = LogTable(dedicated)
    assert await table.tidy(NOON, days=0, rows=0) == 0
    assert await table.tidy(NOON, days=7, rows=0) == 3000 - 7 * 24
    assert await table.tidy(NOON, days=7, rows=10) == 7 * 24 - 10
    assert [line.text for line in await table.lines(worker, most=99)] == [
        f"{n}" for n in reversed(range(10))
    ]
    assert len(await table.lines(other, most=99)) == 5


async def test_one_runner_tidies_at_a_time(
    connection: Connection, dedicated: DedicatedConnection, worker: UUID
) -> None:
    await connection.execute(
        "INSERT INTO logs (date, worker_id, level, message) VALUES (%s, %s, 'info', '')",
        (NOON - timedelta(days=9), worker),
    )
    table = LogTable(dedicated)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(7306911022)")
        assert await table.tidy(NOON, days=7, rows=0) == 0
    assert await table.tidy(NOON, days=7, rows=0) == 1


async def test_events_that_are_over_go_with_their_lines(
    connection: Connection, dedicated: DedicatedConnection
) -> None:
    """Every five minutes, from start to stop."""
    cron = await add_cron(connection, "@hourly")
    for days, until, replied in (
        (9, None, NOON),
        (9, None, None),
        (9, NOON, None),
        (1, None, NOON),
    ):
        await connection.execute(
            "INSERT INTO scheduled_events (cron_id, worker_id, executed_at, scheduled_at, leased_until, replied_at)"
            " SELECT id, worker_id, %s, %s + random() * interval '1 hour', %s, %s FROM crons WHERE id = %s",
            (NOON, NOON - timedelta(days=days), until, replied, cron),
        )
    clock = HandClock()
    duty = LogRetention(LogTable(dedicated), clock, days=7, rows=100)
    duty.start()
    await clock.until(lambda: clock.waits == 1)
    clock.advance(300)
    await clock.until(lambda: clock.waits == 2)
    await duty.stop()
    cursor = await connection.execute("SELECT count(*) FROM scheduled_events")
    assert await cursor.fetchone() == (2,), "what is open, and what is young"
