"""HTTP in: one exchange for each request, as an ASGI application.

The way of a request that is answered at once makes no task, no timer that fires, and waits for one future. Must not know how
workers are found, nor where lanes are.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from pools.protocol import STREAM_WINDOW_BYTES, Outcome, OutcomeKind, Usage
from runner.errors import BusyError, NotResolvedError, StreamError
from runner.events.context import NO_CONTEXT, EventContext
from runner.events.fetch import RequestIds, read_request
from runner.execution import Response
from runner.ingress.answers import Problem, check_response, describe, problem_of
from runner.journal import EventLine
from runner.streams import ByteStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.admission import Admission
    from runner.deployments import Deployment
    from runner.dispatch import Dispatcher
    from runner.events.fetch import Request
    from runner.execution import Answer, Execution
    from runner.ingress.answers import Headers
    from runner.ingress.proxies import TrustedProxies
    from runner.journal import Journal
    from runner.streams import InboundStream

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]

_WATCH_AFTER_S: Final = 0.02
"""A client is watched for leaving after one to two times this: most answers are there before."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_DRAINING: Final = Problem(503, "the runner is shutting down", "Terminated", 1)


class Resolver(Protocol):
    """Finds the worker of a request."""

    async def resolve(self, request: Request) -> Deployment:
        """Return the deployment to run.

        Raises
        ------
        NotResolvedError
            There is none.

        """
        ...

    def page(self, request: Request) -> tuple[int, str, bytes] | None:
        """Return an answer (status, content type, body) of the runner's own, if the request is for the runner."""
        ...


class HttpIngress:
    """The ASGI application."""

    def __init__(
        self,
        resolver: Resolver,
        admission: Admission,
        dispatcher: Dispatcher,
        journal: Journal,
        proxies: TrustedProxies,
        *,
        max_body_bytes: int,
        expose_errors: bool,
    ) -> None:
        self.resolver = resolver
        self.admission = admission
        self.dispatcher = dispatcher
        self.journal = journal
        self.proxies = proxies
        self.max_body_bytes = max_body_bytes
        self.expose_errors = expose_errors
        self.new_id = RequestIds()
        self.patience = Patience()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await Exchange(self, scope, receive, send).run()


class Patience:
    """Tells exchanges whose answer is not there after a moment to watch their client: one timer for all of them."""

    def __init__(self) -> None:
        self._young: set[Exchange] = set()
        self._old: set[Exchange] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, exchange: Exchange) -> None:
        self._young.add(exchange)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._sweep)

    def end(self, exchange: Exchange) -> None:
        self._young.discard(exchange)
        self._old.discard(exchange)

    def _sweep(self) -> None:
        for exchange in self._old:
            exchange.watch()
        self._old, self._young = self._young, set()
        self._timer = None
        if self._old:
            self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._sweep)


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_answered",
        "_body_size",
        "_context",
        "_deployment",
        "_entered",
        "_execution",
        "_finished",
        "_ingress",
        "_left",
        "_loop",
        "_problem",
        "_receive",
        "_request",
        "_scope",
        "_send",
        "_started",
        "_status",
        "_streamed",
        "_task",
    )

    def __init__(
        self, ingress: HttpIngress, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        self._ingress = ingress
        self._scope = scope
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._started = perf_counter()
        self._request: Request | None = None
        self._deployment: Deployment | None = None
        self._execution: Execution | None = None
        self._context = NO_CONTEXT
        self._entered = False
        self._finished = False
        self._answered = False
        self._left = False
        self._status = 0
        self._problem = ""
        self._body_size = 0
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
        scope, ingress = self._scope, self._ingress
        client, server = scope["client"], scope["server"]
        target = scope["raw_path"].decode("latin-1")
        if query := scope["query_string"]:
            target = f"{target}?{query.decode('latin-1')}"
        try:
            self._request = request = read_request(
                scope["method"],
                scope["scheme"],
                target,
                scope["headers"],
                trusted=client is not None and ingress.proxies.trusts(client[0]),
                server=f"{server[0]}:{server[1]}" if server else "localhost",
                new_id=ingress.new_id,
            )
            self._context = EventContext(request_id=request.id)
            if ingress.admission.draining:
                return _DRAINING
            if (page := ingress.resolver.page(request)) is not None:
                await self._page(*page)
                return None
            self._deployment = deployment = await ingress.resolver.resolve(request)
            if (
                request.content_length is not None
                and request.content_length > ingress.max_body_bytes
            ):
                return self._too_large()
            if not ingress.admission.try_enter(deployment.worker):
                await ingress.admission.enter(deployment.worker)
            self._entered = True
            return await self._execute(request, deployment)
        except NotResolvedError as error:
            return Problem(error.status, error.reason)
        except BusyError as error:
            return Problem(503, error.reason, "Overloaded", error.retry_after_s)

    async def _execute(self, request: Request, deployment: Deployment) -> Problem | None:
        body: Literal["bytes", "stream"] | None = None
        attachments: list[bytes] = []
        first: dict[str, Any] = {}
        if request.has_body:
            first = await self._receive()
            if first["type"] == "http.disconnect":
                self._left = True
                return None
            self._body_size = len(first["body"])
            if self._body_size > self._ingress.max_body_bytes:
                return self._too_large()
            if first["more_body"] or self._body_size > STREAM_WINDOW_BYTES:
                body = "stream"
            elif self._body_size:
                body, attachments = "bytes", [first["body"]]
        event = request.event(body)
        execution = await self._start(event, attachments, streamed=body == "stream")
        if body == "stream":
            self._task = self._loop.create_task(self._pump(execution, first), name="request body")
        else:
            self._ingress.patience.begin(self)
        answer = await execution.answer
        if isinstance(answer, Outcome) and self._again(answer, body):
            execution = await self._start(event, attachments, streamed=False, avoid=execution)
            answer = await execution.answer
        return await self._answer(answer)

    async def _start(
        self,
        event: bytes,
        attachments: list[bytes],
        *,
        streamed: bool,
        avoid: Execution | None = None,
    ) -> Execution:
        ingress, deployment = self._ingress, self._deployment
        assert deployment is not None
        await ingress.dispatcher.serving()
        execution = ingress.dispatcher.start(
            deployment,
            event,
            attachments,
            streamed_body=streamed,
            avoid=avoid,
            context=self._context,
        )
        self._execution = execution
        execution.on_end.append(self._ended)
        if self._left:
            execution.stop("client")
        return execution

    def _again(self, answer: Outcome, body: str | None) -> bool:
        """A safe request whose host was lost before anything was sent gets a second try."""
        return (
            answer.kind is OutcomeKind.HOST_LOST
            and body != "stream"
            and not self._left
            and self._scope["method"] in _SAFE
            and not self._ingress.admission.draining
        )

    # --- the answer -----------------------------------------------------------------------------------------------

    async def _answer(self, answer: Answer) -> Problem | None:
        if self._answered:  # with 413, while the body came
            return None
        if not isinstance(answer, Response):
            return problem_of(answer, expose_errors=self._ingress.expose_errors)
        request, body = self._request, answer.body
        assert request is not None
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
        request = self._request
        headers, body = problem.render(
            request.id if request else "-", as_json=request is not None and request.wants_json
        )
        if self._body_size > self._ingress.max_body_bytes:
            headers.append((b"connection", b"close"))
        await self._send(
            {"type": "http.response.start", "status": problem.status, "headers": headers}
        )
        await self._send({"type": "http.response.body", "body": body})

    async def _page(self, status: int, content_type: str, body: bytes) -> None:
        self._answered = True
        self._status = status
        headers: Headers = []
        if body:
            headers = [
                (b"content-type", content_type.encode()),
                (b"content-length", b"%d" % len(body)),
            ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _too_large(self) -> Problem:
        limit = self._ingress.max_body_bytes
        self._body_size = limit + 1
        return Problem(413, f"the body is larger than {limit} bytes")

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
            if self._body_size > self._ingress.max_body_bytes:
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
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        """The client has left: its answer is not wanted, the execution may go on with what it promised to do."""
        if self._finished:
            return
        self._left = True
        execution = self._execution
        if execution is None or execution.outcome is not None:
            return
        execution.stop("client")
        answer = execution.answer.result() if execution.answer.done() else None
        if isinstance(answer, Response) and isinstance(answer.body, ByteStream):
            answer.body.cancel("the client left")

    # --- the end --------------------------------------------------------------------------------------------------

    def _ended(self, _: Execution) -> None:
        self._settle()

    def _settle(self) -> None:
        """When answer and execution are both over: give the place free, write the line."""
        execution = self._execution
        if not self._finished or (execution is not None and execution.outcome is None):
            return
        if self._entered:
            assert self._deployment is not None
            self._ingress.admission.leave(self._deployment.worker)
        outcome = execution.outcome if execution is not None else None
        self._ingress.journal.event(
            EventLine(
                method=self._scope["method"],
                url=self._request.url if self._request else self._scope["path"],
                status=0 if self._left and not self._answered else self._status,
                worker=self._deployment.name if self._deployment else "",
                request_id=self._request.id if self._request else "",
                duration_ms=(perf_counter() - self._started) * 1000,
                outcome=outcome.kind if outcome else None,
                problem=self._problem or _problem_text(execution),
                usage=outcome.usage if outcome else Usage(),
            )
        )


def _problem_text(execution: Execution | None) -> str:
    """Say what went wrong in an execution whose client does not know."""
    if execution is None or execution.outcome is None:
        return ""
    error = execution.outcome.error
    return describe(error) if error is not None else ""
