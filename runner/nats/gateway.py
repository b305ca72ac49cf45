"""The gateway: HTTP in, NATS out. Puts a fleet of runners behind one address.

Must not know workers, but for what a request says of the one it is for.
"""

from __future__ import annotations

import asyncio
import uuid
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from runner.errors import NatsUnavailableError, NotResolvedError, StreamError
from runner.events.fetch import RequestIds
from runner.ingress.answers import Problem
from runner.ingress.asgi import left, render, request_of, send_whole
from runner.ingress.patience import Patience
from runner.journal import EventLine
from runner.nats.parts import Kind, size_of
from runner.nats.requester import Lost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.events.fetch import Request
    from runner.ingress.asgi import Receive, Send
    from runner.ingress.proxies import TrustedProxies
    from runner.ingress.server import HttpServer
    from runner.journal import Journal
    from runner.nats.parts import Part
    from runner.nats.requester import RemoteCall, Requester

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ROOM: Final = 1024
"""For the gateway's own headers of a request."""
_DRAINING: Final = Problem(503, "the gateway is shutting down", "Terminated", 1)
_AWAY: Final = Problem(503, "the gateway has no connection to the runners", "Overloaded", 1)
_OF_LOST: Final = {
    Lost.AWAY: _AWAY,
    Lost.NOBODY: Problem(503, "no runner is there", "Overloaded", 1),
    Lost.GONE: Problem(502, "the runner was lost", "HostLost"),
    Lost.LATE: Problem(504, "the answer took too long", "WallClockTimeout"),
}


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        requester: Requester,
        proxies: TrustedProxies,
        journal: Journal,
        worker_domains: Iterable[str],
        max_body_bytes: int,
    ) -> None:
        self.requester = requester
        self.proxies = proxies
        self.journal = journal
        self.max_body_bytes = max_body_bytes
        self.new_id = RequestIds()
        self.patience = Patience()
        self.draining = False
        self._suffixes = tuple(f".{domain}" for domain in worker_domains)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await Forwarding(self, scope, receive, send).run()

    def worker_of(self, request: Request) -> str:
        """Return id or name of the worker that a request is for; empty when only the fleet can tell.

        Raises
        ------
        NotResolvedError
            The id is none.

        """
        if request.worker_id:
            try:
                return str(uuid.UUID(request.worker_id))
            except ValueError:
                raise NotResolvedError(400, "x-worker-id is no UUID") from None
        if request.worker_name:
            return request.worker_name
        host = request.host.partition(":")[0].rstrip(".").lower()
        for suffix in self._suffixes:
            if host.endswith(suffix):
                return host.removesuffix(suffix)
        return ""


class Forwarding:
    """One request, on its way to a runner and back."""

    __slots__ = (
        "_answered",
        "_body_size",
        "_call",
        "_client",
        "_first",
        "_gateway",
        "_left",
        "_problem",
        "_receive",
        "_request",
        "_scope",
        "_send",
        "_started",
        "_status",
    )

    def __init__(
        self, gateway: Gateway, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        self._gateway = gateway
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started = perf_counter()
        self._request: Request | None = None
        self._call: RemoteCall | None = None
        self._client: asyncio.Task[None] | None = None
        self._first: dict[str, Any] | None = None
        """What came of a body and is to be sent apart from the request; None when nothing is."""
        self._body_size = 0
        self._answered = False
        self._left = False
        self._status = 0
        self._problem = ""

    async def run(self) -> None:
        """Serve the request; problems are answers, too."""
        try:
            problem = await self._serve()
            if problem is not None:
                await self._tell(problem)
        finally:
            self._gateway.patience.end(self)
            if self._client is not None:
                self._client.cancel()
            if self._call is not None:
                self._call.close()
            self._note()

    async def _serve(self) -> Problem | None:
        gateway, scope = self._gateway, self._scope
        try:
            self._request = request = request_of(
                scope,
                scope["method"],
                scope["scheme"],
                proxies=gateway.proxies,
                new_id=gateway.new_id,
            )
            if gateway.draining:
                return _DRAINING
            worker = gateway.worker_of(request)
            if (request.content_length or 0) > gateway.max_body_bytes:
                return self._too_large()
            return await self._forward(request, worker)
        except NotResolvedError as error:
            return Problem(error.status, error.reason)
        except NatsUnavailableError:
            return _AWAY

    async def _forward(self, request: Request, worker: str) -> Problem | None:
        gateway, data = self._gateway, b""
        bus = gateway.requester.bus
        room = bus.max_payload - size_of(request.headers) - len(request.url) - _ROOM
        if room < bus.max_payload // 2:
            return Problem(431, "the request's headers are too large for NATS")
        if request.has_body:
            first = await self._receive()
            if first["type"] == "http.disconnect":
                self._left = True
                return None
            data = first["body"]
            self._body_size = len(data)
            if self._body_size > gateway.max_body_bytes:
                return self._too_large()
            if len(data) > room:
                self._first, data = first, b""
            elif first["more_body"]:
                self._first = {**first, "body": b""}
        part = await self._ask(request, worker, data)
        safe = request.method in _SAFE and self._first is None
        if safe and not self._left and (part is Lost.GONE or _is_overloaded(part)):
            # NATS chooses among the runners anew.
            part = await self._ask(request, worker, data)
        if self._answered or self._left:  # with 413, while the body came
            return None
        return _OF_LOST[part] if isinstance(part, Lost) else await self._answer(part)

    async def _ask(self, request: Request, worker: str, data: bytes) -> Part | Lost:
        requester = self._gateway.requester
        if self._call is not None:
            self._call.close()
        if not requester.bus.connected:
            return Lost.AWAY
        streamed = self._first is not None
        self._call = call = await requester.ask(request, worker, data, streamed=streamed)
        if streamed:
            self._client = asyncio.create_task(self._pump(call), name="request body")
        else:
            self._gateway.patience.begin(self)
        return await call.answer

    # --- the answer -----------------------------------------------------------------------------------------------

    async def _answer(self, part: Part) -> Problem | None:
        call, send = self._call, self._send
        assert call is not None
        try:
            headers = [
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in part.headers
            ]
        except UnicodeEncodeError:
            return Problem(502, "the runner's answer can not be sent")
        self._answered = True
        self._status = part.status
        await send({"type": "http.response.start", "status": part.status, "headers": headers})
        if part.kind is Kind.WHOLE:
            await send({"type": "http.response.body", "body": part.data})
            return None
        try:
            while (chunk := await call.read()) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (StreamError, NatsUnavailableError, RuntimeError) as error:
            # What is left to tell the client is that this is not the whole body: the server cuts the connection.
            self._problem = "" if self._left else f"the body failed: {error}"
        return None

    async def _tell(self, problem: Problem) -> None:
        if self._answered or self._left:
            return
        self._answered = True
        self._status = problem.status
        self._problem = problem.message
        headers, body = render(problem, self._request)
        if self._body_size > self._gateway.max_body_bytes:
            headers.append((b"connection", b"close"))
        await send_whole(self._send, problem.status, headers, body)

    def _too_large(self) -> Problem:
        limit = self._gateway.max_body_bytes
        self._body_size = limit + 1
        return Problem(413, f"the body is larger than {limit} bytes")

    # --- the client -----------------------------------------------------------------------------------------------

    async def _pump(self, call: RemoteCall) -> None:
        """Send the request's body on as it comes and as fast as the worker takes it, then watch the client."""
        message, sender = self._first, call.sender
        assert message is not None
        assert sender is not None
        try:
            while message["type"] == "http.request":
                await sender.send(message["body"])
                if not message["more_body"]:
                    await sender.end()
                message = await self._receive()
                self._body_size += len(message.get("body", b""))
                if self._body_size > self._gateway.max_body_bytes:
                    await self._tell(self._too_large())
                    call.lose(Lost.LATE)
                    return
        except NatsUnavailableError:
            call.lose(Lost.GONE)
            return
        self._leave()

    def watch(self) -> None:
        """Notice from now on when the client leaves."""
        if self._client is None:
            self._client = asyncio.create_task(self._wait_for_leaving(), name="client")

    async def _wait_for_leaving(self) -> None:
        await left(self._receive)
        self._leave()

    def _leave(self) -> None:
        """The client has left: the runner is told, and nobody waits."""
        self._left = True
        if self._call is not None:
            self._call.close()
            self._call.lose(Lost.LATE)

    def _note(self) -> None:
        request = self._request
        self._gateway.journal.event(
            EventLine(
                method=self._scope["method"],
                url=request.url if request else self._scope["path"],
                status=0 if self._left and not self._answered else self._status,
                worker="",
                request_id=request.id if request else "",
                duration_ms=(perf_counter() - self._started) * 1000,
                outcome=None,
                problem=self._problem,
            )
        )


class GatewayServer:
    """A gateway with the server in front of it."""

    def __init__(self, gateway: Gateway, server: HttpServer) -> None:
        self.gateway = gateway
        self._server = server

    async def start(self) -> None:
        """Serve from now on.

        Raises
        ------
        NatsUnavailableError
            The connection is closed.

        """
        await self.gateway.requester.start()
        await self._server.start()

    async def drain(self, timeout_s: float) -> None:
        """Take nothing new, and wait for what has begun."""
        self.gateway.draining = True
        self._server.stop_accepting()
        await self._server.finish(timeout_s)

    async def close(self) -> None:
        """End whatever is still under way."""
        await self._server.close()
        await self.gateway.requester.close()


def _is_overloaded(part: Part | Lost) -> bool:
    """Tell whether a runner had no place for the request; that a worker may say the same does no harm."""
    return (
        not isinstance(part, Lost)
        and part.status == 503
        and part.kind is Kind.WHOLE
        and ("x-termination-reason", "Overloaded") in part.headers
    )
