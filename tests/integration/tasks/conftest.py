"""The durable queue on a real database: with a clock that the test moves, and with the database's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest

from runner.tasks.claims import Claimer, Wanted
from runner.tasks.engine import TaskEngine, open_engine
from runner.tasks.task import ClaimedTask, NewTask
from runner.tasks.wakes import TaskWakes
from tests.integration.store.scheduling import HandClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from runner.tasks.task import Enqueued, Kind

ALICE, BOB, CAROL = (UUID(int=number) for number in (1, 2, 3))


class Queue:
    """An engine, and what tests do with it all the time."""

    def __init__(self, engine: TaskEngine) -> None:
        self.engine = engine
        self._claimers: dict[tuple[object, ...], Claimer] = {}

    async def add(self, script: str | None = "a.js", **fields: object) -> UUID:
        return (await self.enqueue(script, **fields)).id

    async def enqueue(self, script: str | None = "a.js", **fields: object) -> Enqueued:
        return await self.engine.enqueue(new_task(script, **fields))

    async def claim(
        self,
        most: int = 1,
        *,
        executor: str = "one",
        kind: Kind = "script",
        types: list[str] | None = None,
        queues: list[str] | None = None,
        ruled: bool = False,
        lease_s: float = 60,
    ) -> list[ClaimedTask]:
        key = executor, kind, str(types), str(queues)
        wanted = Wanted(kinds=(kind,), queues=queues, types=types)
        claimer = self._claimers.setdefault(
            key, Claimer(self.engine.lines, wanted, executor, lease_s)
        )
        if ruled:
            return await claimer.claim_ruled(most, self.engine.now())
        tasks, _ = await claimer.claim(most, self.engine.now())
        return tasks

    async def settle(self, *ends: object, executor: str = "one") -> list[str | None]:
        pairs = list(zip(ends[::2], ends[1::2], strict=True))
        settled = await self.engine.settlements.settle(pairs, executor, self.engine.now())  # type: ignore[arg-type]
        return [one.status for one in settled]

    async def status(self, task: UUID) -> str:
        return (await self.engine.get(task)).status.value

    async def execute(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        async with self.engine.lines.lend() as line:
            cursor = await line.connection.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []


def new_task(script: str | None = "a.js", **fields: object) -> NewTask:
    values = {"kind": "script", "script": script, **fields}
    return NewTask(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def database(create_database: Callable[[str], str], template: str) -> str:
    return create_database(template)


@pytest.fixture
def empty(database: str) -> str:
    """A database in which nothing is to be done."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE tasks, task_queues, task_tenants, task_schedules")
    return database


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def queue(empty: str, clock: HandClock) -> AsyncIterator[Queue]:
    async with open_engine(empty, clock) as engine:
        yield Queue(engine)


@pytest.fixture
async def wakes(empty: str) -> AsyncIterator[TaskWakes]:
    async with TaskWakes(empty) as wakes:
        async with asyncio.timeout(10):
            await wakes.connected.wait()
        yield wakes
