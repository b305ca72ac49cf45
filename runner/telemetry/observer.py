"""Where telemetry looks on: an interface with the few moments of an event, called on the event loop.

Whoever takes events in calls :meth:`Observer.begin` as soon as it knows the worker, and :meth:`Observer.ended` once, at the
end; the moments between are told by lanes, executions and ops. Must stay cheap to import: ``isolane run`` passes here.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from runner.events.trace import TraceContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pools.protocol import Outcome
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.execution import Execution
    from runner.journal import EventLine
    from runner.ops.registry import OpCall

AttributeValue: TypeAlias = str | int | float | bool

_MAX_OPS: Final = 128
"""Ops of one event that get a span of their own."""


class SpanIds:
    """Makes ids of spans and traces: unique, not secret, without a system call each."""

    def __init__(self) -> None:
        import random

        # Seeded by the operating system.
        self._bits = random.Random().getrandbits  # noqa: S311 - no cryptography

    def span(self) -> str:
        return f"{self._bits(64) or 1:016x}"

    def trace(self) -> str:
        return f"{self._bits(128) or 1:032x}"


class Run:
    """One execution of an event, with its times by ``perf_counter``; 0 for what has not happened.

    It does not know the execution, which knows it: requests leave no cycles behind.
    """

    __slots__ = ("answered", "cold", "ended", "lane", "outcome", "sent")

    def __init__(self, lane: str, *, cold: bool) -> None:
        self.lane = lane
        self.cold = cold
        """The lane had to be told the worker's code first."""
        self.sent = perf_counter()
        self.answered = 0.0
        self.ended = 0.0
        self.outcome: Outcome | None = None


class OpSpan:
    """One op under observation."""

    __slots__ = ("_event", "_id", "_ids", "attributes", "began", "ended", "error", "name")

    def __init__(self, name: str, event: TraceContext, ids: SpanIds) -> None:
        self._event = event
        self._ids = ids
        self.name = name
        self.began = perf_counter()
        self.ended = 0.0
        self.error = ""
        self.attributes: dict[str, AttributeValue] = {}
        self._id = ""

    @property
    def trace(self) -> TraceContext:
        """The op's span; what the op asks for elsewhere is a child of it."""
        if not self._id:
            self._id = self._ids.span()
        return TraceContext(self._event.trace_id, self._id, self._event.sampled)


class Observation:
    """What is kept of an event while it goes on, for spans that are made when it has ended, or never."""

    __slots__ = ("begun", "caller", "ids", "kept", "ops", "parent", "runs", "trace")

    def __init__(
        self,
        trace: TraceContext,
        parent: TraceContext | None,
        caller: Observation | None,
        ids: SpanIds,
    ) -> None:
        self.trace = trace
        """The event's own span."""
        self.parent = parent
        self.caller = caller
        """The event of the worker that called this one, in this runner."""
        self.kept = trace.sampled
        """Spans are made, unless nothing is sampled but errors."""
        self.ids = ids
        self.begun = perf_counter()
        self.runs: list[Run] = []
        self.ops: list[OpSpan] = []

    def answered(self) -> None:
        """The event's answer is there."""
        if self.runs:
            self.runs[-1].answered = perf_counter()

    def op(self, name: str) -> OpSpan | None:
        """Begin an op's span; None when the event has so many already."""
        if len(self.ops) >= _MAX_OPS:
            return None
        span = OpSpan(name, self.trace, self.ids)
        self.ops.append(span)
        return span


class Observer(Protocol):
    """Is told of events while they go on; must not fail, and not be slow."""

    def begin(self, context: EventContext, deployment: Deployment) -> EventContext:
        """Return the context of an event whose worker is known, with its own place in a trace.

        ``context`` says where it comes from: ``trace`` is what it came with, ``observation`` is the calling worker's
        (:meth:`OpCall.onward`).
        """
        ...

    def waited(self, seconds: float) -> None:
        """An event had to wait for admission so long."""
        ...

    def started(self, execution: Execution, *, cold: bool) -> None:
        """An execution was sent to its lane; ``cold``: with the worker's code."""
        ...

    def op_begun(self, call: OpCall) -> OpSpan | None:
        """Return the op's span when its event is traced."""
        ...

    def op_ended(self, call: OpCall, seconds: float, error: str) -> None:
        """An op ended; ``error`` is the name of its error, empty when it went well."""
        ...

    def ended(
        self,
        context: EventContext,
        line: EventLine,
        deployment: Deployment | None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        """An event is over, its executions included; ``context`` is what :meth:`begin` returned, if it came that far.

        ``attributes`` are those of its span that only its source knows (``http.route``, ``messaging.destination.name``, ...), by
        their names in the semantic conventions.
        """
        ...


class Unobserved:
    """Looks away. A trace that others began is still handed on between workers."""

    def begin(self, context: EventContext, deployment: Deployment) -> EventContext:
        return context

    def waited(self, seconds: float) -> None:
        pass

    def started(self, execution: Execution, *, cold: bool) -> None:
        pass

    def op_begun(self, call: OpCall) -> OpSpan | None:
        return None

    def op_ended(self, call: OpCall, seconds: float, error: str) -> None:
        pass

    def ended(
        self,
        context: EventContext,
        line: EventLine,
        deployment: Deployment | None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        pass


UNOBSERVED: Final[Observer] = Unobserved()
