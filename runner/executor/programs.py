"""Scripts as deployments, built once for each version of their files.

Must not know where tasks come from.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from pools.protocol import OutcomeKind
from runner.events.context import EventContext
from runner.executor.errors import ScriptRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.builder import Builder
    from runner.deployments import Deployment
    from runner.events.task import TaskEvent
    from runner.executor.attempt import Attempts, Ended
    from runner.executor.handler_word import HandlerWord
    from runner.executor.scripts import ScriptFolder, Stamp

_KEPT: Final = 1000
_MAX_PAYLOAD_BYTES: Final = 16 << 20


class Programs:
    """Runs what tasks name: a script by its path, or a worker by its name."""

    def __init__(self, folder: ScriptFolder, builder: Builder, attempts: Attempts) -> None:
        self._folder = folder
        self._builder = builder
        self.attempts = attempts
        self._kept: OrderedDict[tuple[str, bool], tuple[Deployment, Stamp]] = OrderedDict()

    async def run(
        self,
        name: str,
        event: TaskEvent,
        word: HandlerWord,
        *,
        worker: bool = False,
        cancelled_as: Callable[[], OutcomeKind] = lambda: OutcomeKind.TERMINATED,
    ) -> Ended:
        """Run a task; its timeout is for CPU and clock, its handler's for the clock.

        Raises
        ------
        ScriptRefusedError
            It names no script that may be run, or its payload is too large.
        BusyError
            No lane serves.

        """
        if (size := len(memoryview(event.payload))) > _MAX_PAYLOAD_BYTES:
            raise ScriptRefusedError(
                f"the payload has {size} bytes as JSON, {_MAX_PAYLOAD_BYTES} are allowed"
            )
        deployment = await self._deployment(name, worker=worker)
        limits = msgspec.structs.replace(
            deployment.limits,
            cpu_ms=word.cpu_ms if word.may_change else word.timeout_ms,
            wall_ms=0 if word.may_change else word.timeout_ms,
        )
        deployment = msgspec.structs.replace(deployment, limits=limits)
        context = EventContext(kind="task", request_id=f"task-{event.task_id}")
        try:
            return await self.attempts.run(
                deployment, event, context, begun=word.begun, cancelled_as=cancelled_as
            )
        finally:
            word.close()

    async def _deployment(self, name: str, *, worker: bool) -> Deployment:
        key = name, worker
        kept = self._kept.get(key)
        if kept is not None and self._folder.unchanged(kept[1]):
            self._kept.move_to_end(key)
            return kept[0]
        read = self._folder.worker if worker else self._folder.script
        # A folder may be at the other end of a network.
        script = await asyncio.to_thread(read, name)
        deployment = await self._builder.build(script.source, {})
        self._kept[key] = deployment, script.stamp
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return deployment
