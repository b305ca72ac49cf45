"""libpq on an asyncio loop: connecting, waiting, results one by one, cancelling.

Below psycopg's connections, so that every byte a server sends can be counted from the first on (see meter.py). Must not know
what is said.
"""

from __future__ import annotations

import asyncio
import select
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PollingStatus, TransactionStatus

from runner.databases.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.pq.abc import PGconn, PGresult

CONNECT_S: Final = 5.0
_GREETING_BYTES: Final = 1 << 20
"""What a server may send until it is ready."""
_ROWS_AT_ONCE: Final = 100


class Wire:
    """A connection. ``overflow()`` makes the error of whoever waits when more comes than was allowed."""

    def __init__(self, pgconn: PGconn, overflow: Callable[[], Exception]) -> None:
        self.pgconn = pgconn
        self._overflow = overflow
        self._full = False
        self._meter: Meter | None = None
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    async def connect(cls, place: dict[str, Any], overflow: Callable[[], Exception]) -> Wire:
        """Connect; raises psycopg.OperationalError with libpq's words, TimeoutError after five seconds."""
        pgconn = pq.PGconn.connect_start(make_conninfo("", **place).encode())
        wire = cls(pgconn, overflow)
        try:
            async with asyncio.timeout(CONNECT_S):
                await wire._negotiate()
        except BaseException:
            wire.close()
            raise
        return wire

    async def _negotiate(self) -> None:
        pgconn = self.pgconn
        polled = PollingStatus.WRITING
        while polled != PollingStatus.OK:
            if polled == PollingStatus.FAILED or pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError(pgconn.get_error_message())
            await self.ready(write=polled == PollingStatus.WRITING)
            polled = PollingStatus(pgconn.connect_poll())
            # libpq may try again, without TLS, on a socket of its own making.
            if self._meter is not None and pgconn.status == ConnStatus.STARTED:
                self._meter.close()
                self._meter = None
            elif self._meter is None and pgconn.status not in _NOT_CONNECTED:
                self._meter = Meter(pgconn.socket, self._exceeded)
                self.allow(_GREETING_BYTES)
        pgconn.nonblocking = 1

    @property
    def status(self) -> TransactionStatus:
        return TransactionStatus(self.pgconn.transaction_status)

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be read: no end, and nothing that nobody asked for."""
        waiting = select.poll()
        waiting.register(self.pgconn.socket, select.POLLIN)
        return not waiting.poll(0)

    def allow(self, size: int) -> None:
        """From now on, so many bytes may come."""
        if self._meter is not None:
            self._meter.reset(size)

    def send(self, text: bytes, values: Sequence[bytes | None]) -> None:
        """Hand one statement to libpq; its rows will come in chunks."""
        self.pgconn.send_query_params(text, values or None)
        self.pgconn.set_chunked_rows_mode(_ROWS_AT_ONCE)

    async def flush(self) -> None:
        while self.pgconn.flush() != 0:
            await self.ready(write=True)
            self.pgconn.consume_input()

    async def next_result(self) -> PGresult | None:
        """Return the next result, or ``None`` at the end of a statement's."""
        while self.pgconn.is_busy():
            await self.ready()
            self.pgconn.consume_input()
        return self.pgconn.get_result()

    def drop_notifications(self) -> None:
        while self.pgconn.notifies() is not None:
            pass

    async def ready(self, *, write: bool = False) -> None:
        """Wait until there is something to read, or room to write."""
        if self._full:
            raise self._overflow()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await _await_socket(self.pgconn.socket, self._waiter, write=write)
        finally:
            self._waiter = None

    def fail(self, error: Exception) -> None:
        """Have whoever waits fail."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    async def cancel(self) -> None:
        """Ask the server to stop what it does, over a connection of its own."""
        cancelling = self.pgconn.cancel_conn()
        try:
            cancelling.start()
            while (polled := cancelling.poll()) != PollingStatus.OK:
                if polled == PollingStatus.FAILED:
                    raise psycopg.OperationalError(cancelling.get_error_message())
                future = asyncio.get_running_loop().create_future()
                await _await_socket(
                    cancelling.socket, future, write=polled == PollingStatus.WRITING
                )
        finally:
            cancelling.finish()

    def close(self) -> None:
        with suppress(psycopg.Error):
            self.pgconn.finish()
        if self._meter is not None:
            self._meter.close()

    def _exceeded(self) -> None:
        self._full = True
        self.fail(self._overflow())


async def _await_socket(descriptor: int, ready: asyncio.Future[None], *, write: bool) -> None:
    """Wait until ``ready`` is done, which a socket does that can be read, or written to."""
    loop = asyncio.get_running_loop()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, wake)
    if write:
        loop.add_writer(descriptor, wake)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
        if write:
            loop.remove_writer(descriptor)


_NOT_CONNECTED: Final = frozenset({ConnStatus.STARTED, ConnStatus.BAD, ConnStatus.NEEDED})
