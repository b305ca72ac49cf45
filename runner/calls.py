"""Calls: fetch events that no socket brought, from one worker to another or in a message, answered as HTTP would.

A call goes the way of every request: resolved, admitted, dispatched, told to the journal. Its bodies move under credits and
are nowhere collected. Must not know ops, NATS or sockets.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, Self

import msgspec

from pools.protocol import STREAM_WINDOW_BYTES, OutcomeKind
from runner.errors import BusyError, NotResolvedError, StreamError
from runner.events.context import MAX_HOPS
from runner.exchange import Exchange, problem_of_error
from runner.execution import Response
from runner.ingress.answers import Problem, check_response, problem_of
from runner.ingress.encodings import negotiate
from runner.streams import ByteStream

if TYPE_CHECKING:
    from types import TracebackType

    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.events.fetch import Request
    from runner.exchange import Serving
    from runner.execution import Execution
    from runner.streams import InboundStream


class Source(Protocol):
    """A body that is still coming; a :class:`ByteStream` is one."""

    async def read(self) -> bytes | None:
        """Return the next chunk, None at the end.

        Raises
        ------
        StreamError
            Its sender failed.

        """
        ...

    def cancel(self, reason: str) -> None:
        """Nobody wants more of it; no harm once it has ended."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """What a worker answered, checked; ``headers`` has lower-case names, and the length of a body that is known."""

    status: int
    status_text: str
    headers: list[tuple[str, str]]
    body: bytes | ByteStream | None


class Calls:
    """Makes calls."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    def open(
        self,
        request: Request,
        body: bytes | Source | None,
        *,
        context: EventContext,
        caller: str | None = None,
        deployment: Deployment | None = None,
    ) -> Call:
        """Return a call to make, once, with ``async with``.

        ``context`` is the callee's own: its ``hops`` are one more than its caller's. ``caller`` is the tenant that calls, when it is a
        worker that does: it reaches its own workers and those that are public. ``deployment``: what to run, if that is known.
        """
        return Call(self.serving, request, body, context, caller, deployment)


class Call(Exchange):
    """One call::

        async with calls.open(request, body, context=context) as call:
            answer = await call.answer()
            ...  # read answer.body

    The answer is over at the end of the block. Leaving it early, by an exception or with a body half read, is a client that leaves:
    the worker's ``ctx.signal`` aborts. The place in admission is given back, and the journal told, when the execution has ended, too.
    """

    __slots__ = ("_body", "_caller", "_pumping", "_reply")

    def __init__(
        self,
        serving: Serving,
        request: Request,
        body: bytes | Source | None,
        context: EventContext,
        caller: str | None,
        deployment: Deployment | None,
    ) -> None:
        super().__init__(serving, request.method, request.url)
        self._request = request
        self._context = context
        self._body = body
        self._caller = caller
        self._deployment = deployment
        self._pumping: asyncio.Task[None] | None = None
        self._reply: Reply | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        reply = self._reply
        unread = (
            reply is not None and isinstance(reply.body, ByteStream) and not reply.body.finished
        )
        if error is not None or unread:
            self.cancel()
        if self._pumping is not None:
            self._pumping.cancel()
        elif self._body is not None and not isinstance(self._body, bytes):
            self._body.cancel("the request was not taken")
        self._finished = True
        self._settle()

    def cancel(self) -> None:
        """The client has left: it wants no answer, and the worker is told so."""
        self._leave()

    async def answer(self) -> Reply | Problem:
        """Make the call, and return the head of its answer; a ``ByteStream`` as its body is still coming."""
        try:
            problem = await self._serve()
        except (NotResolvedError, BusyError) as error:
            problem = problem_of_error(error)
        if isinstance(problem, Reply):
            self._status = problem.status
            self._reply = problem
        else:
            self._status = problem.status
            self._problem = problem.message
        self._answered = True
        return problem

    async def _serve(self) -> Reply | Problem:
        request, body, serving = self._request, self._body, self._serving
        assert request is not None
        if self._context.hops > MAX_HOPS:
            return Problem(508, f"more than {MAX_HOPS} workers called each other: a loop")
        deployment = self._deployment = await self._resolve(request)
        if (
            request.content_length is not None and request.content_length > serving.max_body_bytes
        ) or (isinstance(body, bytes) and len(body) > serving.max_body_bytes):
            return serving.too_large()
        self._context = serving.observer.begin(self._context, deployment)
        depth = self._context.hops
        if not serving.admission.try_enter(deployment.tenant, deployment.worker, depth):
            await serving.wait(deployment, depth)
        self._entered = True
        if isinstance(body, bytes) and len(body) > STREAM_WINDOW_BYTES:
            body = self._body = _Whole(body)
        if body is None or body == b"":
            answer = await self._perform(request.event(None), [], streamed=False)
        elif isinstance(body, bytes):
            answer = await self._perform(request.event("bytes"), [body], streamed=False)
        else:
            answer = await self._perform(request.event("stream"), [], streamed=True)
        if self._problem:  # of the body, while it came
            return serving.too_large()
        if not isinstance(answer, Response):
            return problem_of(answer, expose_errors=serving.expose_errors)
        return self._checked(answer, request)

    async def _resolve(self, request: Request) -> Deployment:
        """Return what to run. A worker learns nothing of other tenants' workers, not even that they are there."""
        resolver, caller = self._serving.resolver, self._caller
        if caller is None:
            return self._deployment or await resolver.resolve(request)
        try:
            deployment = self._deployment or await resolver.resolve(request)
        except NotResolvedError:
            deployment = None
        self._deployment = None  # it is not known to the journal before it is known to be allowed
        if deployment is None or (deployment.tenant != caller and not deployment.public):
            raise NotResolvedError(502, f"there is no worker at {request.host}")
        return deployment

    def _checked(self, answer: Response, request: Request) -> Reply | Problem:
        if answer.encoding:
            negotiate(answer, request)
        body = answer.body
        checked = check_response(answer, request_id=request.id, head=request.method == "HEAD")
        if isinstance(body, ByteStream) and (
            isinstance(checked, Problem) or not checked[1] or self._left
        ):
            body.cancel("the body is not wanted")
        if isinstance(checked, Problem):
            return checked
        headers, has_body = checked
        return Reply(
            answer.status,
            answer.status_text,
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
            body if has_body else None,
        )

    # --- the request's body ---------------------------------------------------------------------------------------

    def _under_way(self, execution: Execution) -> None:
        body = self._body
        if body is not None and not isinstance(body, bytes):
            self._pumping = asyncio.get_running_loop().create_task(
                self._pump(body, execution.request_body, execution), name="body of a call"
            )

    async def _pump(self, source: Source, stream: InboundStream, execution: Execution) -> None:
        """Send the body to the worker as it comes, and as fast as the worker takes it."""
        size = 0
        task = asyncio.current_task()
        assert task is not None
        stream.on_cancel = task.cancel
        try:
            while not stream.closed and (chunk := await source.read()) is not None:
                size += len(chunk)
                if size > self._serving.max_body_bytes:
                    self._refuse(stream, execution)
                    return
                await stream.write(chunk)
            stream.close()
        except StreamError as error:
            stream.close(StreamError("AbortError", f"the request's body failed: {error.message}"))
        finally:
            stream.on_cancel = None
            stream.close(StreamError("AbortError", "the request is over"))
            source.cancel("nobody reads it any more")

    def _refuse(self, stream: InboundStream, execution: Execution) -> None:
        """The body is too large, and nothing was answered yet: the answer is 413."""
        if not self._answered:
            self._problem = "the body is too large"
        stream.close(StreamError("TypeError", "the request's body is too large"))
        execution.terminate(OutcomeKind.ABORTED)


class _Whole:
    """A body that is here already, as a source."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def read(self) -> bytes | None:
        body, self._body = self._body, None
        return body

    def cancel(self, reason: str) -> None:
        self._body = None
