"""Hears what the database notifies of, and comes back when the connection is lost.

The connection is its own, and is tried when nothing was heard for a while. Must not know what is done about what is heard.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from runner.errors import DatabaseUnavailableError
from runner.store.pool import connect, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from runner.store.pool import Connection

_log = logging.getLogger(__name__)

CHANGES: Final = "isolane_changes"
PROBE_EVERY_S: Final = 10.0
_ANSWER_WITHIN_S: Final = 5.0
_FIRST_BACKOFF_S: Final = 0.05
_LAST_BACKOFF_S: Final = 2.0


class Listener:
    """Listens on channels while the context is open.

    ``heard`` is called with channel and payload of each notification, ``missed`` each time the connection is there again: whatever was
    said before, nobody heard it. Neither may wait or fail. Who ``needs`` the database does not open without it.
    """

    def __init__(
        self,
        url: str,
        channels: Sequence[str],
        heard: Callable[[str, str], None],
        missed: Callable[[], None],
        *,
        needs: bool = False,
        probe_every_s: float = PROBE_EVERY_S,
    ) -> None:
        self._url = url
        self._channels = channels
        self._heard = heard
        self._missed = missed
        self._needs = needs
        self._probe_every_s = probe_every_s
        self._line = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        """It listens now."""

    async def __aenter__(self) -> Self:
        """Start; return when it listens, or at once if it does not need the database.

        Raises
        ------
        DatabaseUnavailableError
            It needs the database, which can not be reached.

        """
        first = await self._listen() if self._needs else None
        self._task = asyncio.create_task(self._run(first), name=f"listen {self._channels[0]}")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._line.aclose()

    async def _run(self, connection: Connection | None) -> None:
        channels, backoff_s, told = ", ".join(self._channels), _FIRST_BACKOFF_S, False
        while True:
            try:
                if connection is None:
                    connection = await self._listen()
                    if told:
                        _log.warning("PostgreSQL is back (listening on %s)", channels)
                    backoff_s, told = _FIRST_BACKOFF_S, False
                    self._missed()
                await self._hear(connection)
            except (psycopg.Error, DatabaseUnavailableError, OSError) as error:
                if not told:
                    told = True
                    _log.warning(
                        "PostgreSQL is away (listening on %s): %s", channels, str(error).strip()
                    )
            finally:
                self.connected.clear()
                await self._line.aclose()
            connection = None
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)

    async def _listen(self) -> Connection:
        listen = [sql.SQL("LISTEN {}").format(sql.Identifier(name)) for name in self._channels]
        async with AsyncExitStack() as line:
            connection = await line.enter_async_context(
                connect(self._url, answer_within_s=_ANSWER_WITHIN_S)
            )
            try:
                await connection.execute(sql.SQL("; ").join(listen))
            except psycopg.Error as error:
                raise DatabaseUnavailableError(describe(self._url), str(error).strip()) from error
            self._line = line.pop_all()
        self.connected.set()
        return connection

    async def _hear(self, connection: Connection) -> None:
        while True:
            async for notification in connection.notifies(timeout=self._probe_every_s):
                self._heard(notification.channel, notification.payload)
            # A line that went dead is not told from one on which nothing is said.
            await connection.execute("SELECT")
