"""WebSockets that workers open: the handshake and the frames, over connections that were judged as those of ``fetch`` are.

Must not know executions, ops or streams.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import httpcore
import wsproto
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from runner.errors import OpError
from runner.ops.connections import CONNECT_S, GuardedBackend, tls_context
from runner.ops.failures import why_not
from runner.sockets.messages import MAX_MESSAGE_BYTES, Kind, Message, closing
from runner.sockets.relay import PeerLostError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence

    from wsproto.events import Event

    from runner.ops.addresses import AddressPolicy

_READ_BYTES: Final = 64 << 10
_HANDSHAKE_S: Final = 10.0
_FAREWELL_S: Final = 1.0
_MAX_REFUSAL_BYTES: Final = 64 << 10
_LOST: Final = (httpcore.NetworkError, httpcore.TimeoutException)


class Handshake(NamedTuple):
    """The server's answer; ``peer`` is there when it has accepted."""

    status: int
    headers: list[tuple[str, str]]
    protocol: str
    body: bytes
    peer: ServerPeer | None


class Dialer:
    """Opens connections."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._backend = GuardedBackend(policy)
        self._tls: ssl.SSLContext | None = None

    async def open(
        self, url: str, protocols: Sequence[str], headers: Iterable[tuple[str, str]]
    ) -> Handshake:
        """Connect to ``url`` (``http``, ``https``, ``ws`` or ``wss``) and shake hands.

        Raises
        ------
        OpError
            There is no such server, it may not be reached, or does not speak WebSocket.

        """
        try:
            parts = urlsplit(url)
            secure = parts.scheme in {"https", "wss"}
            host, port = parts.hostname, parts.port
            (url + "".join(protocols)).encode("ascii")
            if not host or parts.scheme not in {"http", "https", "ws", "wss"}:
                raise ValueError
        except ValueError:
            raise OpError("TypeError", f"WebSocket: {url[:200]!r} is no URL of one") from None
        stream = await self._connect(host, port or (443 if secure else 80), secure=secure)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        name = f"[{host}]" if ":" in host else host
        request = Request(
            host=name if port is None else f"{name}:{port}",
            target=target,
            subprotocols=list(protocols),
            extra_headers=[
                (key.encode("latin-1"), text.encode("latin-1")) for key, text in headers
            ],
        )
        peer = ServerPeer(stream)
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                return await peer.shake_hands(request)
        except TimeoutError:
            why = f"the server did not answer within {_HANDSHAKE_S:g} s"
        except PeerLostError:
            why = "the server closed the connection"
        except (LocalProtocolError, RemoteProtocolError):
            why = "the server does not speak WebSocket"
        except BaseException:
            await peer.abort()
            raise
        await peer.abort()
        raise OpError("TypeError", f"WebSocket: {why}")

    async def _connect(self, host: str, port: int, *, secure: bool) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._backend.connect_tcp(host, port)
        except OpError as error:
            raise OpError(error.name, error.message.replace("fetch failed", "WebSocket")) from None
        if not secure:
            return stream
        if self._tls is None:
            self._tls = tls_context()
        try:
            return await stream.start_tls(self._tls, server_hostname=host, timeout=CONNECT_S)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            await stream.aclose()
            raise OpError("TypeError", f"WebSocket: {host}:{port} {why_not(error)}") from None


class ServerPeer:
    """The server at the other end of a connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._protocol = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._events: list[Event] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._writing = asyncio.Lock()
        """Answers to pings come between messages: a stream has one writer at a time."""

    async def shake_hands(self, request: Request) -> Handshake:
        """Ask, and return the answer.

        Raises
        ------
        PeerLostError, LocalProtocolError, RemoteProtocolError
            There is none.

        """
        await self._write(self._protocol.send(request))
        refusal: RejectConnection | None = None
        body = b""
        while True:
            match await self._event():
                case AcceptConnection() as answer:
                    protocol = answer.subprotocol or ""
                    headers = _texts(answer.extra_headers)
                    if protocol:
                        headers.append(("sec-websocket-protocol", protocol))
                    return Handshake(101, headers, protocol, b"", self)
                case RejectConnection() as refusal:
                    if refusal.has_body:
                        continue
                case RejectData(data=data, body_finished=finished):
                    body += data
                    if not finished and len(body) < _MAX_REFUSAL_BYTES:
                        continue
                case _:
                    raise PeerLostError
            await self.abort()
            if refusal is None:
                raise PeerLostError
            headers = _texts(refusal.headers)
            return Handshake(refusal.status_code, headers, "", body[:_MAX_REFUSAL_BYTES], None)

    async def send(self, message: Message) -> None:
        """Send; see :class:`runner.sockets.relay.Peer`."""
        content = message.content
        event: Event
        if message.kind is Kind.TEXT:
            event = TextMessage(data=content.decode(errors="replace"))
        elif message.kind is Kind.BINARY:
            event = BytesMessage(data=content)
        else:
            event = CloseConnection(code=message.code, reason=message.reason or None)
        try:
            data = self._protocol.send(event)
        except LocalProtocolError:
            # The server has closed meanwhile.
            raise PeerLostError from None
        await self._write(data)

    async def receive(self) -> Message:
        """Return the next message; see :class:`runner.sockets.relay.Peer`."""
        while True:
            try:
                event = await self._event()
            except RemoteProtocolError as error:
                if error.event_hint is not None:
                    await self._write(self._protocol.send(error.event_hint))
                raise PeerLostError from None
            match event:
                case TextMessage(data=text, message_finished=finished):
                    message = self._add(Kind.TEXT, text.encode(), complete=finished)
                case BytesMessage(data=data, message_finished=finished):
                    message = self._add(Kind.BINARY, bytes(data), complete=finished)
                case Ping():
                    await self._write(self._protocol.send(event.response()))
                    continue
                case CloseConnection(code=code, reason=reason):
                    if self._protocol.state is ConnectionState.REMOTE_CLOSING:
                        await self._write(self._protocol.send(event.response()))
                    return closing(int(code), reason or "")
                case _:
                    continue
            if self._size > MAX_MESSAGE_BYTES:
                await self._write(self._protocol.send(CloseConnection(code=1009)))
                return closing(1009, "the message is too big")
            if message is not None:
                return message

    def _add(self, kind: Kind, part: bytes, *, complete: bool) -> Message | None:
        self._size += len(part)
        if self._size > MAX_MESSAGE_BYTES:
            return None
        self._parts.append(part)
        if not complete:
            return None
        content = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return Message(kind, content)

    async def _event(self) -> Event:
        while not self._events:
            try:
                data = await self._stream.read(_READ_BYTES)
            except _LOST:
                raise PeerLostError from None
            if not data:
                raise PeerLostError
            self._protocol.receive_data(data)
            self._events = list(self._protocol.events())
        return self._events.pop(0)

    async def _write(self, data: bytes) -> None:
        try:
            async with self._writing:
                await self._stream.write(data)
        except _LOST:
            raise PeerLostError from None

    async def abort(self) -> None:
        """Close the connection; a server that has not been told so yet is told that we go, if it listens."""
        try:
            if self._protocol.state is ConnectionState.OPEN:
                async with asyncio.timeout(_FAREWELL_S):
                    await self._write(self._protocol.send(CloseConnection(code=1001)))
        except (TimeoutError, PeerLostError, LocalProtocolError):
            pass
        finally:
            await self._stream.aclose()


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
