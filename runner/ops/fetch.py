"""The ``fetch`` op: HTTP/1.1 to the world, streaming both ways.

The one way out for workers. It uses httpx's transport and not its client, which would keep cookies, add headers and undo
encodings without a bound (docs/decisions/006). Redirects are followed here, because of each hop it is judged anew whether it
stays inside and whether it passes the guard. Must not know executions beyond their op.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from pools.protocol import STREAM_WINDOW_BYTES
from runner.errors import OpError, StreamError
from runner.events.trace import with_trace
from runner.ops.connections import CONNECT_S, why_not
from runner.ops.decoding import ACCEPTED
from runner.ops.hop import REDIRECTS, FetchArgs, Hop
from runner.ops.transport import GuardedTransport
from runner.telemetry.conventions import client_attributes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.ops.addresses import AddressPolicy
    from runner.ops.decoding import Decoder
    from runner.ops.hop import RedirectMode
    from runner.ops.internal import InternalRoutes
    from runner.ops.registry import OpCall

_IDLE_S: Final = 60.0
_INLINE_BYTES: Final = STREAM_WINDOW_BYTES // 4
_INLINE_WAIT_S: Final = 0.02
"""How long a response's head may wait for a small body, to come as one piece."""
# The connect timeout is for the TLS handshake: what comes before has its own.
_TIMEOUTS: Final = {"connect": CONNECT_S, "read": _IDLE_S, "write": _IDLE_S, "pool": None}
# The connection's own business, and what lets a worker desynchronise a connection that others use after it.
_NOT_SENT: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NOT_SENT_PREFIXES: Final = ("x-worker-", "x-isolane-")


class Fetch:
    """The handler; owns the connections of all executions."""

    def __init__(self, policy: AddressPolicy, max_idle: int, user_agent: str) -> None:
        self._transport = GuardedTransport(policy, max_idle)
        self._user_agent = user_agent
        self.routes: InternalRoutes | None = None
        """Set when there are workers to call."""

    async def close(self) -> None:
        await self._transport.aclose()

    async def __call__(self, call: OpCall) -> None:
        await self.send(call, call.args(FetchArgs))

    async def send(self, call: OpCall, args: FetchArgs, worker: str = "") -> None:
        """Answer the op with what the request brings; ``worker`` is the id of the one it is for, if a binding says it."""
        content = args.text.encode() if args.body == "text" else call.attachment
        hop = Hop(
            args.method,
            args.url,
            self._headers(args),
            content if args.body in {"text", "bytes"} else None,
            args.body == "stream",
            worker,
        )
        if call.execution.context.observation is not None:
            _trace(call, hop)
        answered = False
        while not answered:
            routes = self.routes
            if routes is not None and routes.lead_to(hop):
                answered = await routes.ask(call, hop, args.redirect)
            elif hop.worker:
                raise OpError("Error", "this runner has no other workers")
            else:
                answered = await self._ask(call, hop, args.redirect)

    async def _ask(self, call: OpCall, hop: Hop, redirect: RedirectMode) -> bool:
        """Make the request; false when its answer was a redirect, and the hop is the next one now."""
        response = await self._request(call, hop)
        try:
            location = _location(response)
            call.note("http.response.status_code", response.status_code)
            if location is None or redirect == "manual":
                await _answer(call, hop, response)
                return True
            hop.follow(response.status_code, location, redirect)
        finally:
            await response.aclose()
        return False

    def _headers(self, args: FetchArgs) -> list[tuple[str, str]]:
        headers = [
            (name, value)
            for name, value in args.headers
            if (lower := name.lower()) not in _NOT_SENT and not lower.startswith(_NOT_SENT_PREFIXES)
        ]
        given = {name.lower() for name, _ in headers}
        for name, value in (
            ("user-agent", self._user_agent),
            ("accept", "*/*"),
            ("accept-encoding", ACCEPTED),
        ):
            if name not in given:
                headers.append((name, value))
        return headers

    async def _request(self, call: OpCall, hop: Hop) -> httpx.Response:
        request = _prepare(call, hop)
        # An idle connection may be closed by its server in the moment we take it.
        again = hop.method in {"GET", "HEAD", "OPTIONS"} and hop.content is None and not hop.streams
        while True:
            try:
                return await self._transport.handle_async_request(request)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if not again:
                    raise _failed(error) from None
                again = False
            except httpx.TransportError as error:
                raise _failed(error) from None


def _trace(call: OpCall, hop: Hop) -> None:
    """Have whom we ask know which trace the request belongs to, and the trace whom we ask."""
    if call.trace is not None:
        hop.headers = with_trace(hop.headers, call.trace, call.execution.context.tracestate)
    for name, value in client_attributes(hop.method, hop.url).items():
        call.note(name, value)


def _prepare(call: OpCall, hop: Hop) -> httpx.Request:
    try:
        parts = urlsplit(hop.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError
        port = parts.port
        # As it is, and not in the URL: httpx would write it its own way, and there may be a signature over it.
        target = ((parts.path or "/") + (f"?{parts.query}" if parts.query else "")).encode("ascii")
        origin = _origin(parts.scheme, parts.hostname, port)
    except (ValueError, httpx.InvalidURL):
        raise OpError(
            "TypeError", f"fetch failed: {hop.url[:200]!r} is no URL that can be fetched"
        ) from None
    default = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    headers = [("host", host if default else f"{host}:{port}"), *hop.headers]
    if hop.content is not None:
        headers.append(("content-length", str(len(hop.content))))
    elif hop.streams:
        headers.append(("transfer-encoding", "chunked"))
    elif hop.method in {"POST", "PUT", "PATCH"}:
        headers.append(("content-length", "0"))
    try:
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        hop.method.encode("ascii")
    except UnicodeEncodeError:
        raise OpError("TypeError", "fetch failed: a header has characters above U+00FF") from None
    request = httpx.Request(
        hop.method,
        origin,
        headers=raw,
        # Given a stream, httpx adds no headers.
        stream=_Sent(call) if hop.streams else httpx.ByteStream(hop.content or b""),
        extensions={"timeout": _TIMEOUTS, "target": target},
    )
    request.method = hop.method  # httpx makes it upper case, the Fetch standard not always
    return request


@lru_cache(maxsize=256)  # httpx takes its time for them
def _origin(scheme: str, host: str, port: int | None) -> httpx.URL:
    host.encode("ascii")
    return httpx.URL(scheme=scheme, host=host, port=port)


class _Sent(httpx.AsyncByteStream):
    """A request's body as the worker's stream has it."""

    def __init__(self, call: OpCall) -> None:
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._call.sent_body()
        try:
            while (chunk := await stream.read()) is not None:
                yield chunk
        finally:
            stream.cancel("the request is over")


def _location(response: httpx.Response) -> str | None:
    if response.status_code not in REDIRECTS:
        return None
    for name, value in response.headers.raw:
        if name.lower() == b"location":
            return value.decode("latin-1")
    return None


async def _answer(call: OpCall, hop: Hop, response: httpx.Response) -> None:
    """Resolve the op, and send the body on."""
    headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in response.headers.raw
    ]
    reason = response.extensions.get("reason_phrase", b"").decode("latin-1")
    answer, decoder = hop.answer(response.status_code, reason, headers)
    if not hop.has_body(response.status_code):
        call.resolve(answer)
        return
    chunks = _chunks(response, decoder)
    events = ("content-type", "text/event-stream") in headers
    read: list[bytes] = []
    reading = asyncio.create_task(_read_small(chunks, read), name="small body")
    try:
        await asyncio.wait({reading}, timeout=0 if events else _INLINE_WAIT_S)
        if reading.done() and reading.result():
            call.resolve(answer | {"body": "bytes"}, b"".join(read))
            return
        body = call.open_body()
        task = asyncio.current_task()
        assert task is not None
        body.on_cancel = task.cancel
        call.resolve(answer | {"body": "stream"})
        try:
            complete = await reading
            await body.write(b"".join(read))
            if not complete:
                async for chunk in chunks:
                    await body.write(chunk)
        except OpError as error:
            body.close(StreamError(error.name, error.message))
        except Exception as error:  # noqa: BLE001 - whatever breaks the upstream breaks the stream
            body.close(StreamError("TypeError", _failed(error).message))
        else:
            body.close()
    except asyncio.CancelledError:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        raise
    finally:
        reading.cancel()


async def _read_small(chunks: AsyncIterator[bytes], read: list[bytes]) -> bool:
    """Read until the end, or until there is too much for one piece; true at the end."""
    size = 0
    async for chunk in chunks:
        read.append(chunk)
        size += len(chunk)
        if size > _INLINE_BYTES:
            return False
    return True


async def _chunks(response: httpx.Response, decoder: Decoder | None) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            if decoder is None:
                yield chunk
            else:
                for piece in decoder.feed(chunk):
                    yield piece
    except httpx.TransportError as error:
        raise _failed(error) from None
    if decoder is not None and not decoder.complete:
        raise OpError("TypeError", "fetch failed: the response ended in the middle of its encoding")


def _failed(error: Exception) -> OpError:
    match error:
        case OpError():
            return error
        case httpx.ConnectTimeout():
            why = f"no TLS connection within {CONNECT_S:g} s"
        case httpx.ConnectError():
            why = f"the server {why_not(error)}"
        case httpx.TimeoutException():
            why = f"nothing moved for {_IDLE_S:.0f} s"
        case httpx.LocalProtocolError():
            why = "a header or the method is not allowed in HTTP"
        case httpx.RemoteProtocolError():
            why = "the server closed the connection or does not speak HTTP"
        case httpx.NetworkError():
            why = "the connection was lost"
        case _:
            why = "the response could not be read"
    return OpError("TypeError", f"fetch failed: {why}")
