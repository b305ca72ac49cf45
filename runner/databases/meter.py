"""Counts what a server sends before libpq can take it in.

libpq makes room for a message as long as the server announces, and reads on as long as something is there: one row of a
gigabyte would be in the runner's memory before anybody could say no. So libpq's socket is replaced by one end of a
socketpair, and what comes is passed on piece by piece, as much as may. TLS stays between libpq and the server.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE_BYTES: Final = 1 << 16


class Meter:
    """Stands between a connection and its server, from now until :meth:`close`.

    ``descriptor`` is libpq's, and stays it. ``exceeded()`` is called when more than :attr:`most` bytes came since
    :meth:`reset`; nothing is passed on then.
    """

    def __init__(self, descriptor: int, exceeded: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._exceeded = exceeded
        self._server = socket.socket(fileno=os.dup(descriptor))
        inner, self._client = socket.socketpair()
        with inner:
            os.dup2(inner.fileno(), descriptor, inheritable=False)
        os.set_blocking(descriptor, False)
        self._server.setblocking(False)
        self._client.setblocking(False)
        self._left = 0
        self._open = True
        self._pump(self._server, self._client, self._count)
        self._pump(self._client, self._server, lambda _: True)

    def reset(self, most: int) -> None:
        """From now on, ``most`` bytes may come."""
        self._left = most

    def close(self) -> None:
        """Cut the connection; what libpq said last still goes out, if it can."""
        if not self._open:
            return
        self._open = False
        for sock in (self._server, self._client):
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
        with suppress(OSError):
            self._server.send(self._client.recv(_PIECE_BYTES))
        self._server.close()
        self._client.close()

    def _count(self, size: int) -> bool:
        self._left -= size
        if self._left >= 0:
            return True
        self._loop.remove_reader(self._server)
        self._exceeded()
        return False

    def _pump(
        self, source: socket.socket, target: socket.socket, judge: Callable[[int], bool]
    ) -> None:
        """Pass on what comes, one piece at a time."""
        held = b""

        def read() -> None:
            nonlocal held
            try:
                held = source.recv(_PIECE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                held = b""
            if not held:
                self.close()
            elif judge(len(held)) and not write():
                self._loop.remove_reader(source)
                self._loop.add_writer(target, resume)

        def write() -> bool:
            nonlocal held
            try:
                held = held[target.send(held) :]
            except BlockingIOError:
                pass
            except OSError:
                self.close()
                return True
            return not held

        def resume() -> None:
            if write() and self._open:
                self._loop.remove_writer(target)
                self._loop.add_reader(source, read)

        self._loop.add_reader(source, read)
