"""The transport ``fetch``: HTTP/1.1 over connections of the kind that workers' ``fetch`` has, kept per owner.

See docs/decisions/016-http-tasks.md for why it is neither httpx's client nor its pool. Must not know redirects or tasks.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpcore
import msgspec

from runner.http_tasks.connecting import RoutedBackend, context_of, forwards, proxy_fields
from runner.http_tasks.errors import ExchangeError, OversizeError
from runner.http_tasks.model import MAX_RESPONSE_BYTES
from runner.http_tasks.outgoing import Incoming, origin_of, target_of
from runner.ops.exchange import Connection
from runner.ops.failures import code_of, why_not

if TYPE_CHECKING:
    import ssl
    from typing import TypeAlias

    from runner.http_tasks.outgoing import Headers, Outgoing
    from runner.http_tasks.session import Session

    Place: TypeAlias = tuple[object, str, str, int, bytes]

_KEEP_S: Final = 30
"""The longest that a connection waits for its next request, whatever a task says."""
_MAX_IDLE: Final = 200
_MAX_CONTEXTS: Final = 64
_GONE: Final = (
    httpcore.ConnectionNotAvailable,
    httpcore.NetworkError,
    httpcore.RemoteProtocolError,
)


class FetchTransport:
    """A :class:`runner.http_tasks.session.Transport`."""

    def __init__(self) -> None:
        self._idle: dict[Place, list[Connection]] = {}
        self._ages: dict[Connection, Place] = {}
        """All that are idle, the oldest first."""
        self._sweeping: asyncio.Task[None] | None = None
        self._contexts: dict[bytes, ssl.SSLContext] = {}

    async def send(self, request: Outgoing, more: Headers, session: Session) -> Incoming:
        scheme, host, port = origin_of(request.url)
        place = (session.owner, scheme, host, port, session.profile)
        sent = _request(request, more, session)
        kept = self._kept(place)
        connection = kept or self._opened(place, session)
        try:
            try:
                response = await connection.handle_async_request(sent)
            except _GONE:
                if kept is None:
                    raise
                # The server closed it while it waited, or as we asked: a task may be sent twice rather than not at all.
                connection = self._opened(place, session)
                response = await connection.handle_async_request(sent)
        except ExchangeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the request has failed
            raise _failure(error) from None
        return await self._received(place, connection, response, session)

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        for connection in list(self._ages):
            await self._drop(connection)

    async def _received(
        self, place: Place, connection: Connection, response: httpcore.Response, session: Session
    ) -> Incoming:
        body = bytearray()
        try:
            async for piece in response.stream:  # type: ignore[union-attr] # ours are asynchronous
                body += piece
                if len(body) > MAX_RESPONSE_BYTES:
                    raise OversizeError
        except (OversizeError, asyncio.CancelledError):
            await connection.aclose()
            raise
        except Exception as error:  # noqa: BLE001 - likewise
            await connection.aclose()
            raise _failure(error) from None
        await response.aclose()
        if connection.is_available() and session.config.keep_alive_duration:
            await self._keep(place, connection)
        else:
            await connection.aclose()
        headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in response.headers
        ]
        return Incoming(response.status, headers, bytes(body))

    def _kept(self, place: Place) -> Connection | None:
        waiting = self._idle.get(place)
        if waiting is None:
            return None
        # The latest: it is the likeliest to be alive.
        connection = waiting[-1]
        if connection.has_expired():
            return None
        self._take(connection)
        return connection

    def _take(self, connection: Connection) -> None:
        """Idle no more."""
        place = self._ages.pop(connection)
        self._idle[place].remove(connection)
        if not self._idle[place]:
            del self._idle[place]

    async def _drop(self, connection: Connection) -> None:
        self._take(connection)
        await connection.aclose()

    async def _keep(self, place: Place, connection: Connection) -> None:
        self._idle.setdefault(place, []).append(connection)
        self._ages[connection] = place
        if len(self._ages) > _MAX_IDLE:
            await self._drop(next(iter(self._ages)))
        if self._sweeping is None:
            loop = asyncio.get_running_loop()
            self._sweeping = loop.create_task(self._sweep(), name="http tasks: idle connections")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_S / 2)
            for connection in [one for one in self._ages if one.has_expired()]:
                if connection in self._ages:
                    await self._drop(connection)

    def _opened(self, place: Place, session: Session) -> Connection:
        config = session.config
        _, scheme, host, port, _ = place
        keep_s = min(config.keep_alive_duration, _KEEP_S)
        origin = httpcore.Origin(scheme.encode(), _ascii(host), port)
        backend = RoutedBackend(session, tunnel=scheme == "https")
        # Where a proxy forwards requests it is the proxy that the connection leads to; the backend knows.
        return Connection(origin, backend, self._context(session), keep_s)

    def _context(self, session: Session) -> ssl.SSLContext:
        config, identity = session.config, session.identity
        key = msgspec.json.encode(
            [config.insecure, config.tls_version, config.tls_max_version, identity.ca, identity.certificate, identity.key]
        )  # fmt: skip
        if (context := self._contexts.get(key)) is None:
            if len(self._contexts) >= _MAX_CONTEXTS:
                del self._contexts[next(iter(self._contexts))]
            context = self._contexts[key] = context_of(config, identity)
        return context


def _request(request: Outgoing, more: Headers, session: Session) -> httpcore.Request:
    scheme, host, port = origin_of(request.url)
    target = target_of(request.url)
    headers = [*request.headers, *more]
    if forwards(session.config, scheme):
        target = request.url
        headers += proxy_fields(session.config)
    fields = [] if request.named("host") else [(b"Host", _host_field(scheme, host, port))]
    fields += [(name.encode(), value.encode()) for name, value in headers]
    if request.body is not None:
        fields.append((b"Content-Length", b"%d" % len(request.body)))
    if not session.config.keep_alive_duration:
        fields.append((b"Connection", b"close"))
    url = httpcore.URL(scheme=scheme.encode(), host=_ascii(host), port=port, target=target.encode())
    return httpcore.Request(request.method.encode(), url, headers=fields, content=request.body)


def _ascii(host: str) -> bytes:
    return host.encode("ascii")


def _host_field(scheme: str, host: str, port: int) -> bytes:
    shown = f"[{host}]" if ":" in host else host
    return (shown if port == {"http": 80, "https": 443}[scheme] else f"{shown}:{port}").encode()


def _failure(error: Exception) -> ExchangeError:
    """Return the error for what a connection raised."""
    match error:
        case httpcore.ConnectError():
            return ExchangeError(f"the server {why_not(error)}", code_of(error))
        case httpcore.LocalProtocolError():
            return ExchangeError("a header or the method is not allowed in HTTP", "EINVAL")
        case httpcore.RemoteProtocolError():
            if "Server disconnected" in str(error) or "peer closed" in str(error):
                return ExchangeError("the server closed the connection too early", "ECONNRESET")
            return ExchangeError("the server does not speak HTTP as it should", "EPROTO")
        case httpcore.NetworkError() | OSError():
            return ExchangeError("the connection was lost", "ECONNRESET")
        case _:
            return ExchangeError("the request could not be sent", "EPROTO")
