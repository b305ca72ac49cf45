"""What a task is: as it is enqueued, as it is claimed, as it is read, and how an attempt may end.

Must not know SQL. JSON values are text here; who needs values decodes them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from runner.tasks.policy import RetryPolicy

NOBODY: Final = UUID(int=0)
"""The tenant of tasks that SQL inserts by script."""
DEFAULT_QUEUE: Final = "default"
Kind: TypeAlias = Literal["script", "worker", "http"]


class Status(StrEnum):
    """See the diagram in README.md."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"

    @property
    def ended(self) -> bool:
        return self in {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


class NewTask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A task to be enqueued. ``payload`` and ``options`` are values that JSON has, or ``msgspec.Raw``."""

    kind: Kind = "worker"
    tenant: UUID = NOBODY
    queue: str = DEFAULT_QUEUE
    script: str | None = None
    """For kind ``script``: a path below the executor's root."""
    worker: UUID | None = None
    """For kind ``worker``."""
    type: str | None = None
    """Chooses the handler in a worker's ``tasks``; executors can serve only some (``email:*``)."""
    key: str | None = None
    """Idempotency: while a task of this tenant with this key is live, enqueueing it again gives that one."""
    concurrency_key: str | None = None
    """No more of those that share it run at once than the queue's ``max_running_per_key``, which is 1 if it says nothing."""
    priority: int = 0
    """Higher comes first among the tasks of one tenant in one queue; -100 to 100."""
    payload: Any = None
    options: Any = None
    """What its kind needs beside the payload."""
    scheduled_at: datetime | None = None
    """Not before; aware. None: now."""
    max_attempts: int | None = None
    """None: what the queue says, else 3, or 1 for scripts. One that is said counts lost executors, too."""
    retry: RetryPolicy | None = None
    timeout_ms: int | None = None
    trace: str | None = None
    """A W3C traceparent."""


class Enqueued(msgspec.Struct, frozen=True, gc=False):
    """What became of a task to be enqueued: ``created`` is false when its key led to one that is live."""

    id: UUID
    created: bool


class ClaimedTask(msgspec.Struct, frozen=True, gc=False):
    """A task under a lease of ours. The fields are the columns that ``claim`` returns."""

    id: UUID
    lease_id: UUID
    tenant: UUID
    queue: str
    kind: Kind
    script: str | None
    worker: UUID | None
    type: str | None
    key: str | None
    concurrency_key: str | None
    priority: int
    payload: str | None
    """JSON."""
    options: str | None
    """JSON."""
    attempts: int
    """This one included."""
    max_attempts: int | None
    """Its own or its queue's."""
    retry: str | None
    """JSON; its own or its queue's."""
    timeout_ms: int | None
    """Its own or its queue's."""
    trace: str | None
    created_at: datetime
    scheduled_at: datetime
    started_at: datetime


class TaskPlace(NamedTuple):
    """Where a task stands among all: tasks are leafed through from place to place."""

    created_at: datetime
    id: UUID


class AttemptError(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One attempt that went wrong, as ``errors`` keeps it."""

    attempt: int
    at: datetime
    error: str
    reason: str = ""
    """``exception``, ``timeout``, ``lost``, ...: the executor's word."""
    by: str | None = None


class Task(msgspec.Struct, frozen=True, gc=False):
    """A row as it is read. The fields are the columns that ``get`` returns."""

    id: UUID
    tenant: UUID
    queue: str
    kind: Kind
    script: str | None
    worker: UUID | None
    type: str | None
    key: str | None
    concurrency_key: str | None
    priority: int
    status: Status
    payload: msgspec.Raw | None
    options: msgspec.Raw | None
    result: msgspec.Raw | None
    error: str | None
    errors: list[AttemptError]
    attempts: int
    max_attempts: int | None
    retry: RetryPolicy | None
    timeout_ms: int | None
    trace: str | None
    schedule: UUID | None
    due_at: datetime | None
    scheduled_at: datetime
    leased_until: datetime | None
    leased_by: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class Completed(msgspec.Struct, frozen=True, gc=False):
    """It went well. ``result`` is a value that JSON has, or ``msgspec.Raw``; None is kept as no result."""

    result: Any = None


class Failed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The attempt failed. Without ``final`` the task is tried again while it has attempts left."""

    error: str
    reason: str = "exception"
    final: bool = False
    retry_after_s: float | None = None
    """Instead of what the retry policy says."""
    retry_at: datetime | None = None
    max_attempts: int | None = None
    """The handler's word, for tasks that say nothing, nor their queues."""
    result: Any = None
    """What the attempt gave all the same; kept with the task while it waits for its next attempt, too. As of ``Completed``."""


class Released(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Back to pending: it could not be run here or now. With ``counted`` the attempt counts as one that failed."""

    error: str = ""
    reason: str = "released"
    counted: bool = False
    after_s: float = 0.0


Outcome: TypeAlias = Completed | Failed | Released
"""How an attempt ends. A task that is cancelled or lost has no outcome of its holder's."""
