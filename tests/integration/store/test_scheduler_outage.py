"""A database that goes away and comes back takes no scheduled event with it."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from pools.protocol import Outcome, OutcomeKind
from runner.embedded.postgres import open_postgres
from runner.store.migrate import Migrator
from runner.store.pool import connect
from tests.integration.store.scheduling import HandClock, Runner
from tests.integration.store.test_scheduler import add_cron, events

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_half_a_minute_without_the_database_loses_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What ran meanwhile is written down, what was due is made up for, each once; one line tells of the outage."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    monkeypatch.setattr("runner.embedded.postgres._free_port", lambda: port)
    clock = HandClock()
    async with AsyncExitStack() as stack:
        async with open_postgres(tmp_path, durable=False) as service:
            async with connect(service.url) as connection:
                await Migrator(connection).up()
                await add_cron(connection, "*/10 * * * * *")
            one = await stack.enter_async_context(Runner(service.url, clock))
            other = await stack.enter_async_context(Runner(service.url, clock))
            one.outcome = other.outcome = None
            for runner in (one, other):
                await runner.idle()
            clock.advance(10)
            await clock.until(lambda: one.started or other.started)
        for _ in range(6):
            clock.advance(5)
            await clock.until(lambda: one.scheduler._away and other.scheduler._away)
        one.outcome = other.outcome = Outcome(OutcomeKind.OK)
        for runner in (one, other):
            for number, _ in runner.started:
                runner.bench.lane.turn(number, outcome=Outcome(OutcomeKind.OK))
        async with open_postgres(tmp_path, durable=False) as service:
            while one.scheduler._away or other.scheduler._away:
                waits = clock.waits
                clock.advance(0.5)
                await clock.until(lambda: clock.waits > waits)  # noqa: B023
            for runner in (one, other):
                await runner.idle()
            assert sorted(one.times + other.times) == [10, 20, 30, 40]
            async with connect(service.url) as connection:
                assert await events(connection) == [
                    (second, "ok", 1, False) for second in (10, 20, 30, 40)
                ]
            await stack.aclose()
    away = [record for record in caplog.records if "does not answer" in record.getMessage()]
    assert len(away) == 2
