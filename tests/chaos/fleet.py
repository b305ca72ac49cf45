"""Executors of both kinds as processes, and what was committed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from tests.integration.conftest import Cli, Running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
AUDIT: Final = Path(__file__).with_name("audit.sql")
HELLO: Final = (
    "export default { task: ({ n }) => new Promise(resolve => setTimeout(resolve, 10, { n })) };"
)
STEP_S: Final = 0.1
PATIENCE_S: Final = 90.0
"""Whatever is waited for either comes within this or never."""


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
        await self.says("serving")

    async def says(self, *words: str) -> None:
        """Wait until one of these words is in its log."""

        async def said() -> bool:
            log = self.log.read_text()
            return any(word in log for word in words)

        await until(said, f"{self.name} says {' or '.join(words)}")

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

    async def waiting(self) -> dict[str, int]:
        """Return how many tasks of each kind are there to be claimed."""
        return dict(
            await self.ask("SELECT kind, count(*) FROM tasks WHERE status = 'pending' GROUP BY 1")
        )

    async def over(self, what: str, leases: list[UUID]) -> tuple[float, int]:
        """Wait until leases are over; return since when, by the clock, and how many were taken away."""

        async def ended() -> tuple[float, int] | None:
            ((ended, at, lost),) = await self.ask(
                "SELECT count(*), extract(epoch FROM max(at))::float8, count(*) FILTER (WHERE became = 'pending')"
                " FROM audit WHERE lease = ANY (%s)",
                leases,
            )
            return (at, lost) if ended >= len(leases) else None

        return await until(ended, f"the {len(leases)} leases of {what} are over")

    async def progress_after(self, what: str, at: float, name: str) -> float:
        """Return when the first task was completed after an instant."""

        async def completed() -> float | None:
            found = await self.one(
                "SELECT extract(epoch FROM min(at))::float8 FROM audit"
                " WHERE at > to_timestamp(%s) AND became = 'completed' AND by LIKE %s",
                at,
                name,
            )
            return None if found is None else float(found)

        return await until(completed, f"a task is completed after {what} was lost")

    async def ended(self, tasks: int) -> None:
        """Wait until all tasks have ended; each step is bounded."""
        count = -1

        async def more() -> int | None:
            ended = await self.one(
                "SELECT count(*) FROM tasks WHERE status NOT IN ('pending', 'running')"
            )
            return int(ended) + 1 if ended > count else None

        while count < tasks:
            count = await until(more, f"a further task ends; {count} of {tasks} have") - 1


async def until(condition: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Return what a condition gives, once it gives something that counts. ``what`` is told when it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not (given := await condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain: {what}"
        await asyncio.sleep(STEP_S)
    return given
