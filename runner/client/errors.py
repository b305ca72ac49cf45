"""What goes wrong between a program and the queue, or (:class:`TaskFailedError`) in a task whose result is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.client.models import Task


class TaskClientError(Exception):
    """Base of the errors of this package; ``status`` is what the runner answered, 0 when it did not."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class TaskRefusedError(TaskClientError):
    """What was asked for can not be."""


class TaskNotFoundError(TaskClientError):
    """There is no such task, worker or tenant."""


class TaskConflictError(TaskClientError):
    """The task is in a state in which this can not be done to it."""


class TasksUnavailableError(TaskClientError):
    """The runner or its database is away. Whether a task was enqueued is not known: its ``key`` makes it safe to try again."""


class TaskFailedError(TaskClientError):
    """A task whose result is wanted has none: it failed, was cancelled, or has not ended in time."""

    def __init__(self, task: Task) -> None:
        self.task = task
        super().__init__(f"task {task.id} is {task.status}: {task.error or 'it has not ended'}")
