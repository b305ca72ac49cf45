"""libcurl within the event loop: transfers at once over connections that they share, each awaited by whoever began it.

libcurl says which sockets it waits for, the loop says when they are ready (curl_multi_socket_action). Nothing blocks: names are never
libcurl's to resolve. Must not know requests.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pycurl

if TYPE_CHECKING:
    from typing import TypeAlias

    Ended: TypeAlias = tuple[int, str]
    """libcurl's code (0: it went well), and its words."""

_READS: Final = frozenset({pycurl.POLL_IN, pycurl.POLL_INOUT})
_WRITES: Final = frozenset({pycurl.POLL_OUT, pycurl.POLL_INOUT})
_AT_ONCE: Final = 0


class Multi:
    """One pool of connections. ``running`` counts its transfers, ``used_at`` is when the last one ended, by the loop's clock."""

    def __init__(self, max_connections: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, max_connections)
        self._transfers: dict[pycurl.Curl, asyncio.Future[Ended]] = {}
        self._reading: set[int] = set()
        self._writing: set[int] = set()
        self._timer: asyncio.Handle | None = None
        self.used_at = self._loop.time()

    @property
    def running(self) -> int:
        return len(self._transfers)

    async def perform(self, transfer: pycurl.Curl) -> Ended:
        """Return how a transfer ended. Cancelled: it is aborted, and its connection closed."""
        ended: asyncio.Future[Ended] = self._loop.create_future()
        self._transfers[transfer] = ended
        try:
            self._multi.add_handle(transfer)
            try:
                return await ended
            finally:
                self._multi.remove_handle(transfer)
        finally:
            del self._transfers[transfer]
            self.used_at = self._loop.time()

    def close(self) -> None:
        """Close all connections; no transfer may be under way."""
        self._multi.close()
        self._cancel_timer()
        for socket in list(self._reading | self._writing):
            self._watch(pycurl.POLL_REMOVE, socket, None, None)

    def _watch(self, what: int, socket: int, multi: object, data: object) -> None:
        if what in _READS and socket not in self._reading:
            self._reading.add(socket)
            self._loop.add_reader(socket, self._act, socket, pycurl.CSELECT_IN)
        elif what not in _READS and socket in self._reading:
            self._reading.discard(socket)
            self._loop.remove_reader(socket)
        if what in _WRITES and socket not in self._writing:
            self._writing.add(socket)
            self._loop.add_writer(socket, self._act, socket, pycurl.CSELECT_OUT)
        elif what not in _WRITES and socket in self._writing:
            self._writing.discard(socket)
            self._loop.remove_writer(socket)

    def _set_timer(self, timeout_ms: int) -> None:
        self._cancel_timer()
        # libcurl must not be called from within its own call.
        if timeout_ms == _AT_ONCE:
            self._timer = self._loop.call_soon(self._act, pycurl.SOCKET_TIMEOUT, 0)
        elif timeout_ms > 0:
            self._timer = self._loop.call_later(
                timeout_ms / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0
            )

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _act(self, socket: int, events: int) -> None:
        self._multi.socket_action(socket, events)
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            for transfer in good:
                self._end(transfer, (pycurl.E_OK, ""))
            for transfer, code, words in bad:
                self._end(transfer, (code, words))

    def _end(self, transfer: pycurl.Curl, ended: Ended) -> None:
        future = self._transfers.get(transfer)
        if future is not None and not future.done():
            future.set_result(ended)
