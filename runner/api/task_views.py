"""Tasks, queues and schedules as clients of the API write and see them.

Must not know the queue.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from runner.api.endpoint import Model
from runner.api.errors import invalid
from runner.api.scope import Name
from runner.tasks.policy import RetryPolicy
from runner.tasks.task import DEFAULT_QUEUE, NOBODY, NewTask, Task

MOST_AT_ONCE: Final = 10_000
_LONGEST_DELAY_S: Final = 100 * 366 * 86_400
_NOTHING: Final = msgspec.Raw()
_NULL: Final = msgspec.Raw(b"null")
Status = Literal["pending", "running", "completed", "failed", "cancelled", "paused"]
Ended = Literal["completed", "failed", "cancelled"]
Zoned = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class Retry(Model, frozen=True, kw_only=True):
    """How long a task that failed waits: ``fixed``, ``linear`` (times the attempts) or ``exponential`` (times ``factor`` each)."""

    kind: Literal["fixed", "linear", "exponential"] = "exponential"
    delay_ms: Count = 1_000
    max_delay_ms: Count = 3_600_000
    factor: float = 2.0
    jitter: float = 0.2
    """The part of a delay that chance may take away."""

    def policy(self) -> RetryPolicy:
        try:
            return RetryPolicy(**msgspec.structs.asdict(self))
        except ValueError as error:
            raise invalid(f"retry: {error}") from None


class TaskPlan(Model, frozen=True, kw_only=True):
    """What a task is: of a worker's handler, or (for no tenant) a script below its executor's root."""

    worker: Name | None = None
    """Its name or id."""
    script: str | None = None
    type: str | None = None
    """Chooses the handler in the worker's ``tasks``; null: its ``task``."""
    # A default of its own would have to be in the schema.
    payload: msgspec.Raw = msgspec.field(default_factory=lambda: _NOTHING)
    """Any JSON up to 1 MiB."""
    queue: str = DEFAULT_QUEUE
    concurrency_key: str | None = None
    priority: int = 0
    """Higher comes first."""
    max_attempts: int | None = None
    retry: Retry | None = None
    timeout_ms: int | None = None

    def task(self, tenant: UUID, worker: UUID | None, **more: Any) -> NewTask:
        """Return it as the queue takes it; ``worker`` is the id of the worker that is named."""
        return NewTask(
            kind="script" if worker is None else "worker",
            tenant=tenant,
            queue=self.queue,
            script=self.script,
            worker=worker,
            type=self.type,
            concurrency_key=self.concurrency_key,
            priority=self.priority,
            payload=self.payload if bytes(self.payload) else None,
            max_attempts=self.max_attempts,
            retry=None if self.retry is None else self.retry.policy(),
            timeout_ms=self.timeout_ms,
            **more,
        )


class TaskToEnqueue(TaskPlan, frozen=True, kw_only=True):
    """A task, and when: now, not before ``scheduledAt``, or in ``delayS`` seconds."""

    key: str | None = None
    """While a task of the tenant with this key is live, enqueueing it again gives that one."""
    scheduled_at: Zoned | None = None
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_DELAY_S)] | None = None

    def new_task(self, tenant: UUID, worker: UUID | None) -> NewTask:
        due = self.scheduled_at
        if self.delay_s is not None:
            if due is not None:
                raise invalid("scheduledAt and delayS exclude each other")
            due = datetime.now(UTC) + timedelta(seconds=self.delay_s)
        return self.task(tenant, worker, key=self.key, scheduled_at=due)


class TasksToEnqueue(Model, frozen=True, kw_only=True):
    """Many tasks; all are enqueued, or none."""

    tasks: Annotated[list[TaskToEnqueue], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class AttemptView(Model, frozen=True, kw_only=True):
    """An attempt that went wrong."""

    attempt: int
    at: datetime
    error: str
    reason: str
    """``exception``, ``timeout``, ``lost``, ...: in a word."""
    by: str | None
    """The executor."""


class TaskSummary(Model, frozen=True, kw_only=True):
    """A task, without what may be long."""

    id: UUID
    tenant: UUID | None
    """Null for tasks that are no tenant's."""
    queue: str
    kind: Literal["script", "worker", "http"]
    script: str | None
    worker: UUID | None
    type: str | None
    key: str | None
    concurrency_key: str | None
    priority: int
    status: Status
    error: str | None
    attempts: int
    max_attempts: int | None
    """Null: what the queue says, else 3, or 1 for scripts."""
    scheduled_at: datetime
    leased_by: str | None
    """The executor of the last attempt."""
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class TaskView(TaskSummary, frozen=True, kw_only=True):
    """All of a task."""

    payload: msgspec.Raw
    """JSON; null when there is none."""
    result: msgspec.Raw
    errors: list[AttemptView]
    """Of every attempt that went wrong, the first one first."""
    retry: Retry | None
    timeout_ms: int | None
    schedule: UUID | None
    """The one that made it, for the instant ``dueAt``."""
    due_at: datetime | None
    leased_until: datetime | None


class EnqueuedView(Model, frozen=True, kw_only=True):
    """``created`` is false when the key led to a task that is live."""

    task: TaskView
    created: bool


class EnqueuedIdView(Model, frozen=True, kw_only=True):
    """What became of one of many."""

    id: UUID
    created: bool


class TasksQuery(Model, frozen=True, kw_only=True):
    """Which tasks, the newest first; ``type`` may be a glob (``email:*``), ``cursor`` is that of the page before."""

    queue: str | None = None
    status: Status | None = None
    kind: Literal["script", "worker", "http"] | None = None
    type: str | None = None
    key: str | None = None
    cursor: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class TasksPage(Model, frozen=True, kw_only=True):
    """Tasks; ``cursor`` is null when no older ones follow."""

    tasks: list[TaskSummary]
    cursor: str | None


class WaitQuery(Model, frozen=True, kw_only=True):
    """How long to wait for the task to end."""

    wait_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0


class CancelReason(Model, frozen=True, kw_only=True):
    """Why; it is the task's error then."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] = "it was cancelled"


class RetryWish(Model, frozen=True, kw_only=True):
    """Without ``resetAttempts`` a task that had all its attempts runs once more."""

    reset_attempts: bool = False


class StatsView(Model, frozen=True, kw_only=True):
    """How many tasks are in each state."""

    pending: int
    running: int
    completed: int
    failed: int
    cancelled: int
    paused: int
    total: int


class StatsQuery(Model, frozen=True, kw_only=True):
    """Of which queue; all."""

    queue: str | None = None


class Cleanup(Model, frozen=True, kw_only=True):
    """Tasks that ended so, longer ago; without ``status`` all that ended. ``dryRun`` only counts them."""

    older_than_s: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_DELAY_S)]
    status: Ended | None = None
    dry_run: bool = False


class Cleaned(Model, frozen=True, kw_only=True):
    """How many tasks were removed, or would be."""

    completed: int
    failed: int
    cancelled: int


def summary_of(task: Task) -> TaskSummary:
    return TaskSummary(**_summary(task))


def view_of(task: Task) -> TaskView:
    retry = task.retry
    return TaskView(
        **_summary(task),
        payload=task.payload or _NULL,
        result=task.result or _NULL,
        errors=[
            AttemptView(
                attempt=one.attempt, at=one.at, error=one.error, reason=one.reason, by=one.by
            )
            for one in task.errors
        ],
        retry=None if retry is None else Retry(**msgspec.structs.asdict(retry)),
        timeout_ms=task.timeout_ms,
        schedule=task.schedule,
        due_at=task.due_at,
        leased_until=task.leased_until,
    )


def _summary(task: Task) -> dict[str, Any]:
    fields = {name: getattr(task, name) for name in TaskSummary.__struct_fields__}
    fields["status"] = task.status.value
    fields["tenant"] = None if task.tenant == NOBODY else task.tenant
    return fields
