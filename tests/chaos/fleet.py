"""Executors of both kinds as processes, work for them without end, and what was committed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from runner.errors import DatabaseUnavailableError
from runner.tasks.task import NewTask
from tests.integration.conftest import Cli, Running

if TYPE_CHECKING:
    from runner.tasks.engine import TaskEngine

AUDIT: Final = Path(__file__).with_name("audit.sql")
HELLO: Final = (
    "export default { task: ({ n }) => new Promise(resolve => setTimeout(resolve, 10, { n })) };"
)
WAVE: Final = 250
WAITING: Final = 1_000
STEP_S: Final = 0.1


class ScriptExecutor:
    """A process of `tests.chaos.executor`."""

    def __init__(self, url: str, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.executor", url, name],
                stdout=out,
                stderr=out,
                cwd=Path(__file__).parents[2],
                env={"PATH": os.environ["PATH"]},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ready(self) -> None:
        await until(lambda: "serving" in self.log.read_text(), "an executor serves")

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


class Runner(Running):
    """A process of `isolane serve`, with isolate hosts of its own."""

    def __init__(self, cli: Cli, servers: dict[str, str]) -> None:
        super().__init__(cli, "serve", **servers)
        self.wait_for("HTTP ", 30)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def name(self) -> str:
        """How its executor's name looks, as a pattern of `LIKE`."""
        return f"%-{self.pid}-%"

    def end(self, number: int) -> int:
        return self.stop(number)


class Committed:
    """The table as somebody sees it who is not part of it."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return rows, as soon as there is a database."""
        deadline = time.monotonic() + 30
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=2, row_factory=tuple_row
                ) as connection:
                    cursor = await connection.execute(statement.encode(), values)
                    return await cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "there is no database"
                await asyncio.sleep(STEP_S)

    async def one(self, statement: str, *values: Any) -> Any:
        return (await self.ask(statement, *values))[0][0]

    async def make(self) -> UUID:
        """Write down all changes from now on; make the worker, return its id."""
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(AUDIT.read_bytes())
        worker = await self.one(
            "WITH u AS (INSERT INTO users (username) VALUES ('chaos') RETURNING id),"
            " w AS (INSERT INTO workers (name, user_id, current_version) SELECT 'chaos', id, 1 FROM u RETURNING id)"
            " INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)"
            " SELECT id, 1, 'h', 'javascript', convert_to(%s, 'UTF8') FROM w RETURNING worker_id",
            HELLO,
        )
        assert isinstance(worker, UUID)
        return worker

    async def in_hand(self, name: str) -> list[UUID]:
        """Return the leases that an executor holds."""
        rows = await self.ask(
            "SELECT lease_id FROM tasks WHERE status = 'running' AND leased_by LIKE %s", name
        )
        return [lease for (lease,) in rows]

    async def over(self, leases: list[UUID]) -> tuple[float, int]:
        """Wait until leases are over; return since when, by the clock, and how many were taken away."""
        while True:
            ((ended, at, lost),) = await self.ask(
                "SELECT count(*), extract(epoch FROM max(at))::float8, count(*) FILTER (WHERE became = 'pending')"
                " FROM audit WHERE lease = ANY (%s)",
                leases,
            )
            if ended >= len(leases):
                return at or time.time(), lost
            await asyncio.sleep(STEP_S)

    async def progress_after(self, at: float, name: str) -> float:
        """Return when the first task was completed after an instant."""
        while True:
            found = await self.one(
                "SELECT extract(epoch FROM min(at))::float8 FROM audit"
                " WHERE at > to_timestamp(%s) AND became = 'completed' AND by LIKE %s",
                at,
                name,
            )
            if found is not None:
                return float(found)
            await asyncio.sleep(STEP_S)


class Producer:
    """Enqueues tasks in waves, a few more than can be done at the moment; each exactly once, whatever happens to the database."""

    def __init__(self, engine: TaskEngine, committed: Committed, worker: UUID, tasks: int) -> None:
        self._engine = engine
        self._committed = committed
        self._worker = worker
        self._tenant: UUID | None = None
        self._tasks = tasks
        self.enqueued = 0
        self.hurry = asyncio.Event()
        """All that is left, at once."""

    async def run(self) -> None:
        self._tenant = await self._committed.one("SELECT user_id FROM workers")
        while self.enqueued < self._tasks:
            last = min(self._tasks, self.enqueued + (WAVE if not self.hurry.is_set() else 2_000))
            await self._wave(self.enqueued, last)
            self.enqueued = last
            while not self.hurry.is_set() and await self._waiting() > WAITING:
                await asyncio.sleep(STEP_S)

    async def _waiting(self) -> int:
        return int(await self._committed.one("SELECT count(*) FROM tasks WHERE status = 'pending'"))

    async def _wave(self, first: int, last: int) -> None:
        while True:
            try:
                await self._engine.enqueue_many([self._task(n) for n in range(first, last)])
            except DatabaseUnavailableError:
                # All or none: which one only the table knows.
                there = await self._committed.one(
                    "SELECT count(*) FROM tasks WHERE (payload->>'n')::int >= %s", first
                )
                if there:
                    assert there == last - first
                    return
            else:
                return

    def _task(self, n: int) -> NewTask:
        assert self._tenant is not None
        # Losing an executor again and again is what this is about.
        if n % 5 == 0:
            return NewTask(
                tenant=self._tenant, worker=self._worker, payload={"n": n}, max_attempts=50
            )
        return NewTask(kind="script", script="chaos.js", payload={"n": n}, max_attempts=50)


async def until(condition: Any, what: str, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(STEP_S)
