"""Makes spans of events that have ended, all at once: a server span, its queue, its executions and its ops.

OpenTelemetry's tracer would make each when it begins, for every event. Must not know what collects them.
"""

from __future__ import annotations

from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from runner.telemetry.conventions import (
    error_type,
    event_attributes,
    event_name,
    op_attributes,
    op_name,
    run_attributes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.resources import Resource

    from pools.protocol import Mode
    from runner.events.trace import TraceContext
    from runner.telemetry.observer import AttributeValue, Observation, OpSpan, Run
    from runner.telemetry.tracing import EndedEvent

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_OK: Final = Status(StatusCode.UNSET)
_KINDS: Final = {"fetch": SpanKind.SERVER, "scheduled": SpanKind.SERVER, "task": SpanKind.CONSUMER}


class SpanWriter:
    """Writes the spans of events to ``emit``."""

    def __init__(
        self, mode: Mode, resource: Resource, version: str, emit: Callable[[ReadableSpan], None]
    ) -> None:
        self._mode = mode
        self._resource = resource
        self._scope = InstrumentationScope("isolane", version)
        self._emit = emit

    def write(self, event: EndedEvent) -> None:
        spans = _Spans(self, event)
        spans.queue()
        for run in event.observation.runs:
            spans.run(run)
        for op in event.observation.ops:
            spans.op(op)
        spans.event()


class _Spans:
    """Those of one event. Times come by ``perf_counter`` and go as ns since the epoch."""

    def __init__(self, writer: SpanWriter, event: EndedEvent) -> None:
        self._writer = writer
        self._event = event
        observation = event.observation
        self._offset_ns = time_ns() - perf_counter_ns()
        self._state = TraceState.from_header([event.context.tracestate])
        self._server = self._context(observation.trace)
        self._begun = min(event.ended - event.line.duration_ms / 1000, observation.begun)

    def event(self) -> None:
        event = self._event
        parent = event.observation.parent
        self._span(
            event_name(event),
            self._server,
            None if parent is None else self._context(parent, remote=True),
            _KINDS.get(event.context.kind, SpanKind.INTERNAL),
            self._begun,
            event.ended,
            event_attributes(event, self._writer._mode),
            error=error_type(event) if event.failed else "",
        )

    def queue(self) -> None:
        """From the moment the worker was known to the first lane: admission, and waiting for a host."""
        runs = self._event.observation.runs
        sent = runs[0].sent if runs else self._event.ended
        self._child("queue wait", self._event.observation.begun, sent, {})

    def run(self, run: Run) -> None:
        """An execution, and what it waited in its lane; the lane says how long each took."""
        ended = run.ended or self._event.ended
        usage = run.outcome.usage if run.outcome is not None else None
        arrived = max(run.sent, ended - usage.wall_us / 1e6) if usage and usage.turns else run.sent
        started = min(ended, arrived + usage.queue_us / 1e6) if usage else arrived
        attributes = run_attributes(run)
        self._child("isolate acquire", arrived, started, {})
        answer = Event("answer", timestamp=self._ns(run.answered)) if run.answered else None
        self._child(
            "execution",
            started,
            ended,
            attributes,
            error=f"{attributes.get('error.type', '')}",
            happened=answer,
        )

    def op(self, op: OpSpan) -> None:
        self._span(
            op_name(op),
            self._context(op.trace),
            self._server,
            SpanKind.CLIENT,
            op.began,
            # What is still under way is a body that is piped to the client.
            op.ended or self._event.ended,
            op_attributes(op),
            error=op.error,
        )

    def _child(
        self,
        name: str,
        begun: float,
        ended: float,
        attributes: dict[str, AttributeValue],
        error: str = "",
        happened: Event | None = None,
    ) -> None:
        observation: Observation = self._event.observation
        context = SpanContext(
            self._server.trace_id,
            int(observation.ids.span(), 16),
            is_remote=False,
            trace_flags=_SAMPLED,
            trace_state=self._state,
        )
        self._span(
            name,
            context,
            self._server,
            SpanKind.INTERNAL,
            begun,
            ended,
            attributes,
            error=error,
            happened=happened,
        )

    def _span(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        begun: float,
        ended: float,
        attributes: dict[str, AttributeValue],
        *,
        error: str,
        happened: Event | None = None,
    ) -> None:
        self._writer._emit(
            ReadableSpan(
                name,
                context=context,
                parent=parent,
                resource=self._writer._resource,
                attributes=attributes,
                events=() if happened is None else (happened,),
                kind=kind,
                status=Status(StatusCode.ERROR, error) if error else _OK,
                start_time=self._ns(begun),
                end_time=self._ns(max(begun, ended)),
                instrumentation_scope=self._writer._scope,
            )
        )

    def _context(self, trace: TraceContext, *, remote: bool = False) -> SpanContext:
        # All that is emitted counts as sampled: for errors this was decided at their end.
        return SpanContext(
            int(trace.trace_id, 16),
            int(trace.span_id, 16),
            is_remote=remote,
            trace_flags=_SAMPLED,
            trace_state=self._state,
        )

    def _ns(self, moment: float) -> int:
        return int(moment * 1e9) + self._offset_ns
