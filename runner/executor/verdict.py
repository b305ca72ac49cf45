"""From the outcome of an execution to the outcome of a task: the table of architecture.md.

Must not know lanes, databases or NATS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pools.protocol import OutcomeKind

if TYPE_CHECKING:
    from runner.events.task import TaskFailure
    from runner.executor.attempt import Ended

_REASONS: Final = {
    OutcomeKind.CPU_LIMIT: "it used up its CPU time",
    OutcomeKind.MEMORY_LIMIT: "it used up its memory",
    OutcomeKind.OP_LIMIT: "it used up one of its limits",
    OutcomeKind.TERMINATED: "it was ended, as its executor shuts down",
    OutcomeKind.ABORTED: "it was cancelled",
    OutcomeKind.BUSY: "there was no place for it",
    OutcomeKind.HOST_LOST: "the process that ran it died",
}
_FINAL: Final = frozenset({OutcomeKind.INIT_ERROR, OutcomeKind.NO_HANDLER})
_RELEASED: Final = frozenset({OutcomeKind.TERMINATED, OutcomeKind.ABORTED, OutcomeKind.BUSY})


class Failure(NamedTuple):
    """Why a task did not succeed, for its row and for whoever waits for it."""

    error: str
    reason: str
    """The outcome's name, or ``failed`` when the task says so itself."""
    final: bool = False
    """Trying again would not help."""
    released: bool = False
    """It was not the task's fault: it goes back, and that costs nothing."""


def failure_of(
    ended: Ended, *, task_type: str | None = None, timeout_ms: int = 0
) -> Failure | None:
    """Return why a task failed; None for a success."""
    outcome = ended.outcome
    kind = outcome.kind
    if kind is OutcomeKind.OK:
        if ended.result.success:
            return None
        if ended.result.error is None:
            return Failure("Task failed without error", "failed")
        return Failure(_words(ended.result.failure()), "failed")
    reason = f"{kind}"
    if kind is OutcomeKind.WALL_CLOCK:
        return Failure(f"Task timeout after {timeout_ms}ms", "timeout")
    if kind is OutcomeKind.NO_HANDLER:
        return Failure(_no_handler(task_type), reason, final=True)
    text = _REASONS.get(kind, reason)
    if (error := outcome.error) is not None:
        said = f"{error.name}: {error.message}" if error.name else error.message
        text = said if kind not in _REASONS else f"{text}: {said}"
    return Failure(text, reason, final=kind in _FINAL, released=kind in _RELEASED)


def _no_handler(task_type: str | None) -> str:
    if task_type is not None:
        return f"No handler for task type: {task_type}"
    return "there is no task handler; it needs: export default { async task(payload) { ... } }"


def _words(failure: TaskFailure) -> str:
    # Of itself a text is no error that was thrown.
    if failure.name in {"", "Error"}:
        return failure.message
    return f"{failure.name}: {failure.message}"
