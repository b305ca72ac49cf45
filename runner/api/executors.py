"""``/admin/executors``: what the executors of the durable queue in this process have done, and do now.

Must not know how tasks are executed.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from runner.api.administration import Answer
from runner.api.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.tasks.executor import Executor


class HeldTask(Answer, frozen=True, kw_only=True):
    """A task that is executed now."""

    id: UUID
    tenant: UUID
    queue: str
    type: str | None
    attempt: int
    running_ms: float


class ExecutorStats(Answer, frozen=True, kw_only=True):
    """One executor. Attempts are counted since it was started."""

    worker_id: str
    """As in ``leasedBy`` of the tasks that it has."""
    kinds: list[str]
    task_types: list[str]
    """Globs; none: all."""
    concurrency: int
    is_running: bool
    """It takes tasks."""
    tasks_processed: int
    tasks_succeeded: int
    tasks_failed: int
    tasks_refused: int
    """Outcomes that came too late: the task was another's by then."""
    current_tasks: int
    tasks: list[HeldTask]
    started_at: datetime | None
    uptime_ms: float


class Executors(Answer, frozen=True, kw_only=True):
    """The executors of this process."""

    executors: list[ExecutorStats]


class ExecutorsApi:
    """Looks at executors; ``executors()`` returns those there are."""

    def __init__(self, executors: Callable[[], Sequence[Executor]]) -> None:
        self._executors = executors

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("GET", "/admin/executors", self.list_all)]

    async def list_all(self) -> Executors:
        """Tell what the executors of tasks have done, and do now."""
        return Executors(executors=[_stats(executor) for executor in self._executors()])


def _stats(executor: Executor) -> ExecutorStats:
    loop_time, now = asyncio.get_running_loop().time(), datetime.now(UTC)
    options, writer = executor.options, executor.writer
    tasks = [
        HeldTask(
            id=lease.task.id,
            tenant=lease.task.tenant,
            queue=lease.task.queue,
            type=lease.task.type,
            attempt=lease.task.attempts,
            running_ms=round((loop_time - lease.started) * 1000, 1),
        )
        for lease in executor.hand.running.values()
    ]
    started = executor.started_at
    uptime_s = 0.0 if started is None else (now - started).total_seconds()
    return ExecutorStats(
        worker_id=executor.name,
        kinds=list(options.kinds),
        task_types=list(options.types),
        concurrency=options.concurrency,
        is_running=executor.taking,
        tasks_processed=writer.succeeded + writer.failed,
        tasks_succeeded=writer.succeeded,
        tasks_failed=writer.failed,
        tasks_refused=writer.refused,
        current_tasks=len(tasks),
        tasks=tasks,
        started_at=started,
        uptime_ms=round(uptime_s * 1000, 1),
    )
