"""The observer that counts: events, executions and ops, for ``/metrics``. A microsecond or two per request.

No label has values of a tenant's choosing without a bound, and none names a worker.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pools.protocol import OutcomeKind
from runner.telemetry.families import Distribution, counter, distribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pools.protocol import Mode
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.execution import Execution
    from runner.journal import EventLine
    from runner.ops.registry import OpCall
    from runner.telemetry.families import Family, Labels
    from runner.telemetry.observer import AttributeValue, OpSpan

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY"})
_STATUSES: Final = frozenset(status.value for status in HTTPStatus)
_MAX_KNOWN: Final = 1000
"""Pairs of method and status that are remembered as they came; others are looked up by what they count as."""


class _Kind:
    """What is counted of the executions of one kind of event."""

    __slots__ = ("acquiring", "cold", "computing", "outcomes", "running")

    def __init__(self) -> None:
        self.outcomes = dict.fromkeys(OutcomeKind, 0)
        self.acquiring = Distribution()
        self.running = Distribution()
        self.computing = Distribution()
        self.cold = 0


class Counting:
    """Counts; see :class:`runner.telemetry.observer.Observer`."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._kinds: dict[str, _Kind] = {}
        self._waits = Distribution()
        self._requests: dict[Labels, Distribution] = {}
        self._known: dict[tuple[str, int], Distribution] = {}
        self._ops: dict[str, Distribution] = {}
        self._op_outcomes: dict[Labels, int] = {}

    # --- the moments ----------------------------------------------------------------------------------------------

    def begin(self, context: EventContext, deployment: Deployment) -> EventContext:
        return context

    def waited(self, seconds: float) -> None:
        self._waits.add(seconds)

    def started(self, execution: Execution, *, cold: bool) -> None:
        if cold:
            self._kind(execution.context.kind).cold += 1
        execution.on_end.append(self._execution_ended)

    def _execution_ended(self, execution: Execution) -> None:
        outcome = execution.outcome
        assert outcome is not None
        kind = self._kinds.get(execution.context.kind) or self._kind(execution.context.kind)
        kind.outcomes[outcome.kind] += 1
        usage = outcome.usage
        if usage.turns:
            kind.acquiring.add(usage.queue_us / 1e6)
            kind.running.add((usage.wall_us - usage.queue_us) / 1e6)
            kind.computing.add(usage.cpu_us / 1e6)

    def op_begun(self, call: OpCall) -> OpSpan | None:
        return None

    def op_ended(self, call: OpCall, seconds: float, error: str) -> None:
        # Names are those of our handlers.
        durations = self._ops.get(call.name)
        if durations is None:
            durations = self._ops[call.name] = Distribution()
        durations.add(seconds)
        outcome = ("aborted" if error == "AbortError" else "error") if error else "ok"
        key = call.name, outcome
        self._op_outcomes[key] = self._op_outcomes.get(key, 0) + 1

    def ended(
        self,
        context: EventContext,
        line: EventLine,
        deployment: Deployment | None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        if context.kind == "fetch":
            durations = self._known.get((line.method, line.status))
            if durations is None:
                durations = self._request(line.method, line.status)
            durations.add(line.duration_ms / 1000)

    # --- what they are counted as ---------------------------------------------------------------------------------

    def _kind(self, name: str) -> _Kind:
        return self._kinds.setdefault(name, _Kind())

    def _request(self, method: str, status: int) -> Distribution:
        """Return what a request is counted in. Clients choose methods, and workers choose statuses: both are sorted into those
        that are registered, and the others.
        """
        label = f"{status}" if status in _STATUSES or status == 0 else f"{status // 100}xx"
        key = method if method in _METHODS else "_OTHER", label
        durations = self._requests.setdefault(key, Distribution())
        if len(self._known) < _MAX_KNOWN:
            self._known[method, status] = durations
        return durations

    # --- for whoever asks -----------------------------------------------------------------------------------------

    def collect(self) -> Iterable[Family]:
        """Return all that was counted."""
        kinds, mode = self._kinds.items(), f"{self._mode}"
        yield distribution(
            "http.server.request.duration",
            "From the request's head to the end of its answer and its execution; status 0: the client left before.",
            ("http.request.method", "http.response.status_code"),
            self._requests,
        )
        yield counter(
            "isolane.executions",
            "Executions that ended.",
            "{execution}",
            ("kind", "outcome", "mode"),
            {
                (name, f"{outcome}", mode): count
                for name, kind in kinds
                for outcome, count in kind.outcomes.items()
                if count
            },
        )
        yield counter(
            "isolane.executions.cold",
            "Executions whose lane did not have the worker's code.",
            "{execution}",
            ("kind", "mode"),
            {(name, mode): kind.cold for name, kind in kinds},
        )
        yield distribution(
            "isolane.execution.duration",
            "From the first turn to the end of waitUntil.",
            ("kind", "mode"),
            {(name, mode): kind.running for name, kind in kinds},
        )
        yield distribution(
            "isolane.execution.cpu_time",
            "CPU time of all turns.",
            ("kind", "mode"),
            {(name, mode): kind.computing for name, kind in kinds},
        )
        yield distribution(
            "isolane.isolate.acquire.duration",
            "Waiting in the lane for an isolate, its creation included.",
            ("kind", "mode"),
            {(name, mode): kind.acquiring for name, kind in kinds},
        )
        yield distribution(
            "isolane.admission.wait.duration",
            "Waiting for admission, of those who had to wait.",
            (),
            {(): self._waits},
        )
        yield distribution(
            "isolane.op.duration",
            "From an op's arrival to its end, the bodies of fetch included.",
            ("op",),
            {(name,): durations for name, durations in self._ops.items()},
        )
        yield counter(
            "isolane.ops", "Ops that ended.", "{op}", ("op", "outcome"), self._op_outcomes
        )
