"""What tasks of the durable queue have in common, whoever runs them: the event of an attempt, and what the queue is told of its end.

Must not know SQL, nor lanes.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import msgspec

from pools.protocol import OutcomeKind
from runner.events.task import TaskEvent
from runner.executor.verdict import failure_of
from runner.tasks.task import Completed, Failed, Released

if TYPE_CHECKING:
    from runner.executor.attempt import Ended
    from runner.executor.handler_word import HandlerWord
    from runner.executor.suspects import Suspects
    from runner.tasks.task import ClaimedTask, Outcome

_LOST_AGAIN_S: Final = 0.25
_BUSY_AGAIN_S: Final = 1.0


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


def outcome_of(task: ClaimedTask, ended: Ended, word: HandlerWord, suspects: Suspects) -> Outcome:
    """Return what an attempt comes to; ``word`` is its handler's."""
    if word.refusal is not None:
        return Failed(error=word.refusal, reason="settings", final=True)
    failure = failure_of(ended, task_type=task.type, timeout_ms=word.timeout_ms)
    if failure is None:
        return Completed(ended.result.value)
    if failure.released:
        busy = ended.outcome.kind is OutcomeKind.BUSY
        return Released(after_s=_BUSY_AGAIN_S if busy else 0.0)
    if ended.outcome.kind is OutcomeKind.HOST_LOST:
        counted = suspects.guilty(task.id, alone=ended.alone)
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
