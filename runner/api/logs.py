"""``/v1/tenants/NAME/workers/NAME/logs``: what a worker printed, and what it prints now."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from runner.api.endpoint import Endpoint, Model, Stream
from runner.api.scope import Name, view, views
from runner.api.workers import WORKERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from runner.api.scope import Scope
    from runner.logs.store import LogTable, StoredLine
    from runner.logs.tail import Tails

_LOGS: Final = WORKERS + "/{worker}/logs"
_PING_S: Final = 15.0
_STORED_WITHIN_S: Final = 0.5
"""Twice as long as lines wait for others."""
_MOST_BEFORE: Final = 1000
_DAY_S: Final = 86_400
Level = Literal["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=365 * _DAY_S)]


class LineView(Model, frozen=True, kw_only=True):
    """A console line."""

    time: datetime
    level: str
    text: str


class StoredQuery(Model, frozen=True, kw_only=True):
    """Which lines: at least so grave, not older than ``since`` seconds, the last ``limit`` ones."""

    level: Level = "TRACE"
    since: Seconds | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100


class LiveQuery(Model, frozen=True, kw_only=True):
    """Which lines: at least so grave; before them those of the last ``since`` seconds."""

    level: Level = "TRACE"
    since: Seconds = 0


class LogsApi:
    """Answers for console lines."""

    def __init__(self, scope: Scope, table: LogTable, tails: Tails) -> None:
        self._scope = scope
        self._table = table
        self._tails = tails

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("GET", _LOGS, self.stored), Endpoint("GET", _LOGS + "/live", self.live)]

    async def stored(self, tenant: Name, worker: Name, query: StoredQuery) -> list[LineView]:
        """List the last console lines of a worker, the oldest first."""
        found = await self._find(tenant, worker)
        after = None if query.since is None else _ago(query.since)
        lines = await self._table.lines(found, most=query.limit, level=query.level, after=after)
        return views(lines, LineView)

    async def live(self, tenant: Name, worker: Name, query: LiveQuery) -> Stream:
        """Follow a worker's console as server-sent events, each a line as JSON."""
        return Stream(self._follow(await self._find(tenant, worker), query), "text/event-stream")

    async def _find(self, tenant: str, worker: str) -> UUID:
        async with self._scope.of(tenant) as (session, owner):
            return (await session.workers.get(owner, worker)).id

    async def _follow(self, worker: UUID, query: LiveQuery) -> AsyncIterator[bytes]:
        async with self._tails.open(str(worker), query.level) as tail:
            # The client knows from this that it misses nothing any more.
            yield b": following\n\n"
            if query.since:
                begun = datetime.now(UTC)
                # What was printed just before, by whichever runner, is on its way into the table.
                await asyncio.sleep(_STORED_WITHIN_S)
                before = await self._table.lines(
                    worker,
                    most=_MOST_BEFORE,
                    level=query.level,
                    after=begun - timedelta(seconds=query.since),
                    until=begun,
                )
                for line in before:
                    yield _event(line)
            while True:
                following = await tail.read(_PING_S)
                # So that both sides notice when the other is gone.
                yield b": ping\n\n" if following is None else _event(following)


def _ago(seconds: int) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def _event(line: StoredLine) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(view(line, LineView))
