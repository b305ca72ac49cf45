"""Tasks of kind ``script`` in the durable queue: executed by scripts below a folder.

Must not know SQL, nor how tasks are claimed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import msgspec

from pools.protocol import OutcomeKind
from runner.errors import BusyError
from runner.events.task import TaskEvent
from runner.executor.errors import ScriptRefusedError
from runner.executor.handler_word import HandlerWord
from runner.executor.suspects import Suspects
from runner.executor.verdict import failure_of
from runner.tasks.task import Completed, Failed, Released

if TYPE_CHECKING:
    from runner.executor.programs import Programs
    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask, Outcome

_LOST_AGAIN_S: Final = 0.25
_CUT_OFF: Final = {"timeout": OutcomeKind.WALL_CLOCK, "shutdown": OutcomeKind.TERMINATED}


class ScriptTasks:
    """``await tasks(task, lease)`` is what :class:`runner.tasks.executor.Executor` wants to have executed."""

    def __init__(self, programs: Programs, timeout_ms: int) -> None:
        self._programs = programs
        self._timeout_ms = timeout_ms
        self._suspects = Suspects()

    async def __call__(self, task: ClaimedTask, lease: Lease) -> Outcome:
        if lease.stopping:
            return Released()
        word = HandlerWord(
            task.type, task.timeout_ms, self._timeout_ms, cpu_ms=self._timeout_ms, lease=lease
        )
        try:
            ended = await self._programs.run(
                task.script or "",
                event_of(task, most=1),
                word,
                cancelled_as=lambda: _CUT_OFF.get(lease.ended_by, OutcomeKind.ABORTED),
            )
        except ScriptRefusedError as error:
            return Failed(error=f"{error}", reason="script", final=True)
        except BusyError as error:
            return Released(reason="busy", after_s=float(error.retry_after_s))
        if word.refusal is not None:
            return Failed(error=word.refusal, reason="settings", final=True)
        failure = failure_of(ended, task_type=task.type, timeout_ms=word.timeout_ms)
        if failure is None:
            return Completed(ended.result.value)
        if failure.released:
            return Released()
        if ended.outcome.kind is OutcomeKind.HOST_LOST:
            counted = self._suspects.guilty(task.id, alone=ended.alone)
            return Released(
                error=failure.error, reason=failure.reason, counted=counted, after_s=_LOST_AGAIN_S
            )
        policy = word.said.policy if task.retry is None else None
        return Failed(
            error=failure.error,
            reason=failure.reason,
            final=failure.final,
            retry_after_s=None if policy is None else policy.delay_s(task.attempts, random.random),
            max_attempts=word.said.max_attempts,
        )


def event_of(task: ClaimedTask, *, most: int) -> TaskEvent:
    """Return the event of a claimed task; ``most``: its attempts, if it says nothing."""
    return TaskEvent(
        msgspec.Raw(b"null" if task.payload is None else task.payload.encode()),
        task_id=str(task.id),
        attempt=task.attempts,
        max_attempts=task.max_attempts or most,
        max_attempts_given=task.max_attempts is not None,
        task_type=task.type,
        key=task.key,
        queue=task.queue,
        scheduled_time=int(task.scheduled_at.timestamp() * 1000),
    )
