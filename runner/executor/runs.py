"""The composition root's part for the durable queue: the executors of workers' and of HTTP tasks, and the duties that keep the queue in
order.

:meth:`TaskRuns.accept`; :meth:`stop_accepting` before executions are drained, :meth:`finish` after, then :meth:`close`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from runner.executor.options import executor_options
from runner.executor.worker_tasks import WorkerTasks
from runner.tasks.duties import Duties
from runner.tasks.executor import Executor, ExecutorOptions
from runner.tasks.wakes import TaskWakes

if TYPE_CHECKING:
    from runner.config import Settings
    from runner.exchange import Serving
    from runner.http_tasks.sender import HttpTasks
    from runner.tasks.engine import TaskEngine

_LAST_WORDS_S: Final = 6.0
"""For writing down what became of tasks, when all executions have ended."""


_NEVER_MS: Final = (1 << 31) - 1
"""HTTP tasks have clocks of their own."""


class TaskRuns:
    """Without places (``JOB_CONCURRENCY=0``, ``HTTP_TASKS_CONCURRENCY=0``) this runner executes none, and keeps the queue in order all the
    same. Who has no key to open HTTP tasks with leaves them to others.
    """

    def __init__(
        self, settings: Settings, serving: Serving, engine: TaskEngine, http: HttpTasks
    ) -> None:
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
        self._http = http
        self.http_executor = Executor(engine, self._wakes, http, _http_options(settings))
        self._stopping: list[asyncio.Task[None]] = []
        self._stopped_at = 0.0
        self._accepting = False

    @property
    def executors(self) -> list[Executor]:
        """Return those that were started."""
        both = (self.executor, self.http_executor)
        return [executor for executor in both if executor.started_at is not None]

    async def accept(self) -> None:
        """Take tasks from now on; the database may be away."""
        await self._wakes.__aenter__()
        self._accepting = True
        self._duties.start()
        if self._settings.job_concurrency:
            self.executor.start()
        if self._settings.http_tasks_concurrency and self._settings.secrets_keys:
            self.http_executor.start()

    def stop_accepting(self) -> None:
        """Take no further task; whoever drains executions ends those that go on."""
        if not self._stopping:
            loop = asyncio.get_running_loop()
            self._stopped_at = loop.time()
            self._stopping = [
                loop.create_task(executor.stop(self._drain_s), name="tasks: stop")
                for executor in (self.executor, self.http_executor)
            ]

    async def finish(self) -> None:
        """Write down what became of tasks, when executions have ended; HTTP tasks may take what is left of the time to drain."""
        if self._stopping:
            passed_s = asyncio.get_running_loop().time() - self._stopped_at
            left_s = max(self._drain_s - passed_s, 0.0)
            await asyncio.wait(self._stopping, timeout=left_s + _LAST_WORDS_S)

    @property
    def _drain_s(self) -> float:
        return self._settings.drain_timeout_ms / 1000

    async def close(self) -> None:
        if not self._accepting:
            return
        self._accepting = False
        self.stop_accepting()
        await self.finish()
        await self._http.close()
        await self._duties.stop()
        await self._wakes.__aexit__()


def _http_options(settings: Settings) -> ExecutorOptions:
    name = settings.job_worker_id
    return ExecutorOptions(
        kinds=("http",),
        concurrency=settings.http_tasks_concurrency,
        # A server that does not answer keeps a place for as long as its task says.
        fair=True,
        timeout_ms=_NEVER_MS,
        lease_s=settings.job_lease_ms / 1000,
        poll_s=settings.job_poll_ms / 1000,
        name=name and f"{name}-http",
    )
