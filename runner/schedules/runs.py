"""Runs scheduled events: the worker's current deployment, a place, a lane, and the line that tells of it.

Must not know where events come from, nor what becomes of those that could not run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pools.protocol import OutcomeKind
from runner.errors import BusyError
from runner.events.context import EventContext
from runner.events.scheduled import encode_scheduled
from runner.ingress.answers import describe
from runner.journal import EventLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pools.protocol import Outcome
    from runner.events.scheduled import ScheduledEvent
    from runner.events.trace import TraceContext
    from runner.exchange import Serving
    from runner.telemetry.observer import AttributeValue

_STATUS: Final = {
    OutcomeKind.OK: 200,
    OutcomeKind.NO_HANDLER: 501,
    OutcomeKind.CPU_LIMIT: 429,
    OutcomeKind.MEMORY_LIMIT: 429,
    OutcomeKind.OP_LIMIT: 429,
    OutcomeKind.WALL_CLOCK: 504,
    OutcomeKind.TERMINATED: 503,
    OutcomeKind.ABORTED: 503,
    OutcomeKind.BUSY: 503,
    OutcomeKind.HOST_LOST: 502,
}


class ScheduledRuns:
    """Starts executions of scheduled events, within the limits that all executions have."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def run(
        self,
        event: ScheduledEvent,
        worker: str,
        begin: Callable[[], Awaitable[bool]] | None = None,
        trace: TraceContext | None = None,
    ) -> Outcome | None:
        """Run an event to its end, waiting for a place if need be. ``trace``: what it came with.

        ``begin()`` is asked when it has one; when it says no the event is not run, and the answer is None.

        Raises
        ------
        NotResolvedError
            There is no such worker, or it has no deployment.
        BusyError
            No place came free in time, or the runner is ending.

        """
        serving = self._serving
        admission, dispatcher = serving.admission, serving.dispatcher
        if admission.draining:
            raise BusyError("the runner is shutting down")
        started = perf_counter()
        deployment = await serving.resolver.worker(worker)
        context = EventContext(kind="scheduled", request_id=f"scheduled-{event.id}", trace=trace)
        context = serving.observer.begin(context, deployment)
        if not admission.try_enter(deployment.tenant, deployment.worker):
            await serving.wait(deployment, 0)
        try:
            await dispatcher.serving()
            if begin is not None and not await begin():
                return None
            execution = dispatcher.start(deployment, encode_scheduled(event), context=context)
            outcome = await execution.ended()
        finally:
            admission.leave(deployment.tenant, deployment.worker)
        line = EventLine(
            method="SCHEDULED",
            url=event.cron,
            status=_STATUS.get(outcome.kind, 500),
            worker=deployment.name,
            request_id=context.request_id,
            duration_ms=(perf_counter() - started) * 1000,
            outcome=outcome.kind,
            problem=describe(outcome.error) if outcome.error else "",
            usage=outcome.usage,
        )
        serving.journal.event(line)
        serving.observer.ended(context, line, deployment, _attributes(event))
        return outcome


def _attributes(event: ScheduledEvent) -> dict[str, AttributeValue]:
    """Return what the span says of a timer, in the words of the semantic conventions for FaaS."""
    time = datetime.fromtimestamp(event.scheduled_time / 1000, UTC).isoformat()
    return {"faas.trigger": "timer", "faas.cron": event.cron, "faas.time": time}
