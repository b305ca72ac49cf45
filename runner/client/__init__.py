"""A small client of the durable queue, over a runner's API: for programs that have others do their work.

::

    from runner.client import open_tasks

    async with open_tasks("http://127.0.0.1:9420", token=token, tenant="shop") as tasks:
        enqueued = await tasks.enqueue(
            "mailer", "email:send", {"to": "user@example.com"}, priority=10, max_attempts=3
        )
        task = await tasks.wait(enqueued.task.id, timeout_s=30)
        print(task.status, task.value())
        async for event in tasks.subscribe():
            ...

Programs that share the runner's database, and want a task in the transaction of their own rows, insert it with SQL: see docs/tasks.md.
"""

from runner.client.errors import (
    TaskClientError,
    TaskConflictError,
    TaskFailedError,
    TaskNotFoundError,
    TaskRefusedError,
    TasksUnavailableError,
)
from runner.client.models import (
    Attempt,
    CleanedCounts,
    EnqueuedId,
    EnqueuedTask,
    NewTask,
    Retry,
    Stats,
    Task,
    TaskEvent,
    TaskPage,
)
from runner.client.tasks import Tasks, open_tasks

__all__ = [
    "Attempt",
    "CleanedCounts",
    "EnqueuedId",
    "EnqueuedTask",
    "NewTask",
    "Retry",
    "Stats",
    "Task",
    "TaskClientError",
    "TaskConflictError",
    "TaskEvent",
    "TaskFailedError",
    "TaskNotFoundError",
    "TaskPage",
    "TaskRefusedError",
    "Tasks",
    "TasksUnavailableError",
    "open_tasks",
]
