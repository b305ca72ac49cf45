"""HTTP in: one exchange for each request, as an ASGI application.

The way of a request that is answered at once makes no task, no timer that fires, and waits for one future. Must not know how
workers are found, nor where lanes are.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from pools.protocol import STREAM_WINDOW_BYTES, OutcomeKind
from runner.errors import BusyError, NotResolvedError, StreamError
from runner.events.fetch import RequestIds
from runner.exchange import Exchange, problem_of_error
from runner.execution import Response
from runner.ingress.answers import Problem, check_response, problem_of
from runner.ingress.asgi import left, render, request_of, send_whole
from runner.ingress.encodings import negotiate
from runner.ingress.patience import Patience
from runner.streams import ByteStream

if TYPE_CHECKING:
    from runner.events.fetch import Request
    from runner.exchange import Serving
    from runner.execution import Answer, Execution
    from runner.ingress.answers import Headers
    from runner.ingress.asgi import Receive, Send
    from runner.ingress.proxies import TrustedProxies
    from runner.streams import InboundStream

_DRAINING: Final = Problem(503, "the runner is shutting down", "Terminated", 1)


class FrontPage(Protocol):
    """The runner's own answers to requests that address no worker."""

    def page(self, request: Request) -> tuple[int, str, bytes] | None:
        """Return status, content type and body, if the request is for the runner."""
        ...


class HttpIngress:
    """The ASGI application."""

    def __init__(self, serving: Serving, front: FrontPage, proxies: TrustedProxies) -> None:
        self.serving = serving
        self.front = front
        self.proxies = proxies
        self.new_id = RequestIds()
        self.patience = Patience()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await HttpExchange(self, scope, receive, send).run()
        elif scope["type"] == "websocket":
            from runner.ingress.websocket import SocketExchange

            await SocketExchange(self, scope, receive, send).run()


class HttpExchange(Exchange):
    """One request over HTTP."""

    __slots__ = (
        "_body_size",
        "_first",
        "_ingress",
        "_loop",
        "_receive",
        "_scope",
        "_send",
        "_streamed",
        "_task",
    )

    def __init__(
        self, ingress: HttpIngress, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        super().__init__(ingress.serving, scope["method"], scope["path"])
        self._ingress = ingress
        self._scope = scope
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._body_size = 0
        self._first: dict[str, Any] | None = None
        """What came of a body that is to be streamed."""
        self._streamed: InboundStream | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the request; problems are answers, too."""
        try:
            problem = await self._serve()
            if problem is not None:
                await self._tell(problem)
        finally:
            self._ingress.patience.end(self)
            if self._task is not None:
                self._task.cancel()
            if self._streamed is not None:
                self._streamed.close(StreamError("AbortError", "the request is over"))
            self._finished = True
            self._settle()

    async def _serve(self) -> Problem | None:
        scope, ingress, serving = self._scope, self._ingress, self._serving
        try:
            self._request = request = request_of(
                scope,
                scope["method"],
                scope["scheme"],
                proxies=ingress.proxies,
                new_id=ingress.new_id,
            )
            if serving.admission.draining:
                return _DRAINING
            if (page := ingress.front.page(request)) is not None:
                await self._page(*page)
                return None
            self._deployment = deployment = await serving.resolver.resolve(request)
            if (
                request.content_length is not None
                and request.content_length > serving.max_body_bytes
            ):
                return self._too_large()
            self._context = serving.observer.begin(request.context(), deployment)
            if not serving.admission.try_enter(deployment.tenant, deployment.worker):
                await serving.wait(deployment, 0)
            self._entered = True
            return await self._execute(request)
        except (NotResolvedError, BusyError) as error:
            return problem_of_error(error)

    async def _execute(self, request: Request) -> Problem | None:
        body: Literal["bytes", "stream"] | None = None
        attachments: list[bytes] = []
        first: dict[str, Any] = {}
        if request.has_body:
            first = await self._receive()
            if first["type"] == "http.disconnect":
                self._left = True
                return None
            self._body_size = len(first["body"])
            if self._body_size > self._serving.max_body_bytes:
                return self._too_large()
            if first["more_body"] or self._body_size > STREAM_WINDOW_BYTES:
                body = "stream"
            elif self._body_size:
                body, attachments = "bytes", [first["body"]]
        if body == "stream":
            self._first = first
        event = request.event(body)
        return await self._answer(
            await self._perform(event, attachments, streamed=body == "stream")
        )

    def _under_way(self, execution: Execution) -> None:
        if self._first is None:
            self._ingress.patience.begin(self)
        else:
            self._task = self._loop.create_task(
                self._pump(execution, self._first), name="request body"
            )

    # --- the answer -----------------------------------------------------------------------------------------------

    async def _answer(self, answer: Answer) -> Problem | None:
        if self._answered:  # with 413, while the body came
            return None
        if not isinstance(answer, Response):
            return problem_of(answer, expose_errors=self._serving.expose_errors)
        request = self._request
        assert request is not None
        if answer.encoding:
            negotiate(answer, request)
        body = answer.body
        head = request.method == "HEAD"
        checked = check_response(answer, request_id=request.id, head=head)
        unwanted = isinstance(checked, Problem) or not checked[1] or self._left
        if unwanted and isinstance(body, ByteStream):
            body.cancel("the body is not wanted")
        if isinstance(checked, Problem):
            return checked
        if self._left:
            return None
        headers, has_body = checked
        self._answered = True
        self._status = answer.status
        send = self._send
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if not has_body or isinstance(body, bytes):
            await send({"type": "http.response.body", "body": body if has_body else b""})
            return None
        assert isinstance(body, ByteStream)
        try:
            while (chunk := await body.read()) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except StreamError as error:
            # What is left to tell the client is that this is not the whole body: the server cuts the connection.
            self._problem = f"the body failed: {error.message}"
        except RuntimeError as error:
            self._problem = f"the body can not be sent: {error}"
            body.cancel("the body can not be sent")
        return None

    async def _tell(self, problem: Problem) -> None:
        if self._answered or self._left:
            return
        self._answered = True
        self._status = problem.status
        self._problem = problem.message
        headers, body = render(problem, self._request)
        if self._body_size > self._serving.max_body_bytes:
            headers.append((b"connection", b"close"))
        await send_whole(self._send, problem.status, headers, body)

    async def _page(self, status: int, content_type: str, body: bytes) -> None:
        self._answered = True
        self._status = status
        headers: Headers = []
        if body:
            headers = [
                (b"content-type", content_type.encode()),
                (b"content-length", b"%d" % len(body)),
            ]
        await send_whole(self._send, status, headers, body)

    def _too_large(self) -> Problem:
        self._body_size = self._serving.max_body_bytes + 1
        return self._serving.too_large()

    # --- the client -----------------------------------------------------------------------------------------------

    async def _pump(self, execution: Execution, message: dict[str, Any]) -> None:
        """Send the request's body to the worker as it comes, then watch the client."""
        stream = self._streamed = execution.request_body
        while message["type"] == "http.request":
            await stream.write(message["body"])
            if not message["more_body"]:
                stream.close()
            message = await self._receive()
            self._body_size += len(message.get("body", b""))
            if self._body_size > self._serving.max_body_bytes:
                stream.close(StreamError("TypeError", "the request's body is too large"))
                await self._tell(self._too_large())
                execution.terminate(OutcomeKind.ABORTED)
                return
        stream.close(StreamError("AbortError", "the client left in the middle of its request"))
        self._leave()

    def watch(self) -> None:
        """Notice from now on when the client leaves."""
        self._task = self._loop.create_task(self._wait_for_leaving(), name="client")

    async def _wait_for_leaving(self) -> None:
        await left(self._receive)
        self._leave()
