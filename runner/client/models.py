"""Tasks as programs see them. What a newer runner says beside this is not looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

_NULL: Final = msgspec.Raw(b"null")
Status = Literal["pending", "running", "completed", "failed", "cancelled", "paused"]


class _Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """camelCase in JSON; what is not said is not sent."""


class Retry(_Model, frozen=True, kw_only=True):
    """How long a task that failed waits: ``fixed``, ``linear`` (times the attempts) or ``exponential`` (times ``factor`` each)."""

    kind: Literal["fixed", "linear", "exponential"] = "exponential"
    delay_ms: int = 1_000
    max_delay_ms: int = 3_600_000
    factor: float = 2.0
    jitter: float = 0.2


class NewTask(_Model, frozen=True, kw_only=True):
    """A task of a worker of the tenant."""

    worker: str
    """Its name or id."""
    type: str | None = None
    """Chooses the handler in the worker's ``tasks``; None: its ``task``."""
    payload: Any = None
    queue: str = "default"
    key: str | None = None
    """While a task with this key is live, enqueueing it again gives that one."""
    concurrency_key: str | None = None
    priority: int = 0
    """Higher comes first; -100 to 100."""
    scheduled_at: datetime | None = None
    """Not before; aware."""
    delay_s: float | None = None
    max_attempts: int | None = None
    retry: Retry | None = None
    timeout_ms: int | None = None


class Attempt(_Model, frozen=True, kw_only=True):
    """An attempt that went wrong."""

    attempt: int
    at: datetime
    error: str
    reason: str = ""
    by: str | None = None


class Task(_Model, frozen=True, kw_only=True):
    """A task as it is now. Tasks of lists have neither payload nor result nor errors."""

    id: UUID
    queue: str
    status: Status
    worker: UUID | None = None
    script: str | None = None
    type: str | None = None
    key: str | None = None
    concurrency_key: str | None = None
    priority: int = 0
    payload: msgspec.Raw = _NULL
    """JSON."""
    result: msgspec.Raw = _NULL
    error: str | None = None
    errors: list[Attempt] = []
    attempts: int = 0
    max_attempts: int | None = None
    scheduled_at: datetime
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.status in {"completed", "failed", "cancelled"}

    def value(self, shape: Any = Any) -> Any:
        """Return the result, in the shape (a type) that is wanted; None when there is none.

        Raises
        ------
        msgspec.ValidationError
            It has another shape.

        """
        return None if self.result == _NULL else msgspec.json.decode(self.result, type=shape)


class EnqueuedTask(_Model, frozen=True, kw_only=True):
    """``created`` is false when the key led to a task that is live."""

    task: Task
    created: bool


class EnqueuedId(_Model, frozen=True, kw_only=True):
    """What became of one of many."""

    id: UUID
    created: bool


class TaskPage(_Model, frozen=True, kw_only=True):
    """Tasks, the newest first; ``cursor`` leads to those before, None when there are none."""

    tasks: list[Task]
    cursor: str | None = None


class Stats(_Model, frozen=True, kw_only=True):
    """How many tasks are in each state."""

    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    paused: int
    total: int


class CleanedCounts(_Model, frozen=True, kw_only=True):
    """How many tasks were removed."""

    completed: int
    failed: int
    cancelled: int


class TaskEvent(_Model, frozen=True, kw_only=True):
    """One step of one task."""

    event: Literal["created", "started", "completed", "failed", "retrying", "cancelled"]
    task_id: UUID
    queue: str
    type: str | None = None
    key: str | None = None
    attempt: int = 0
    by: str | None = None
    duration_ms: float | None = None
    error: str | None = None
    reason: str | None = None
    retry_in_s: float | None = None
