"""WebSockets in: a request to open one is a fetch event, and its answer either a socket or a response as any other.

Frames, pings and sizes are the server's affair. Must not know how workers are found, nor where lanes are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.utils import ClientDisconnected

from runner.errors import BusyError, NotResolvedError, StreamError
from runner.exchange import Exchange, problem_of_error
from runner.execution import Response
from runner.ingress.answers import Problem, check_response, problem_of
from runner.ingress.asgi import render, request_of
from runner.ingress.encodings import negotiate
from runner.sockets.messages import NO_STATUS, Kind, Message, closing
from runner.sockets.relay import PeerLostError, relay
from runner.streams import ByteStream

if TYPE_CHECKING:
    from runner.execution import Answer
    from runner.ingress.answers import Headers
    from runner.ingress.asgi import Receive, Send
    from runner.ingress.http import HttpIngress

_UPGRADED: Final = 101
_DRAINING: Final = Problem(503, "the runner is shutting down", "Terminated", 1)
_OF_HANDSHAKE: Final = frozenset(
    {b"content-length", b"sec-websocket-accept", b"sec-websocket-extensions", b"x-request-id"}
)
_PROTOCOL: Final = b"sec-websocket-protocol"


class ClientPeer:
    """The client, behind ASGI's messages."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def send(self, message: Message) -> None:
        """Send; see :class:`runner.sockets.relay.Peer`."""
        event: dict[str, Any]
        if message.kind is Kind.TEXT:
            text = message.content.decode(errors="replace")
            event = {"type": "websocket.send", "text": text}
        elif message.kind is Kind.BINARY:
            event = {"type": "websocket.send", "bytes": message.content}
        else:
            event = {"type": "websocket.close", "code": message.code, "reason": message.reason}
        try:
            await self._send(event)
        except (ClientDisconnected, RuntimeError):
            # A RuntimeError is the server's: it has seen a close that is on its way to us.
            raise PeerLostError from None

    async def receive(self) -> Message:
        """Return the next message; see :class:`runner.sockets.relay.Peer`."""
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            return closing(event.get("code", NO_STATUS), event.get("reason") or "")
        text = event.get("text")
        if text is not None:
            return Message(Kind.TEXT, text.encode())
        return Message(Kind.BINARY, event["bytes"])


class SocketExchange(Exchange):
    """One request for a WebSocket, and the socket."""

    __slots__ = ("_ingress", "_receive", "_scope", "_send")

    def __init__(
        self, ingress: HttpIngress, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        super().__init__(ingress.serving, "GET", scope["path"])
        self._ingress = ingress
        self._scope = scope
        self._receive = receive
        self._send = send

    async def run(self) -> None:
        """Serve the request; problems are answers, too."""
        try:
            await self._receive()  # that it wants to connect
            problem = await self._serve()
            if problem is not None:
                await self._refuse(problem)
        except ClientDisconnected:
            self._leave()
        finally:
            if self._execution is not None:
                # A worker whose socket was not taken is waiting for messages.
                self._execution.request_body.close()
            self._finished = True
            self._settle()

    async def _serve(self) -> Problem | None:
        scope, ingress, serving = self._scope, self._ingress, self._serving
        try:
            self._request = request = request_of(
                scope,
                "GET",
                "https" if scope["scheme"] == "wss" else "http",
                proxies=ingress.proxies,
                new_id=ingress.new_id,
            )
            # Headers of the connection are not the worker's, but by this one it knows what is wanted.
            request.headers += [("connection", "Upgrade"), ("upgrade", "websocket")]
            if scope["subprotocols"]:
                request.headers.append((_PROTOCOL.decode(), ", ".join(scope["subprotocols"])))
            if serving.admission.draining:
                return _DRAINING
            self._deployment = deployment = await serving.resolver.resolve(request)
            self._context = serving.observer.begin(request.context(), deployment)
            if not serving.admission.try_enter(deployment.tenant, deployment.worker):
                await serving.wait(deployment, 0)
            self._entered = True
            # The inbound stream of the event carries the client's messages.
            return await self._answer(await self._perform(request.event(None), [], streamed=True))
        except (NotResolvedError, BusyError) as error:
            return problem_of_error(error)

    async def _answer(self, answer: Answer) -> Problem | None:
        execution, request = self._execution, self._request
        assert execution is not None
        assert request is not None
        if not isinstance(answer, Response):
            return problem_of(answer, expose_errors=self._serving.expose_errors)
        upgraded = answer.status == _UPGRADED and isinstance(answer.body, ByteStream)
        if upgraded:
            # But for its status it is checked like any other.
            answer.status = 200
        elif answer.encoding:
            negotiate(answer, request)
        body = answer.body
        checked = check_response(answer, request_id=request.id, head=False)
        if isinstance(checked, Problem):
            if isinstance(body, ByteStream):
                body.cancel("the answer can not be sent")
            return checked
        headers, has_body = checked
        protocol = next((value for name, value in headers if name == _PROTOCOL), b"").decode(
            "latin-1"
        )
        if upgraded and protocol and protocol not in self._scope["subprotocols"]:
            assert isinstance(body, ByteStream)
            body.cancel("the answer can not be sent")
            return Problem(
                500, f"the client did not ask for the protocol {protocol[:64]!r}", "Exception"
            )
        self._answered = True
        if not upgraded:
            self._status = answer.status
            await self._respond(answer.status, headers, body if has_body else None)
            return None
        assert isinstance(body, ByteStream)
        self._status = _UPGRADED
        try:
            await self._accept(headers, protocol)
            await relay(ClientPeer(self._receive, self._send), body, execution.request_body)
        finally:
            body.cancel("the socket is closed")
        return None

    async def _accept(self, headers: Headers, protocol: str) -> None:
        await self._send(
            {
                "type": "websocket.accept",
                "subprotocol": protocol or None,
                "headers": [
                    header
                    for header in headers
                    if header[0] not in _OF_HANDSHAKE and header[0] != _PROTOCOL
                ],
            }
        )

    # --- no socket ------------------------------------------------------------------------------------------------

    async def _refuse(self, problem: Problem) -> None:
        if self._answered:
            return
        self._answered = True
        self._status = problem.status
        self._problem = problem.message
        headers, body = render(problem, self._request)
        await self._respond(problem.status, headers, body)

    async def _respond(
        self, status: int, headers: Headers, body: bytes | ByteStream | None
    ) -> None:
        start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
        await self._send(start)
        if isinstance(body, ByteStream):
            try:
                while (chunk := await body.read()) is not None:
                    event = {"type": "websocket.http.response.body", "body": chunk}
                    await self._send(event | {"more_body": True})
            except StreamError as error:
                self._problem = f"the body failed: {error.message}"
            body = b""
        await self._send({"type": "websocket.http.response.body", "body": body or b""})
