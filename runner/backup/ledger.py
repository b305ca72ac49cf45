"""Who makes which scheduled backup: each instant is one runner's, under a lease. Must not know how a backup is made."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg

from runner.errors import DatabaseUnavailableError
from runner.store.dedicated import DedicatedConnection
from runner.store.named_queries import load_queries
from runner.store.pool import describe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from typing import Self
    from uuid import UUID

    from runner.store.pool import Connection

LEASE_S: Final = 60.0
MOST_ATTEMPTS: Final = 3
_AGAIN_S: Final = 300.0


class Turn(NamedTuple):
    """An instant that is ours while its lease lasts."""

    due: datetime
    lease: UUID


class BackupLedger:
    """``async with`` closes its connection. Every method raises ``DatabaseUnavailableError``."""

    def __init__(self, url: str, runner: str) -> None:
        self._dedicated = DedicatedConnection(url)
        self._queries = load_queries("backup_runs")
        self._place = describe(url)
        self._runner = runner

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._dedicated.__aexit__(*error)

    async def claim(self, due: datetime, since: datetime) -> Turn | None:
        """Take an instant; None when somebody has it, or had it. One before ``since`` only when it was missed."""
        rows = await self._ask(
            "claim_backup",
            due=due,
            since=since,
            runner=self._runner,
            lease_s=LEASE_S,
            most_attempts=MOST_ATTEMPTS,
        )
        return Turn(due, rows[0][0]) if rows else None

    async def renew(self, turn: Turn) -> bool:
        """Tell whether it is ours still."""
        return bool(await self._ask("renew_backup", **turn._asdict(), lease_s=LEASE_S))

    async def note(self, turn: Turn, *, name: str, place: str, rows: int, size: int) -> None:
        await self._ask(
            "note_backup", **turn._asdict(), name=name, place=place, rows=rows, bytes=size
        )
        await self._ask("forget_backup_runs")

    async def fail(self, turn: Turn, error: str) -> None:
        """Let somebody try again, if it was not the last attempt."""
        values = {"error": error, "again_s": _AGAIN_S, "most_attempts": MOST_ATTEMPTS}
        await self._ask("note_failure", **turn._asdict(), **values)

    async def put_back(self, turn: Turn) -> None:
        """Let another runner make it."""
        await self._ask("put_back_backup", **turn._asdict())

    async def _ask(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        async with self._connection() as connection:
            cursor = await connection.execute(self._queries[query].encode(), values)
            return await cursor.fetchall() if cursor.description else []

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._dedicated.lend() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailableError(self._place, str(error).strip()) from error
