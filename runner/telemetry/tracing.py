"""The observer that also traces: what happens is noted in a few timestamps, and becomes spans when the event has ended.

Most events end without any. Must not know OpenTelemetry.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from pools.protocol import OutcomeKind
from runner.events.trace import TraceContext
from runner.telemetry.counting import Counting
from runner.telemetry.families import counter
from runner.telemetry.observer import Observation, Run, SpanIds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pools.protocol import Mode
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.execution import Execution
    from runner.journal import EventLine
    from runner.ops.registry import OpCall
    from runner.telemetry.families import Family
    from runner.telemetry.observer import AttributeValue, OpSpan
    from runner.telemetry.sampling import Sampler

_log = logging.getLogger(__name__)
_NO_ERRORS = frozenset({OutcomeKind.OK, OutcomeKind.ABORTED})


class EndedEvent(NamedTuple):
    """All there is to say of an event."""

    context: EventContext
    observation: Observation
    line: EventLine
    deployment: Deployment
    ended: float
    """By ``perf_counter``."""
    failed: bool
    attributes: Mapping[str, AttributeValue]


class SpanSink(Protocol):
    """Takes events that are to become spans; must not wait for anybody."""

    def write(self, event: EndedEvent) -> None: ...


class Tracing(Counting):
    """Counts and traces; see :class:`runner.telemetry.observer.Observer`."""

    def __init__(self, mode: Mode, sampler: Sampler, sink: SpanSink) -> None:
        super().__init__(mode)
        self._sampler = sampler
        self._sink = sink
        self._ids = SpanIds()
        self._traces = {"sampled": 0, "error": 0, "refused": 0}

    def begin(self, context: EventContext, deployment: Deployment) -> EventContext:
        parent, caller, ids = context.trace, context.observation, self._ids
        if caller is not None:
            # Within one trace a runner decides once.
            sampled = caller.trace.sampled
        else:
            asked = parent.sampled if parent is not None else None
            sampled = self._sampler.wants(deployment.worker, perf_counter(), asked=asked)
        trace_id = parent.trace_id if parent is not None else ids.trace()
        trace = TraceContext(trace_id, ids.span(), sampled)
        return msgspec.structs.replace(
            context, trace=trace, observation=Observation(trace, parent, caller, ids)
        )

    def started(self, execution: Execution, *, cold: bool) -> None:
        super().started(execution, cold=cold)
        observation = execution.context.observation
        if observation is not None:
            observation.runs.append(Run(execution.lane_name, cold=cold))

    def _execution_ended(self, execution: Execution) -> None:
        super()._execution_ended(execution)
        observation = execution.context.observation
        if observation is not None:
            run = observation.runs[-1]
            run.ended = perf_counter()
            run.outcome = execution.outcome

    def op_begun(self, call: OpCall) -> OpSpan | None:
        observation = call.execution.context.observation
        return observation.op(call.name) if observation is not None else None

    def op_ended(self, call: OpCall, seconds: float, error: str) -> None:
        super().op_ended(call, seconds, error)
        if (span := call.observed) is not None:
            span.ended = perf_counter()
            span.error = error

    def ended(
        self,
        context: EventContext,
        line: EventLine,
        deployment: Deployment | None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        super().ended(context, line, deployment, attributes)
        observation = context.observation
        if observation is None or deployment is None:
            return
        now = perf_counter()
        failed = line.status >= 500 or (line.outcome is not None and line.outcome not in _NO_ERRORS)
        if observation.trace.sampled:
            self._traces["sampled"] += 1
        elif not (failed or observation.kept):
            return
        elif not self._sampler.keeps(deployment.worker, now):
            self._traces["refused"] += 1
            return
        else:
            self._traces["error"] += 1
        if observation.caller is not None:
            # Whoever looks at this event wants to know who called it.
            observation.caller.kept = True
        event = EndedEvent(context, observation, line, deployment, now, failed, attributes or {})
        try:
            self._sink.write(event)
        except Exception:  # noqa: BLE001 - a seam: what telemetry gets wrong must not become the event's failure
            _log.exception("the spans of an event of worker %s can not be made", deployment.worker)

    def collect(self) -> Iterable[Family]:
        yield from super().collect()
        yield counter(
            "isolane.traces",
            "Events that became spans, sampled or for their error, and errors above what one worker may have.",
            "{event}",
            ("decision",),
            {(decision,): count for decision, count in self._traces.items()},
        )
