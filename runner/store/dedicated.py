"""One connection for one duty: whoever holds all of the pool's does not delay it.

Must not know the duty.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from runner.store.connection import ANSWER_WITHIN_S
from runner.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from runner.store.pool import Connection


class DedicatedConnection:
    """Made when it is needed, and again after it was lost or said nothing for too long. ``async with`` closes it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """Lend it, in autocommit mode, to one at a time.

        Raises
        ------
        DatabaseUnavailableError
            There is none now.

        """
        async with self._lock:
            if self._connection is None or self._connection.closed:
                await self._stack.aclose()
                self._connection = await self._stack.enter_async_context(
                    connect(self._url, answer_within_s=ANSWER_WITHIN_S)
                )
            yield self._connection
