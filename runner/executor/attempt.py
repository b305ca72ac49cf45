"""One attempt of a task: an execution from its start to its end, ended for real when its caller gives up.

Must not know where tasks come from, nor what becomes of outcomes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from pools.protocol import OutcomeKind
from runner.events.task import encode_task, read_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.protocol import Outcome
    from runner.deployments import Deployment
    from runner.dispatch import Dispatcher
    from runner.events.context import EventContext
    from runner.events.task import TaskEvent, TaskResult
    from runner.execution import Execution


class Ended(NamedTuple):
    """How an attempt ended. ``alone``: nothing else ran in the host."""

    outcome: Outcome
    result: TaskResult
    alone: bool
    text: str
    """The result as the task wrote it, JSON."""


class Attempts:
    """Starts attempts, and knows those that go on. ``at_work()``: how many executions there are, if not only attempts."""

    def __init__(self, dispatcher: Dispatcher, at_work: Callable[[], int] | None = None) -> None:
        self._dispatcher = dispatcher
        self.running: set[Execution] = set()
        self._at_work = at_work or self.running.__len__

    async def run(
        self,
        deployment: Deployment,
        event: TaskEvent,
        context: EventContext,
        *,
        begun: Callable[[Execution], None] | None = None,
        cancelled_as: Callable[[], OutcomeKind] = lambda: OutcomeKind.TERMINATED,
    ) -> Ended:
        """Run a task to its end.

        When the caller is cancelled the isolate is stopped first; an attempt that had succeeded by then is returned all the same.
        ``cancelled_as()`` says what its outcome is then. ``begun(execution)`` is called before its first turn.

        Raises
        ------
        BusyError
            No lane serves.

        """
        await self._dispatcher.serving()
        execution = self._dispatcher.start(deployment, encode_task(event), context=context)
        if begun is not None:
            begun(execution)
        self.running.add(execution)
        others: list[int] = []
        # All that a host takes with it end in one moment: only now it is known how many there were.
        execution.on_end.append(lambda _: others.append(self._at_work() - 1))
        cancelled: asyncio.CancelledError | None = None
        try:
            outcome = await execution.ended()
        except asyncio.CancelledError as error:
            cancelled = error
            execution.terminate(cancelled_as())
            # A host that does not comply is ended: this does not take long.
            outcome = await execution.ended()
        finally:
            self.running.discard(execution)
        if cancelled is not None and outcome.kind is not OutcomeKind.OK:
            raise cancelled
        result = execution.result
        text = '{"success":true}' if result is None else result.json
        return Ended(outcome, read_result(result), others == [0], text)

    def stop(self, reason: str = "drain") -> None:
        """Tell JavaScript that it should come to an end."""
        for execution in self.running:
            execution.stop(reason)
