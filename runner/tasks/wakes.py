"""What the database says of tasks: only hints, since whoever waits for them looks without them, too.

The connection is its own, is tried when nothing was heard for a while, and comes back. Must not know what is done about a hint.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from runner.errors import DatabaseUnavailableError
from runner.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from runner.store.pool import Connection

_log = logging.getLogger(__name__)

_LISTEN: Final = b"LISTEN tasks_created; LISTEN tasks_cancelled; LISTEN tasks_rules"
_PROBE_EVERY_S: Final = 10.0
_ANSWER_WITHIN_S: Final = 5.0
_FIRST_BACKOFF_S: Final = 0.05
_LAST_BACKOFF_S: Final = 2.0


class Hearer(NamedTuple):
    """Who wants to know; none of these may wait or fail. Each is also called when something may have been missed."""

    created: Callable[[], None]
    """There may be something to claim."""
    cancelled: Callable[[str], None]
    """This lease is void."""
    changed: Callable[[], None]
    """Rules or schedules are others."""


class TaskWakes:
    """Listens while the context is open. It opens at once, whether the database is there or not."""

    def __init__(self, url: str, *, probe_every_s: float = _PROBE_EVERY_S) -> None:
        self._url = url
        self._probe_every_s = probe_every_s
        self._hearers: list[Hearer] = []
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        """It listens now."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="tasks: listen")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def add(self, hearer: Hearer) -> None:
        self._hearers.append(hearer)

    def remove(self, hearer: Hearer) -> None:
        self._hearers.remove(hearer)

    async def _run(self) -> None:
        backoff_s, told = _FIRST_BACKOFF_S, False
        while True:
            try:
                async with connect(self._url) as connection:
                    await connection.execute(_LISTEN)
                    self.connected.set()
                    if told:
                        _log.warning("tasks: the database is heard again")
                    backoff_s, told = _FIRST_BACKOFF_S, False
                    self._missed()
                    await self._hear(connection)
            except (psycopg.Error, DatabaseUnavailableError, TimeoutError, OSError) as error:
                if not told:
                    told = True
                    _log.warning(
                        "tasks: the database is not heard, looking goes on: %s",
                        str(error).strip() or "no answer",
                    )
            finally:
                self.connected.clear()
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)

    async def _hear(self, connection: Connection) -> None:
        while True:
            async for notification in connection.notifies(timeout=self._probe_every_s):
                self._tell(notification.channel, notification.payload)
            # A line that went dead is not told from one on which nothing is said.
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await connection.execute("SELECT")

    def _tell(self, channel: str, payload: str) -> None:
        for hearer in self._hearers:
            match channel:
                case "tasks_created":
                    hearer.created()
                case "tasks_cancelled":
                    hearer.cancelled(payload)
                case _:
                    hearer.changed()

    def _missed(self) -> None:
        for hearer in self._hearers:
            hearer.created()
            hearer.changed()
