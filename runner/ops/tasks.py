"""The ``tasks`` op: durable tasks of the worker that a binding leads to.

Who has the binding sees and changes that worker's tasks, and no others. Must not know SQL.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from runner.bindings import TasksBinding
from runner.errors import (
    ConflictError,
    DatabaseUnavailableError,
    NotFoundError,
    OpError,
    RefusedError,
)
from runner.ops.granted import granted
from runner.ops.turns import Turns
from runner.records import mend_surrogates
from runner.tasks.policy import RetryPolicy
from runner.tasks.task import DEFAULT_QUEUE, NewTask

if TYPE_CHECKING:
    from runner.ops.registry import OpCall
    from runner.tasks.engine import TaskEngine
    from runner.tasks.task import Task

_AT_ONCE: Final = 3
"""Of one tenant: the engine has a few connections for all."""
_WITHIN_S: Final = 10.0
"""From the call to the answer, however many of the tenant's own come first."""
_MAX_MANY: Final = 100
_MAX_REASON: Final = 1000


class _Retry(msgspec.Struct, frozen=True, rename="camel"):
    kind: str | None
    delay: float | None
    max_delay: float | None
    factor: float | None
    jitter: float | None


class _NewTask(msgspec.Struct, frozen=True, rename="camel"):
    type: str | None
    json: str
    queue: str | None
    key: str | None
    concurrency_key: str | None
    priority: float | None
    max_attempts: float | None
    timeout: float | None
    delay: float | None
    scheduled_at: float | None
    retry: _Retry | None


class _Action(msgspec.Struct, frozen=True, tag_field="action", rename="camel"):
    binding: str


class _Enqueue(_Action, frozen=True, tag="enqueue"):
    tasks: list[_NewTask]


class _Get(_Action, frozen=True, tag="get"):
    id: str


class _Cancel(_Action, frozen=True, tag="cancel"):
    id: str
    reason: str | None


class _Retried(_Action, frozen=True, tag="retry", rename="camel"):
    id: str
    reset_attempts: bool


_Args = _Enqueue | _Get | _Cancel | _Retried


class Tasks:
    """The handler."""

    def __init__(self, engine: TaskEngine) -> None:
        self._engine = engine
        self._turns = Turns(_AT_ONCE)

    async def __call__(self, call: OpCall) -> None:
        args: _Args = call.args(_Args)  # type: ignore[arg-type]
        binding = granted(call, args.binding, TasksBinding)
        call.note("messaging.operation.name", f"{args.__struct_config__.tag}")
        tenant = call.execution.deployment.tenant
        try:
            async with asyncio.timeout(_WITHIN_S), self._turns.of(tenant):
                answer = await self._act(call, args, _Place(UUID(tenant), UUID(binding.worker)))
        except (RefusedError, ConflictError) as error:
            raise OpError("Error", f"tasks: {error}") from error
        except TimeoutError:
            message = "tasks are not available: the database does not answer"
            raise OpError("Error", message) from None
        except DatabaseUnavailableError as error:
            message = "tasks are not available: the database can not be reached"
            raise OpError("Error", message) from error
        call.resolve(answer)

    async def _act(self, call: OpCall, args: _Args, place: _Place) -> object:
        match args:
            case _Enqueue():
                if not 1 <= len(args.tasks) <= _MAX_MANY:
                    raise OpError("RangeError", f"tasks: 1 to {_MAX_MANY} can be enqueued at once")
                trace = None if call.trace is None else call.trace.traceparent
                tasks = [_new_task(one, place, trace) for one in args.tasks]
                done = await self._engine.enqueue_many(tasks)
                return [{"id": one.id, "created": one.created} for one in done]
            case _Get():
                task = await self._find(args.id, place)
                return None if task is None else _view(task)
            case _Cancel():
                task = await self._need(args.id, place)
                reason = (args.reason or "it was cancelled")[:_MAX_REASON].replace("\0", "\ufffd")
                return _view(await self._engine.cancel(task.id, place.tenant, reason=reason))
            case _Retried():
                task = await self._need(args.id, place)
                reset = args.reset_attempts
                return _view(await self._engine.retry(task.id, place.tenant, reset_attempts=reset))

    async def _find(self, text: str, place: _Place) -> Task | None:
        try:
            task = await self._engine.get(UUID(text), place.tenant)
        except (ValueError, NotFoundError):
            return None
        return task if task.worker == place.worker else None

    async def _need(self, text: str, place: _Place) -> Task:
        task = await self._find(text, place)
        if task is None:
            raise OpError("Error", f"tasks: there is no task {text[:64]!r}")
        return task


class _Place(msgspec.Struct, frozen=True):
    """Whose tasks, and of which worker."""

    tenant: UUID
    worker: UUID


def _new_task(given: _NewTask, place: _Place, trace: str | None) -> NewTask:
    return NewTask(
        kind="worker",
        tenant=place.tenant,
        worker=place.worker,
        queue=DEFAULT_QUEUE if given.queue is None else given.queue,
        type=given.type,
        key=given.key,
        concurrency_key=given.concurrency_key,
        priority=_whole("priority", given.priority, 0) or 0,
        payload=msgspec.Raw(mend_surrogates(given.json.encode())),
        scheduled_at=_due(given),
        max_attempts=_whole("maxAttempts", given.max_attempts, None),
        retry=None if given.retry is None else _policy(given.retry),
        timeout_ms=_whole("timeout", given.timeout, None),
        trace=trace,
    )


def _due(given: _NewTask) -> datetime | None:
    if given.delay is not None and given.scheduled_at is not None:
        raise OpError("TypeError", "tasks: scheduledAt and delay exclude each other")
    try:
        if given.scheduled_at is not None:
            return datetime.fromtimestamp(given.scheduled_at / 1000, UTC)
        if given.delay is not None:
            return datetime.now(UTC) + timedelta(milliseconds=max(given.delay, 0))
    except (ValueError, OverflowError, OSError):
        raise OpError("RangeError", "tasks: that time is beyond the year 9999") from None
    return None


def _policy(given: _Retry) -> RetryPolicy:
    if given.kind not in {None, "fixed", "linear", "exponential"}:
        raise OpError("TypeError", "tasks: retry.kind is fixed, linear or exponential")
    fields: dict[str, Any] = {
        "kind": given.kind,
        "delay_ms": _whole("retry.delay", given.delay, None),
        "max_delay_ms": _whole("retry.maxDelay", given.max_delay, None),
        "factor": given.factor,
        "jitter": given.jitter,
    }
    try:
        return RetryPolicy(**{name: value for name, value in fields.items() if value is not None})
    except ValueError as error:
        raise OpError("RangeError", f"tasks: retry: {error}") from None


def _whole(name: str, value: float | None, default: int | None) -> int | None:
    if value is None:
        return default
    if value != int(value):
        raise OpError("RangeError", f"tasks: {name} must be an integer")
    return int(value)


def _view(task: Task) -> dict[str, Any]:
    """Return a task as JavaScript sees it; times are text, as in JSON."""
    return {
        "id": task.id, "type": task.type, "queue": task.queue, "key": task.key, "status": task.status,
        "priority": task.priority, "payload": task.payload, "result": task.result, "error": task.error,
        "attempts": task.attempts, "maxAttempts": task.max_attempts, "scheduledAt": task.scheduled_at,
        "createdAt": task.created_at, "startedAt": task.started_at, "completedAt": task.completed_at,
    }  # fmt: skip
