"""The composition root's part for the durable queue: the executor of workers' tasks, and the duties that keep the queue in order.

:meth:`TaskRuns.accept`; :meth:`stop_accepting` before executions are drained, :meth:`finish` after, then :meth:`close`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from runner.executor.options import executor_options
from runner.executor.worker_tasks import WorkerTasks
from runner.tasks.duties import Duties
from runner.tasks.executor import Executor
from runner.tasks.wakes import TaskWakes

if TYPE_CHECKING:
    from runner.config import Settings
    from runner.exchange import Serving
    from runner.tasks.engine import TaskEngine

_LAST_WORDS_S: Final = 6.0
"""For writing down what became of tasks, when all executions have ended."""


class TaskRuns:
    """Without places (``JOB_CONCURRENCY=0``) this runner executes none, and keeps the queue in order all the same."""

    def __init__(self, settings: Settings, serving: Serving, engine: TaskEngine) -> None:
        self._settings = settings
        self._wakes = TaskWakes(settings.database_url)
        self._duties = Duties(engine, self._wakes, rescue_every_s=settings.job_rescue_ms / 1000)
        options = executor_options(
            settings,
            "worker",
            concurrency=settings.job_concurrency,
            timeout_ms=settings.job_timeout_ms,
        )
        execute = WorkerTasks(serving, settings.job_timeout_ms)
        self.executor = Executor(engine, self._wakes, execute, options)
        self._stopping: asyncio.Task[None] | None = None
        self._accepting = False

    async def accept(self) -> None:
        """Take tasks from now on; the database may be away."""
        await self._wakes.__aenter__()
        self._accepting = True
        self._duties.start()
        if self._settings.job_concurrency:
            self.executor.start()

    def stop_accepting(self) -> None:
        """Take no further task; whoever drains executions ends those that go on."""
        if self._stopping is None:
            drain_s = self._settings.drain_timeout_ms / 1000
            self._stopping = asyncio.get_running_loop().create_task(
                self.executor.stop(drain_s), name="tasks: stop"
            )

    async def finish(self) -> None:
        """Write down what became of tasks, when their executions have ended."""
        if self._stopping is not None:
            await asyncio.wait([self._stopping], timeout=_LAST_WORDS_S)

    async def close(self) -> None:
        if not self._accepting:
            return
        self._accepting = False
        self.stop_accepting()
        await self.finish()
        await self._duties.stop()
        await self._wakes.__aexit__()
