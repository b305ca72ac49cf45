"""Console lines into the table ``logs``, in batches, and out of it.

While the database is away lines wait in the buffer, and then are dropped and counted. Must not know who prints.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
import psycopg

from runner.errors import DatabaseUnavailableError
from runner.logs.lines import LineBuffer
from runner.store.dedicated import DedicatedConnection
from runner.store.named_queries import load_queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.logs.lines import LogLine
    from runner.schedules.clock import Clock

_log = logging.getLogger(__name__)
_BATCH: Final = 1000
_COLLECT_S: Final = 0.25
"""How long a line may wait for others."""
_RETRY_S: Final = 1.0
LEVELS: Final = ("ERROR", "WARN", "INFO", "DEBUG", "TRACE")
"""From the gravest on."""
_OF_THE_TABLE: Final = {"log": "INFO"}
"""A level that other programs write."""
OUTAGE: Final = (psycopg.Error, DatabaseUnavailableError)


class StoredLine(msgspec.Struct, frozen=True, gc=False):
    """A line as it was kept."""

    time: datetime
    level: str
    text: str


class LineStore(LineBuffer):
    """Stores what it is given, while :meth:`run` runs, on a connection of its own."""

    def __init__(self, connection: DedicatedConnection, clock: Clock) -> None:
        super().__init__()
        self._connection = connection
        self._clock = clock
        self._queries = load_queries("logs")
        self._batch: list[LogLine] = []
        """Taken, and not stored yet."""
        self._away = False

    async def run(self) -> None:
        """Store until it is cancelled; what is left then, :meth:`flush` stores."""
        while True:
            if not self._batch:
                await self.filled()
                await self._clock.wait(self.many, _COLLECT_S)
            try:
                await self.flush()
            except OUTAGE as error:
                if not self._away:
                    _log.warning("console lines can not be stored for a while: %s", error)
                self._away = True
                await self._clock.wait(asyncio.Event(), _RETRY_S)
            else:
                if self._away:
                    _log.warning("console lines are stored again")
                self._away = False

    async def flush(self) -> None:
        """Store what is there.

        Raises
        ------
        psycopg.Error, DatabaseUnavailableError
            The database can not; the lines are kept.

        """
        while batch := self._batch or self.take(_BATCH):
            self._batch = batch
            await self._insert(batch)
            self._batch = []

    async def _insert(self, batch: Sequence[LogLine]) -> None:
        # Workers of a folder, say, are in no table.
        ids = {worker: _as_uuid(worker) for worker in {line.worker for line in batch}}
        lines = [line for line in batch if ids[line.worker] is not None]
        if not lines:
            return
        async with self._connection.lend() as connection:
            await connection.execute(
                self._queries["store_lines"].encode(),
                {
                    "times": [line.time_us for line in lines],
                    "workers": [ids[line.worker] for line in lines],
                    "levels": [line.level.lower() for line in lines],
                    "messages": [_storable(line.text) for line in lines],
                },
            )


class LogTable:
    """Reads the table, and keeps it small."""

    def __init__(self, connection: DedicatedConnection) -> None:
        self._connection = connection
        self._queries = load_queries("logs", "schedules")

    async def lines(
        self,
        worker: UUID,
        *,
        most: int,
        level: str = "TRACE",
        after: datetime | None = None,
        until: datetime | None = None,
    ) -> list[StoredLine]:
        """Return the last lines of a worker that are at least as grave as ``level``, oldest first.

        Raises
        ------
        psycopg.Error, DatabaseUnavailableError
            The database does not answer.

        """
        levels = [name.lower() for name in LEVELS[: LEVELS.index(level) + 1]]
        if level not in {"ERROR", "WARN"}:
            levels.append("log")
        async with self._connection.lend() as connection:
            cursor = await connection.execute(
                self._queries["lines"].encode(),
                {
                    "worker": worker,
                    "levels": levels,
                    "after": after or datetime(1970, 1, 1, tzinfo=UTC),
                    "until": until or datetime(9999, 1, 1, tzinfo=UTC),
                    "most": most,
                },
            )
            return [
                StoredLine(time, _OF_THE_TABLE.get(name, name.upper()), text)
                async for time, name, text in cursor
            ]

    async def tidy(self, now: datetime, *, days: int, rows: int) -> int:
        """Delete lines, and scheduled events, older than ``days``, and the oldest lines of a worker with more than ``rows``.

        0 means no limit. Return how many lines went; nothing is done while another runner does it.
        """
        before = now - timedelta(days=days) if days else datetime(1970, 1, 1, tzinfo=UTC)
        limits: dict[str, Any] = {"before": before, "rows": rows or 1 << 60, "most": _BATCH}
        deleted = 0
        more = True
        while more:
            async with self._connection.lend() as connection, connection.transaction():
                locked = await connection.execute(self._queries["keep_lock"].encode())
                if await locked.fetchone() != (True,):
                    return deleted
                more = False
                for query in ("forget_lines", "forget"):
                    cursor = await connection.execute(self._queries[query].encode(), limits)
                    more = more or cursor.rowcount == _BATCH
                    deleted += cursor.rowcount if query == "forget_lines" else 0
        return deleted


def _as_uuid(worker: str) -> UUID | None:
    try:
        return UUID(worker)
    except ValueError:
        return None


def _storable(text: str) -> str:
    """Return the text without what PostgreSQL's can not have."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")
