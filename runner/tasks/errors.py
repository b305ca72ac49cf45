"""Errors of the durable queue. What goes wrong inside a task is data (an outcome), never one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import ConflictError, RefusedError

if TYPE_CHECKING:
    from uuid import UUID


class TaskRefusedError(RefusedError):
    """A task, rule or schedule can not be as it was asked for; ``field`` names what is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field} {reason}")


class PayloadTooLargeError(TaskRefusedError):
    """A payload has more than ``limit`` bytes as JSON."""

    def __init__(self, field: str, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(field, f"has {size} bytes as JSON, {limit} are allowed")


class TaskStateError(ConflictError):
    """A task is in a state in which this can not be done to it."""

    def __init__(self, task: UUID, verb: str, status: str, allowed: str) -> None:
        self.task = task
        self.verb = verb
        self.status = status
        super().__init__(
            f"Cannot {verb} task in status: {status}. Only {allowed} tasks can be {_past(verb)}."
        )


class TasksLimitError(ConflictError):
    """As many tasks of a tenant wait as may."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} tasks of this tenant wait already, more are not taken")


class ScheduleExistsError(ConflictError):
    """The tenant has a schedule of that name already."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is a schedule {name[:64]!r} already")


def _past(verb: str) -> str:
    return {"cancel": "cancelled", "retry": "retried", "pause": "paused", "resume": "resumed"}[verb]
