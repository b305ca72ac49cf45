"""One request and its answer, whatever it came over: from admission to the line in the journal.

HTTP and calls between workers differ in how bodies come and answers go; what is the same is here. Must not know sockets,
nor how workers are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

from pools.protocol import Outcome, OutcomeKind, Usage
from runner.errors import BusyError, NotResolvedError, OwnLimitError
from runner.events.context import NO_CONTEXT
from runner.execution import Response
from runner.ingress.answers import Problem, describe
from runner.journal import EventLine
from runner.streams import ByteStream
from runner.telemetry.observer import UNOBSERVED

if TYPE_CHECKING:
    from runner.admission import Admission
    from runner.deployments import Deployment
    from runner.dispatch import Dispatcher
    from runner.events.fetch import Request
    from runner.execution import Answer, Execution
    from runner.journal import Journal
    from runner.telemetry.observer import Observer

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Resolver(Protocol):
    """Finds workers."""

    async def resolve(self, request: Request) -> Deployment:
        """Return the deployment that a request is for.

        Raises
        ------
        NotResolvedError
            There is none.

        """
        ...

    async def worker(self, worker_id: str) -> Deployment:
        """Return the current deployment of the worker with this id.

        Raises
        ------
        NotResolvedError
            There is none.

        """
        ...


@dataclass(frozen=True, slots=True)
class Serving:
    """What every exchange goes through, and what it may."""

    resolver: Resolver
    admission: Admission
    dispatcher: Dispatcher
    journal: Journal
    max_body_bytes: int
    expose_errors: bool
    observer: Observer = UNOBSERVED

    async def wait(self, deployment: Deployment, depth: int) -> None:
        """Enter admission after waiting; see :meth:`Admission.enter`."""
        began = perf_counter()
        try:
            await self.admission.enter(deployment.tenant, deployment.worker, depth)
        finally:
            self.observer.waited(perf_counter() - began)

    def too_large(self) -> Problem:
        return Problem(413, f"the body is larger than {self.max_body_bytes} bytes")


class Exchange:
    """The part of a request's life that no transport changes; the transports' own are subclasses."""

    __slots__ = (
        "_answered",
        "_context",
        "_deployment",
        "_entered",
        "_execution",
        "_finished",
        "_left",
        "_method",
        "_problem",
        "_request",
        "_serving",
        "_started",
        "_status",
        "_url",
    )

    def __init__(self, serving: Serving, method: str, url: str) -> None:
        self._serving = serving
        self._method = method
        self._url = url
        """What is told of a request that can not be read."""
        self._started = perf_counter()
        self._request: Request | None = None
        self._deployment: Deployment | None = None
        self._execution: Execution | None = None
        self._context = NO_CONTEXT
        self._entered = False
        self._finished = False
        """The answer is over."""
        self._answered = False
        self._left = False
        """The client has left."""
        self._status = 0
        self._problem = ""

    # --- to the worker --------------------------------------------------------------------------------------------

    async def _perform(self, event: bytes, attachments: list[bytes], *, streamed: bool) -> Answer:
        """Run the event and return what the client can be told.

        Raises
        ------
        BusyError
            There is no lane for it.

        """
        dispatcher = self._serving.dispatcher
        if not dispatcher.serves:
            await dispatcher.serving()
        execution = self._start(event, attachments, streamed=streamed)
        self._under_way(execution)
        answer = await execution.answer
        if isinstance(answer, Outcome) and self._again(answer, streamed=streamed):
            if not dispatcher.serves:
                await dispatcher.serving()
            execution = self._start(event, attachments, streamed=False, avoid=execution)
            answer = await execution.answer
        return answer

    def _start(
        self,
        event: bytes,
        attachments: list[bytes],
        *,
        streamed: bool,
        avoid: Execution | None = None,
    ) -> Execution:
        assert self._deployment is not None
        execution = self._serving.dispatcher.start(
            self._deployment,
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

    def _under_way(self, execution: Execution) -> None:
        """The execution has been started for the first time."""

    def _again(self, answer: Outcome, *, streamed: bool) -> bool:
        """A safe request whose host was lost before anything was sent gets a second try."""
        return (
            answer.kind is OutcomeKind.HOST_LOST
            and not streamed
            and not self._left
            and self._method in _SAFE
            and not self._serving.admission.draining
        )

    # --- the end --------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        """The client has left: its answer is not wanted, the execution may go on with what it promised to do."""
        if self._finished:
            return
        self._left = True
        execution = self._execution
        if execution is None:
            return
        if execution.outcome is None:
            execution.stop("client")
        # A forwarded body may outlive its execution.
        future = execution.answer
        answer = future.result() if future.done() and not future.cancelled() else None
        if isinstance(answer, Response) and isinstance(answer.body, ByteStream):
            answer.body.cancel("the client left")

    def _ended(self, _: Execution) -> None:
        self._settle()

    def _settle(self) -> None:
        """When answer and execution are both over: give the place free, write the line."""
        execution = self._execution
        if not self._finished or (execution is not None and execution.outcome is None):
            return
        if self._entered:
            deployment = self._deployment
            assert deployment is not None
            self._serving.admission.leave(deployment.tenant, deployment.worker, self._context.hops)
        outcome = execution.outcome if execution is not None else None
        line = EventLine(
            method=self._method,
            url=self._request.url if self._request else self._url,
            status=0 if self._left and not self._answered else self._status,
            worker=self._deployment.name if self._deployment else "",
            request_id=self._request.id if self._request else "",
            duration_ms=(perf_counter() - self._started) * 1000,
            outcome=outcome.kind if outcome else None,
            problem=self._problem or _problem_text(execution),
            usage=outcome.usage if outcome else Usage(),
        )
        self._serving.journal.event(line)
        route = self._request.route if self._request else ""
        attributes = {"http.route": route} if route else None
        self._serving.observer.ended(self._context, line, self._deployment, attributes)


def problem_of_error(error: NotResolvedError | BusyError) -> Problem:
    """Return what a client is told of a request that did not reach a worker."""
    if isinstance(error, NotResolvedError):
        return Problem(error.status, error.reason)
    if isinstance(error, OwnLimitError):
        return Problem(429, error.reason, "ConcurrencyLimit", error.retry_after_s)
    return Problem(503, error.reason, "Overloaded", error.retry_after_s)


def _problem_text(execution: Execution | None) -> str:
    """Say what went wrong in an execution whose client does not know."""
    if execution is None or execution.outcome is None:
        return ""
    error = execution.outcome.error
    return describe(error) if error is not None else ""
