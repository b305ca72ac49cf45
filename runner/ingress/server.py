"""The HTTP server: uvicorn's protocol on a socket of ours, in our loop, with limits on what is not yet a request.

Must not know what is served.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from runner.corked import Corked
from runner.errors import AddressError
from runner.sockets.messages import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from runner.config import Address

_MAX_HEADER_BYTES: Final = 64 << 10
_HEADER_S: Final = 30.0
_KEEP_ALIVE_S: Final = 75.0
_ARRIVAL_S: Final = 0.5
"""So long a drain waits for a request on a connection that was just made: its client may be slow on a busy machine."""
_LOOK_S: Final = 0.02
_TAKEN_S: Final = 1.0
"""So long after its end an answer is taken to be with its client, where nobody can tell."""
_BACKLOG: Final = 2048


def bind(address: Address, *, shared: bool = False) -> socket.socket:
    """Return a socket that listens, so that a taken port is known before anything else is started.

    A ``shared`` one does not listen yet: the kernel gives connections in turn to those of an address that do.

    Raises
    ------
    AddressError
        It can not.

    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        found = socket.getaddrinfo(address.host, address.port, family=0, type=socket.SOCK_STREAM)
        family, _, _, _, target = found[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise AddressError(f"{address}", str(error), "give a host of this machine") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(target)
        if not shared:
            sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        advice = {
            errno.EADDRINUSE: "stop what listens there, or choose another port",
            errno.EACCES: "choose a port from 1024 up",
            errno.EADDRNOTAVAIL: "give an address of this machine",
        }.get(error.errno or 0, "choose another address")
        raise AddressError(f"{address}", (error.strerror or str(error)).lower(), advice) from error
    sock.setblocking(False)
    return sock


class _State(ServerState):
    """What uvicorn's protocols share, and whether connections are still kept for a next request."""

    draining = False


class _Protocol(HttpToolsProtocol):
    """Bounds the head of a request, in size and in time, and how long a connection may be idle."""

    server_state: _State

    _head_bytes = 0
    head_since: float | None = None
    """Since when the head of a request is incomplete."""
    _idle_since: float | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(cast("Any", Corked(transport)))
        self.head_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self.head_since is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if (
            self.head_since is not None
            and self._head_bytes > _MAX_HEADER_BYTES
            and not self.transport.is_closing()
        ):
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()

    def rests(self, now: float) -> bool:
        """Return whether the last answer was surely taken by the client, and no other was asked for."""
        if self._idle_since is None or not self.cycle.response_complete:
            return False
        # TLS does not tell what it has still to send.
        sent = not self.transport.get_write_buffer_size()
        return sent and self._idle_since < now - _TAKEN_S

    def expire(self, now: float) -> None:
        """Close the connection if it has sent the head of a request, or nothing, for too long."""
        if getattr(self.cycle, "response_complete", True) is False:
            return
        if self.head_since is not None:
            late = self.head_since < now - _HEADER_S
        else:
            late = self._idle_since is not None and self._idle_since < now - _KEEP_ALIVE_S
        if late:
            self.transport.close()

    def on_response_complete(self) -> None:
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        # As uvicorn does it, but for its timer: one for each request costs more than a look at all connections each second.
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = self.loop.time()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.head_since is None:
            self.head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self.head_since = None
        self._head_bytes = 0
        super().on_headers_complete()
        if self.server_state.draining and self.cycle is not None:
            self.cycle.keep_alive = False


class HttpServer:
    """Serves an ASGI application on a listening socket, in the clear or with ``tls``."""

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        sock: socket.socket,
        *,
        websockets: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sock = sock
        self._tls = tls
        self._config = Config(
            app,
            http="httptools",
            ws="wsproto" if websockets else "none",
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        self._state = _State()
        self._rested: set[_Protocol] = set()
        self._joining: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.TimerHandle | None = None
        # It logs each connection that we cut on purpose.
        logging.getLogger("uvicorn.error").disabled = True

    async def start(self) -> None:
        self._config.load()
        loop = asyncio.get_running_loop()
        self._tick()
        self._server = await loop.create_server(
            self._make_protocol, sock=self._sock, backlog=_BACKLOG, ssl=self._tls
        )

    def stop_accepting(self) -> None:
        """Take no further connection, and no further request on those there are, but for one that is on its way."""
        if self._server is not None:
            self._accept_who_waits()
            self._server.close()
        self._state.draining = True
        now = asyncio.get_running_loop().time()
        # Who has just connected is about to send a request: it gets an answer, if only a refusal.
        for connection in self._state.connections - self._arriving():
            if isinstance(connection, _Protocol) and connection.rests(now):
                # Over TLS it may stay for long: the peer has to say good-bye.
                self._rested.add(connection)
            connection.shutdown()

    async def finish(self, timeout_s: float) -> None:
        """Wait until what was asked for has been sent, up to ``timeout_s``."""
        clock = asyncio.get_running_loop().time
        end = clock() + timeout_s
        arrived = clock() + _ARRIVAL_S
        # A connection that was accepted is known to us a turn of the loop later.
        await asyncio.sleep(0)
        while (now := clock()) < end:
            if tasks := tuple(self._state.tasks):
                # Others may come meanwhile.
                await asyncio.wait(tasks, timeout=end - now)
            elif self._answered() or ((self._joining or self._arriving()) and now < arrived):
                await asyncio.sleep(_LOOK_S)
            else:
                return

    async def close(self) -> None:
        """Close whatever is still open."""
        self.stop_accepting()
        if self._ticker is not None:
            self._ticker.cancel()
        for connection in tuple(self._state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        tasks = (*self._state.tasks, *self._joining)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def sweep(self, now: float) -> None:
        """Close the connections that have sent nothing, or no whole head of a request, for too long at ``now``, of the loop's clock."""
        for connection in tuple(self._state.connections):
            if isinstance(connection, _Protocol):
                connection.expire(now)

    def _make_protocol(self) -> _Protocol:
        return _Protocol(self._config, self._state, {}, asyncio.get_running_loop())

    def _accept_who_waits(self) -> None:
        """Take the connections that the kernel has made already: it would reset them with the end of the listening socket."""
        loop = asyncio.get_running_loop()
        for _ in range(_BACKLOG):
            try:
                connection, _ = self._sock.accept()
            except OSError:
                # There is none, or this is not the first end.
                return
            connection.setblocking(False)
            joining = loop.create_task(self._join(connection), name="join")
            self._joining.add(joining)
            joining.add_done_callback(self._joining.discard)

    async def _join(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._make_protocol, connection, ssl=self._tls)
        except OSError:
            # It has left, or does not speak TLS.
            connection.close()

    def _arriving(self) -> set[_Protocol]:
        """Return the connections on which the head of a request is to come."""
        return {
            connection
            for connection in self._state.connections
            if isinstance(connection, _Protocol) and connection.head_since is not None
        }

    def _answered(self) -> bool:
        """Return whether a client has still to take what it was sent."""
        return bool(self._state.connections - self._arriving() - self._rested)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        # The protocol reads this list anew for each response.
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self.sweep(loop.time())
        self._ticker = loop.call_later(1.0, self._tick)
