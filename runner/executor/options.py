"""From the settings to what an executor of the durable queue serves.

Must not know tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.tasks.executor import ExecutorOptions

if TYPE_CHECKING:
    from runner.config import Settings
    from runner.tasks.task import Kind


def executor_options(
    settings: Settings, kind: Kind, *, concurrency: int, timeout_ms: int
) -> ExecutorOptions:
    """Return the options of the executor for one kind of tasks that have types."""
    return ExecutorOptions(
        kinds=(kind,),
        concurrency=concurrency,
        types=settings.job_task_types,
        timeout_ms=timeout_ms,
        lease_s=settings.job_lease_ms / 1000,
        poll_s=settings.job_poll_ms / 1000,
        name=settings.job_worker_id,
    )
