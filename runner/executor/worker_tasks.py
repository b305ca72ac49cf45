"""Tasks of kind ``worker``: executed by the worker's current deployment, under the limits that all events have.

Must not know SQL, nor how tasks are claimed.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

import msgspec

from pools.protocol import Outcome, OutcomeKind
from runner.errors import BusyError, NotResolvedError
from runner.events.context import EventContext
from runner.events.trace import parse_traceparent
from runner.executor.attempt import Attempts
from runner.executor.claimed import event_of, outcome_of
from runner.executor.handler_word import HandlerWord
from runner.executor.suspects import Suspects
from runner.executor.verdict import failure_of
from runner.journal import EventLine
from runner.tasks.settlements import MAX_ATTEMPTS
from runner.tasks.task import NOBODY, Failed, Released

if TYPE_CHECKING:
    from runner.deployments import Deployment
    from runner.exchange import Serving
    from runner.executor.attempt import Ended
    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask
    from runner.tasks.task import Outcome as TaskOutcome
    from runner.telemetry.observer import AttributeValue

_CUT_OFF: Final = {
    "timeout": OutcomeKind.WALL_CLOCK,
    "cancelled": OutcomeKind.ABORTED,
    "lost": OutcomeKind.ABORTED,
}
_STATUS: Final = {
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


class WorkerTasks:
    """``await tasks(task, lease)`` is what :class:`runner.tasks.executor.Executor` wants to have executed."""

    def __init__(self, serving: Serving, timeout_ms: int) -> None:
        self._serving = serving
        self._timeout_ms = timeout_ms
        self._attempts = Attempts(serving.dispatcher, lambda: serving.admission.running)
        self._suspects = Suspects()

    async def __call__(self, task: ClaimedTask, lease: Lease) -> TaskOutcome:
        serving = self._serving
        if serving.admission.draining or lease.stopping:
            return Released()
        try:
            deployment = await serving.resolver.worker(str(task.worker))
        except NotResolvedError as error:
            return Failed(error=error.reason, reason="worker", final=True)
        except BusyError as error:
            return _busy(error)
        if task.tenant != NOBODY and deployment.tenant != str(task.tenant):
            # The words of one that is not there: whose it is nobody needs to know.
            return Failed(
                error=f"there is no worker with the id {task.worker}", reason="worker", final=True
            )
        run = _Run(task, lease, deployment, self._timeout_ms)
        context = serving.observer.begin(run.context, deployment)
        admission = serving.admission
        try:
            if not admission.try_enter(deployment.tenant, deployment.worker):
                await serving.wait(deployment, 0)
        except BusyError as error:
            return _busy(error)
        started = perf_counter()
        ended: Ended | None = None
        try:
            ended = await self._attempts.run(
                run.deployment,
                run.event,
                context,
                begun=run.word.begun,
                cancelled_as=lambda: _CUT_OFF.get(lease.ended_by, OutcomeKind.TERMINATED),
            )
        except BusyError as error:
            return _busy(error)
        finally:
            admission.leave(deployment.tenant, deployment.worker)
            run.word.close()
            self._tell(run, context, started, ended)
        return outcome_of(task, ended, run.word, self._suspects)

    def _tell(self, run: _Run, context: EventContext, started: float, ended: Ended | None) -> None:
        task, deployment = run.task, run.deployment
        execution = run.word.execution
        outcome = execution.outcome if execution is not None else None
        outcome = outcome or Outcome(OutcomeKind.TERMINATED)
        status = 200
        problem = ""
        if ended is None:
            status, problem = 503, f"{run.lease.ended_by or 'cut off'}"
        elif failure := failure_of(ended, task_type=task.type, timeout_ms=run.word.timeout_ms):
            status, problem = _STATUS.get(outcome.kind, 500), failure.error
        line = EventLine(
            method="TASK",
            url=task.type or task.queue,
            status=status,
            worker=deployment.name,
            request_id=context.request_id,
            duration_ms=(perf_counter() - started) * 1000,
            outcome=outcome.kind,
            problem=problem,
            usage=outcome.usage,
        )
        self._serving.journal.event(line)
        self._serving.observer.ended(context, line, deployment, _attributes(task))


class _Run:
    """One attempt: what it is started with, and what its handler says about itself."""

    def __init__(
        self, task: ClaimedTask, lease: Lease, deployment: Deployment, timeout_ms: int
    ) -> None:
        self.task = task
        self.lease = lease
        # The lease has the clock; the lane's own would not know of the handler's timeout.
        limits = msgspec.structs.replace(deployment.limits, wall_ms=0)
        self.deployment = msgspec.structs.replace(deployment, limits=limits)
        self.context = EventContext(
            kind="task",
            request_id=f"task-{task.id}",
            trace=parse_traceparent(task.trace) if task.trace else None,
        )
        self.event = event_of(task, most=MAX_ATTEMPTS)
        self.word = HandlerWord(
            task.type, task.timeout_ms, timeout_ms, cpu_ms=limits.cpu_ms, lease=lease
        )


def _busy(error: BusyError) -> Released:
    return Released(reason="busy", after_s=float(error.retry_after_s))


def _attributes(task: ClaimedTask) -> dict[str, AttributeValue]:
    """Return what the span says of a task, in the words of the semantic conventions for messaging."""
    said: dict[str, AttributeValue] = {
        "messaging.operation.type": "process",
        "messaging.destination.name": task.queue,
        "messaging.message.id": str(task.id),
        "isolane.task.attempt": task.attempts,
    }
    if task.type is not None:
        said["isolane.task.type"] = task.type
    return said
