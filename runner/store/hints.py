"""Notifications that are only hints, since whoever waits for them looks without them, too.

The connection is its own, is tried when nothing was heard for a while, and comes back. Must not know what is done about a hint.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from runner.errors import DatabaseUnavailableError
from runner.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from runner.store.pool import Connection

_log = logging.getLogger(__name__)
PROBE_EVERY_S: Final = 10.0
_ANSWER_WITHIN_S: Final = 5.0
_FIRST_BACKOFF_S: Final = 0.05
_LAST_BACKOFF_S: Final = 2.0


class Hints:
    """Listens while the context is open. It opens at once, whether the database is there or not.

    ``heard`` is called with channel and payload of each notification, ``missed`` when some may have been missed; neither may wait or fail.
    """

    def __init__(
        self,
        url: str,
        channels: Sequence[str],
        heard: Callable[[str, str], None],
        missed: Callable[[], None],
        *,
        probe_every_s: float = PROBE_EVERY_S,
    ) -> None:
        self._url = url
        self._channels = channels
        self._heard = heard
        self._missed = missed
        self._probe_every_s = probe_every_s
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        """It listens now."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="hints")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        backoff_s, told = _FIRST_BACKOFF_S, False
        while True:
            try:
                async with connect(self._url) as connection:
                    await self._listen(connection)
                    self.connected.set()
                    if told:
                        _log.warning("tasks: the database is heard again")
                    backoff_s, told = _FIRST_BACKOFF_S, False
                    self._missed()
                    await self._hear(connection)
            except (psycopg.Error, DatabaseUnavailableError, TimeoutError, OSError) as error:
                if not told:
                    told = True
                    reason = str(error).strip() or "no answer"
                    _log.warning("tasks: the database is not heard, looking goes on: %s", reason)
            finally:
                self.connected.clear()
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)

    async def _listen(self, connection: Connection) -> None:
        listen = [sql.SQL("LISTEN {}").format(sql.Identifier(name)) for name in self._channels]
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await connection.execute(sql.SQL("; ").join(listen))

    async def _hear(self, connection: Connection) -> None:
        while True:
            async for notification in connection.notifies(timeout=self._probe_every_s):
                self._heard(notification.channel, notification.payload)
            # A line that went dead is not told from one on which nothing is said.
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await connection.execute("SELECT")
