"""Follows a worker's console lines as they come over NATS, whichever runner they come from.

A reader that is too slow loses lines, and is told how many. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from runner.logs.publisher import console_subject
from runner.logs.store import LEVELS, StoredLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.msg import Msg

    from runner.nats.connection import Bus

_MOST: Final = 1024
"""Lines that wait for the reader."""


class Tail:
    """Lines of one worker, from the moment it was opened on."""

    def __init__(self, level: str) -> None:
        self._wanted = frozenset(LEVELS[: LEVELS.index(level) + 1])
        self._lines: asyncio.Queue[StoredLine] = asyncio.Queue(_MOST)
        self._dropped = 0

    async def take(self, message: Msg) -> None:
        level = message.subject.rpartition(".")[2]
        if level not in self._wanted:
            return
        if self._lines.full():
            self._dropped += 1
            return
        text = message.data.decode(errors="replace")
        self._lines.put_nowait(StoredLine(datetime.now(UTC), level, text))

    async def read(self, timeout_s: float) -> StoredLine | None:
        """Return the next line; None when there is none for so long."""
        if self._dropped and self._lines.empty():
            text = f"{self._dropped} lines were dropped: they came faster than they were read"
            self._dropped = 0
            return StoredLine(datetime.now(UTC), "WARN", text)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._lines.get()
        except TimeoutError:
            return None


class Tails:
    """Opens tails on one bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, worker: str, level: str = "TRACE") -> AsyncIterator[Tail]:
        """Follow a worker (its id), with lines at least as grave as ``level``.

        Raises
        ------
        NatsUnavailableError
            The connection is closed.

        """
        tail = Tail(level)
        subscription = await self._bus.subscribe(console_subject(worker, "*"), tail.take)
        try:
            # From here on the server has it.
            await self._bus.flush()
            yield tail
        finally:
            # A reader that left has no time to wait for it.
            closing = asyncio.get_running_loop().create_task(self._bus.leave(subscription))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
