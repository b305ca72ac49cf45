"""Tasks of kind ``script`` in the durable queue: executed by scripts below a folder.

Must not know SQL, nor how tasks are claimed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pools.protocol import OutcomeKind
from runner.errors import BusyError
from runner.executor.claimed import event_of, outcome_of
from runner.executor.errors import ScriptRefusedError
from runner.executor.handler_word import HandlerWord
from runner.executor.suspects import Suspects
from runner.tasks.task import Failed, Released

if TYPE_CHECKING:
    from runner.executor.programs import Programs
    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask, Outcome

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
        return outcome_of(task, ended, word, self._suspects)
