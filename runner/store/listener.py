"""Hears what changes in the database, and comes back when the connection is lost.

Must not know what is done about a change.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from runner.errors import DatabaseUnavailableError
from runner.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from runner.store.pool import Connection

_log = logging.getLogger(__name__)

CHANGES: Final = "isolane_changes"
_FIRST_BACKOFF_S: Final = 0.05
_LAST_BACKOFF_S: Final = 2.0
_ANSWER_WITHIN_S: Final = 5.0


class ChangeListener:
    """Listens on a channel while the context is open.

    ``changed(payload)`` is called for each notification, ``missed()`` after each time without a connection: whatever was said then,
    nobody heard it. Neither may wait.
    """

    def __init__(
        self, url: str, channel: str, changed: Callable[[str], None], missed: Callable[[], None]
    ) -> None:
        self._url = url
        self._channel = channel
        self._changed = changed
        self._missed = missed
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start, and return when it listens.

        Raises
        ------
        DatabaseUnavailableError
            The first connection can not be made.

        """
        async with AsyncExitStack() as stack:
            connection = await self._listen(stack)
            self._task = asyncio.create_task(
                self._run(stack.pop_all(), connection), name=f"listen {self._channel}"
            )
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, stack: AsyncExitStack, connection: Connection) -> None:
        while True:
            async with stack:
                reason = await self._hear(connection)
            self.connected.clear()
            _log.warning("PostgreSQL is away, %s is not heard: %s", self._channel, reason)
            stack, connection = await self._return()
            self._missed()
            _log.warning("PostgreSQL is back, %s is heard", self._channel)

    async def _hear(self, connection: Connection) -> str:
        """Pass on what is said until the connection is lost; return why it was."""
        try:
            async for notification in connection.notifies():
                self._changed(notification.payload)
        except psycopg.Error as error:
            return str(error).strip()
        return "the connection was closed"

    async def _return(self) -> tuple[AsyncExitStack, Connection]:
        backoff_s = _FIRST_BACKOFF_S
        while True:
            async with AsyncExitStack() as stack:
                try:
                    connection = await self._listen(stack)
                except DatabaseUnavailableError:
                    await asyncio.sleep(backoff_s)
                    backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)
                else:
                    return stack.pop_all(), connection

    async def _listen(self, stack: AsyncExitStack) -> Connection:
        connection = await stack.enter_async_context(connect(self._url))
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        except (psycopg.Error, TimeoutError) as error:
            reason = str(error).strip() or "it does not answer"
            raise DatabaseUnavailableError("the database", reason) from error
        self.connected.set()
        return connection
