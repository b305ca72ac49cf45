"""The transport ``curl``: libcurl by pycurl, within the event loop, with all that its options can do.

Secrets are handed over in memory. libcurl resolves no names and follows no redirects: each address that it connects to is one that
was judged, and is judged again at the moment of connecting. Must not know redirects or tasks.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Final

import pycurl

from runner.http_tasks.curl_options import set_options
from runner.http_tasks.errors import ExchangeError, OversizeError
from runner.http_tasks.model import MAX_RESPONSE_BYTES
from runner.http_tasks.multi import Multi
from runner.http_tasks.outgoing import Incoming, origin_of

if TYPE_CHECKING:
    from typing import TypeAlias

    from runner.http_tasks.outgoing import Headers, Outgoing
    from runner.http_tasks.session import Session

    Place: TypeAlias = tuple[object, bytes]

_MAX_CONNECTIONS: Final = 100
"""That wait for their next request, of one owner with one profile."""
_MAX_POOLS: Final = 64
_KEEP_S: Final = 30.0
_MAX_HEAD: Final = 100 * 1024
_WEIRD_SERVER_REPLY: Final = 8
"""pycurl has no name for it."""
_WORDS: Final = {
    pycurl.E_COULDNT_CONNECT: ("the server refused the connection or can not be reached", "ECONNREFUSED"),
    pycurl.E_PEER_FAILED_VERIFICATION: ("the server has no valid certificate", "ERR_TLS_CERT_INVALID"),
    pycurl.E_SSL_CONNECT_ERROR: ("the server does not speak TLS as it should", "EPROTO"),
    pycurl.E_SSL_CERTPROBLEM: ("our certificate or its key can not be used", "ERR_TLS_CERT_INVALID"),
    pycurl.E_SSL_INVALIDCERTSTATUS: ("the server does not prove that its certificate is not revoked", "ERR_TLS_CERT_INVALID"),
    pycurl.E_GOT_NOTHING: ("the server closed the connection too early", "ECONNRESET"),
    pycurl.E_PARTIAL_FILE: ("the server closed the connection too early", "ECONNRESET"),
    pycurl.E_RECV_ERROR: ("the connection was lost", "ECONNRESET"),
    pycurl.E_SEND_ERROR: ("the connection was lost", "ECONNRESET"),
    _WEIRD_SERVER_REPLY: ("the server does not speak HTTP as it should", "EPROTO"),
    pycurl.E_UNSUPPORTED_PROTOCOL: ("the server does not speak HTTP as it should", "EPROTO"),
    pycurl.E_COULDNT_RESOLVE_PROXY: ("there is no such proxy", "ENOTFOUND"),
    pycurl.E_COULDNT_RESOLVE_HOST: ("there is no such host", "ENOTFOUND"),
}  # fmt: skip


class CurlTransport:
    """A :class:`runner.http_tasks.session.Transport`."""

    def __init__(self) -> None:
        self._pools: dict[Place, Multi] = {}
        """The one that was used last stands last."""
        self._sweeping: asyncio.Task[None] | None = None

    async def send(self, request: Outgoing, more: Headers, session: Session) -> Incoming:
        resolved = await _resolve(request, session)
        exchange = _Exchange(session)
        transfer = exchange.transfer
        try:
            try:
                set_options(transfer, request, more, session, resolved)
            except (pycurl.error, UnicodeError, ValueError):
                raise ExchangeError("libcurl does not take the task's options", "EINVAL") from None
            code, _ = await self._pool((session.owner, session.profile)).perform(transfer)
            return exchange.received(code)
        finally:
            transfer.close()

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _pool(self, place: Place) -> Multi:
        pool = self._pools.pop(place, None)
        if pool is None:
            pool = Multi(_MAX_CONNECTIONS)
            if len(self._pools) >= _MAX_POOLS:
                self._close_one()
            if self._sweeping is None:
                loop = asyncio.get_running_loop()
                self._sweeping = loop.create_task(self._sweep(), name="http tasks: idle pools")
        self._pools[place] = pool
        return pool

    def _close_one(self) -> None:
        for place, pool in self._pools.items():
            if not pool.running:
                del self._pools[place]
                pool.close()
                return

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_KEEP_S)
            since = loop.time() - _KEEP_S
            for place, pool in list(self._pools.items()):
                if not pool.running and pool.used_at < since:
                    del self._pools[place]
                    pool.close()


class _Exchange:
    """One transfer, and what came of it."""

    def __init__(self, session: Session) -> None:
        self._network = session.network
        self._old = session.config.http_version == "0.9"
        self._headers: Headers = []
        self._head_bytes = 0
        self._body = bytearray()
        self._refused = False
        self._oversize = False
        self.transfer = transfer = pycurl.Curl()
        transfer.setopt(pycurl.HEADERFUNCTION, self._take_header)
        transfer.setopt(pycurl.WRITEFUNCTION, self._take_body)
        transfer.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)

    def received(self, code: int) -> Incoming:
        """Return the answer.

        Raises
        ------
        ExchangeError
            There is none.
        OversizeError
            It was too large.

        """
        if self._oversize:
            raise OversizeError
        if self._refused:
            raise ExchangeError("the server is not at a public address", "EACCES")
        if code != pycurl.E_OK:
            words, name = _WORDS.get(
                code, (f"libcurl could not send the request ({code})", "EPROTO")
            )
            raise ExchangeError(words, name)
        status = self.transfer.getinfo(pycurl.RESPONSE_CODE)
        assert isinstance(status, int)
        # HTTP/0.9 has none.
        return Incoming(status or 200, self._headers, bytes(self._body))

    def _take_header(self, line: bytes) -> int:
        if line.startswith(b"HTTP/"):
            # Of the answer; what came before was a proxy's, or only on the way to it.
            self._headers.clear()
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self._headers.append((name.strip().lower(), value.strip()))
        self._head_bytes += len(line)
        return len(line) if self._head_bytes <= _MAX_HEAD else -1

    def _take_body(self, piece: bytes) -> int:
        if len(self._body) + len(piece) > MAX_RESPONSE_BYTES:
            self._oversize = True
            return -1
        self._body += piece
        return len(piece)

    def _open_socket(
        self, purpose: int, address: tuple[int, int, int, tuple[str, int]]
    ) -> _Handle | int:
        family, kind, protocol, (host, port, *_) = address
        if not self._network.allows(host, port):
            self._refused = True
            return int(pycurl.SOCKET_BAD)
        return _Handle(socket.socket(family, kind, protocol))


class _Handle:
    """A socket for pycurl, which makes a copy of it, and lets go of this one."""

    def __init__(self, opened: socket.socket) -> None:
        self._number = opened.detach()

    def fileno(self) -> int:
        return self._number

    def __del__(self) -> None:
        os.close(self._number)


async def _resolve(request: Outgoing, session: Session) -> list[str]:
    """Return what libcurl is told of names: ``HOST:PORT:ADDRESS,ADDRESS``."""
    network, proxy = session.network, session.config.proxy
    _, host, port = origin_of(request.url)
    if proxy is None:
        return _told(host, port, await network.addresses(host, port))
    addresses = await network.addresses(proxy.host, proxy.port)
    await network.allow_behind_proxy(host, port, addresses)
    return _told(proxy.host, proxy.port, addresses)


def _told(host: str, port: int, addresses: list[str]) -> list[str]:
    if ":" in host:
        return []  # it is an address
    # Where a name ends in a dot libcurl asks for it without.
    host = host.rstrip(".")
    shown = ",".join(f"[{one}]" if ":" in one else one for one in addresses)
    return [f"{host}:{port}:{shown}"]
