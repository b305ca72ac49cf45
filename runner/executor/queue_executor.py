"""The end of an executor of the durable queue that runs scripts.

Must not know how tasks are claimed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.executor.programs import Programs
    from runner.tasks.executor import Executor


class QueueExecutor:
    """Has scripts told that they should come to an end, as it is about to."""

    def __init__(self, executor: Executor, programs: Programs) -> None:
        self._executor = executor
        self._programs = programs

    async def stop(self, drain_s: float) -> None:
        """Take no more; what does not finish within ``drain_s`` is put back, without costing an attempt."""
        stopping = asyncio.get_running_loop().create_task(self._executor.stop(drain_s))
        self._programs.attempts.stop("drain")
        await asyncio.wait([stopping])
        stopping.result()
