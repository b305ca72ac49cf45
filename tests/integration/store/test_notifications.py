"""What runners hear when something changes that they may remember."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runner.store.pool import connect
from tests.integration.store.conftest import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def listening(url: str, channel: str) -> AsyncIterator[asyncio.Queue[str]]:
    """Collect what comes, and a mark of the test's own after it."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connect(url) as connection:
        await connection.execute(f"LISTEN {channel}")

        async def listen() -> None:
            async for notification in connection.notifies():
                heard.put_nowait(notification.payload)

        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.wait([task])


async def hear(heard: asyncio.Queue[str], rows: Rows, channel: str) -> list[str]:
    """Return what was sent until now."""
    await rows.connection.execute("SELECT pg_notify(%s, 'until here')", (channel,))
    payloads = []
    while (payload := await heard.get()) != "until here":
        payloads.append(payload)
    return payloads


async def test_what_resolution_depends_on_is_told_by_kind_and_key(database: str) -> None:
    """Both the old and the new name; a change of nothing is silent."""
    channel = "isolane_changes"
    async with connect(database) as connection, listening(database, channel) as heard:
        rows = Rows(connection)
        user = await rows.user()
        environment = await rows.environment(user)
        worker = await rows.worker(user, "before", environment_id=environment)
        await connection.execute("UPDATE workers SET name = 'after' WHERE id = %s", (worker,))
        assert set(await hear(heard, rows, channel)) == {
            f"user {user}",
            f"environment {environment}",
            f"worker {worker}",
            "name before",
            "name after",
        }
        await connection.execute("UPDATE workers SET name = name WHERE id = %s", (worker,))
        assert await hear(heard, rows, channel) == []
        await connection.execute(
            "INSERT INTO environment_values (environment_id, user_id, key, value, type)"
            " VALUES (%s, %s, 'A', 'a', 'var'), (%s, %s, 'B', 'b', 'var')",
            (environment, user, environment, user),
        )
        assert await hear(heard, rows, channel) == [f"environment {environment}"]
        await connection.execute("SELECT upgrade_worker_to_project(%s)", (worker,))
        assert f"project {worker}" in await hear(heard, rows, channel)
        await connection.execute(
            "INSERT INTO domains (name, user_id, worker_id) VALUES ('a.b', %s, %s)", (user, worker)
        )
        assert await hear(heard, rows, channel) == ["domain a.b"]
        await connection.execute("DELETE FROM projects")
        assert "name after" in await hear(heard, rows, channel)
        await connection.execute("TRUNCATE domains")
        assert await hear(heard, rows, channel) == ["all"]


async def test_schedules_have_a_channel_of_their_own_that_a_firing_does_not_disturb(
    database: str,
) -> None:
    async with connect(database) as connection, listening(database, "cron_update") as heard:
        rows = Rows(connection)
        worker = await rows.worker(await rows.user(), None)
        cron = await rows.one(
            "INSERT INTO crons (value, worker_id) VALUES ('* * * * *', %s) RETURNING id", worker
        )
        await connection.execute("UPDATE crons SET last_run = now() WHERE id = %s", (cron,))
        await connection.execute("UPDATE crons SET value = '0 0 * * *' WHERE id = %s", (cron,))
        assert await hear(heard, rows, "cron_update") == ["INSERT", "UPDATE"]


async def test_one_of_many_schedulers_fires_an_event(rows: Rows) -> None:
    worker = await rows.worker(await rows.user(), None)
    cron = await rows.one(
        "INSERT INTO crons (value, worker_id) VALUES ('* * * * *', %s) RETURNING id", worker
    )
    fire = (
        "INSERT INTO scheduled_events (cron_id, worker_id, executed_at, scheduled_at)"
        " VALUES (%s, %s, now(), '2026-01-01') ON CONFLICT DO NOTHING"
    )
    fired = [(await rows.connection.execute(fire, (cron, worker))).rowcount for _ in range(2)]
    assert fired == [1, 0]
