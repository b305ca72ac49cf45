"""A connection that gives up a server that is there and says nothing.

Neither libpq nor TCP notices one: the machine's kernel goes on to confirm what it is sent. psycopg takes ten seconds to be cancelled
then, as it asks the server to stop and waits for that; whoever ends in an orderly way has no time for it. Must not know what is asked.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg import errors, waiting
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from psycopg.abc import PQGen

_T = TypeVar("_T")

ANSWER_WITHIN_S: Final = 30.0
"""For statements that take moments, on a server that has a hard time."""
_STOP_WITHIN_S: Final = 1.0
"""For the server to take a statement back; the connection is closed otherwise, and the server finds out by itself."""
_INTERVAL_S: Final = 10.0
"""psycopg comes round so often to find out whether it shall stop; tasks are told."""


class BoundedConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """psycopg's, which waits for ``answer_within_s`` at most; None: as long as it takes.

    An answer that does not come is an ``OperationalError``, and the end of the connection.
    """

    answer_within_s: float | None = None

    async def wait(
        self, gen: PQGen[_T], interval: float = _INTERVAL_S, timeout: float | None = None
    ) -> _T:
        """Wait for an answer; whoever gives a ``timeout`` gets psycopg's own error when it is over."""
        within_s = self.answer_within_s if timeout is None else timeout
        try:
            return await waiting.wait_async(
                gen, self.pgconn.socket, interval=interval, timeout=within_s
            )
        except errors._WaitTimeout:
            if timeout is not None:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the server says nothing for {within_s:g} s, the connection is given up"
            ) from None
        except asyncio.CancelledError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                await self._take_back(gen)
            raise

    async def _take_back(self, gen: PQGen[Any]) -> None:
        """Have the server stop what it does for us; when it does not, or we are cancelled again, close the connection."""
        stopped = False
        try:
            async with asyncio.timeout(_STOP_WITHIN_S):
                await self.cancel_safe(timeout=_STOP_WITHIN_S)
                await waiting.wait_async(gen, self.pgconn.socket, interval=_INTERVAL_S)
            stopped = True
        except errors.QueryCanceled:
            stopped = True
        except (psycopg.Error, OSError):
            pass
        finally:
            if not stopped:
                self.pgconn.finish()
