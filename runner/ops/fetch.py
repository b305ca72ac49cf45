"""The ``fetch`` op: HTTP/1.1 to the world, streaming both ways.

The one way out for workers. It uses httpx's transport and not its client, which would keep cookies, add headers and undo
encodings without a bound (docs/decisions/006). Redirects are followed here, because of each hop it is judged anew whether it
stays inside and whether it passes the guard. Must not know executions beyond their op.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from runner.errors import OpError
from runner.events.trace import with_trace
from runner.ops.answer import answer
from runner.ops.connections import CONNECT_S
from runner.ops.decoding import ACCEPTED
from runner.ops.failures import IDLE_S, failure, failure_of
from runner.ops.hop import FetchArgs, Hop
from runner.ops.locations import BLOCKED_PORTS, DEFAULT_PORTS
from runner.ops.transport import GuardedTransport
from runner.telemetry.conventions import client_attributes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.ops.addresses import AddressPolicy
    from runner.ops.hop import RedirectMode
    from runner.ops.internal import InternalRoutes
    from runner.ops.registry import OpCall

# The connect timeout is for the TLS handshake: what comes before has its own.
_TIMEOUTS: Final = {"connect": CONNECT_S, "read": IDLE_S, "write": IDLE_S, "pool": None}
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
            status = response.status_code
            call.note("http.response.status_code", status)
            locations = [
                value.decode("latin-1")
                for name, value in response.headers.raw
                if name.lower() == b"location"
            ]
            if hop.follow(status, locations, redirect):
                return False
            await answer(call, hop, response)
        finally:
            await response.aclose()
        return True

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
            # A part of something encoded can not be undone.
            ("accept-encoding", "identity" if "range" in given else ACCEPTED),
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
                    raise failure_of(error) from None
                again = False
            except httpx.TransportError as error:
                raise failure_of(error) from None


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
        raise failure(f"{hop.url[:200]!r} is no URL that can be fetched", "EINVAL") from None
    if port in BLOCKED_PORTS:
        raise failure(f"port {port} is not for HTTP", "EACCES")
    default = port is None or port == DEFAULT_PORTS[parts.scheme]
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
        raise failure("a header has characters above U+00FF", "EINVAL") from None
    request = httpx.Request(
        hop.method,
        origin,
        headers=raw,
        # Given a stream, httpx adds no headers.
        stream=_Sent(call) if hop.streams else httpx.ByteStream(hop.content or b""),
        extensions={
            "timeout": _TIMEOUTS,
            "target": target,
            "tenant": call.execution.deployment.tenant,
            "streams": hop.streams,
        },
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
