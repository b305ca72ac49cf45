"""The table as its users see it: one task, many, how many, and the steps that others than executors may take.

Must not know executors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from runner.errors import NotFoundError
from runner.tasks.errors import TaskStateError
from runner.tasks.globs import like_pattern
from runner.tasks.policy import RetryPolicy
from runner.tasks.task import AttemptError, Status, Task, TaskPlace

if TYPE_CHECKING:
    from datetime import datetime

    from runner.tasks.lines import Lines
    from runner.tasks.task import Kind

_CLEAN_BATCH: Final = 1000


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks; None: all. ``type`` may be a glob."""

    tenant: UUID | None = None
    queue: str | None = None
    status: Status | None = None
    kind: Kind | None = None
    type: str | None = None
    key: str | None = None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks are in each state."""

    pending: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    paused: int = 0
    total: int = 0


class TaskTable:
    """Every method raises ``DatabaseUnavailableError`` when the database is away."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def get(self, task: UUID, tenant: UUID | None) -> Task | None:
        async with self._lines.lend() as line:
            row = await line.first("get", id=task, tenant=tenant)
        return None if row is None else read_task(row)

    async def leaf(
        self, which: TaskFilter, *, before: Task | TaskPlace | None, most: int
    ) -> list[Task]:
        async with self._lines.lend() as line:
            rows = await line.rows(
                "leaf_all" if which.tenant is None else "leaf",
                tenant=which.tenant,
                queue=which.queue,
                status=which.status,
                kind=which.kind,
                type=None if which.type is None else like_pattern(which.type),
                key=which.key,
                before_at=None if before is None else before.created_at,
                before_id=None if before is None else before.id,
                most=most,
            )
        return [read_task(row) for row in rows]

    async def stats(self, tenant: UUID | None, queue: str | None) -> Stats:
        async with self._lines.transaction() as line:
            await line.run("count_by_table")
            rows = await line.rows("stats", tenant=tenant, queue=queue)
        counts = dict(rows)
        return Stats(**counts, total=sum(counts.values()))

    async def stats_of_queues(self, tenant: UUID | None) -> dict[str, Stats]:
        async with self._lines.transaction() as line:
            await line.run("count_by_table")
            rows = await line.rows("stats_of_queues", tenant=tenant)
        counts: dict[str, dict[str, int]] = {}
        for queue, status, count in rows:
            counts.setdefault(queue, {})[status] = count
        return {queue: Stats(**of, total=sum(of.values())) for queue, of in sorted(counts.items())}

    async def cancel(
        self, task: UUID, tenant: UUID | None, reason: str, now: datetime | None
    ) -> Status:
        """End a task that has not ended; return the state that it was in. A lease is void at once."""
        return await self._change(
            task,
            tenant,
            "cancel",
            now,
            come_from=(Status.PENDING, Status.PAUSED, Status.RUNNING),
            to=Status.CANCELLED,
            error=reason,
        )

    async def retry(
        self, task: UUID, tenant: UUID | None, now: datetime | None, *, reset_attempts: bool
    ) -> Status:
        """Let a task that failed or was cancelled run again, now."""
        return await self._change(
            task,
            tenant,
            "retry",
            now,
            come_from=(Status.FAILED, Status.CANCELLED),
            to=Status.PENDING,
            again=True,
            reset=reset_attempts,
        )

    async def pause(self, task: UUID, tenant: UUID | None, now: datetime | None) -> Status:
        return await self._change(
            task, tenant, "pause", now, come_from=(Status.PENDING,), to=Status.PAUSED
        )

    async def resume(self, task: UUID, tenant: UUID | None, now: datetime | None) -> Status:
        return await self._change(
            task, tenant, "resume", now, come_from=(Status.PAUSED,), to=Status.PENDING
        )

    async def _change(
        self, task: UUID, tenant: UUID | None, verb: str, now: datetime | None, *, come_from: tuple[Status, ...], to: Status,
        again: bool = False, reset: bool = False, error: str | None = None,
    ) -> Status:  # fmt: skip
        states = [status.value for status in come_from]
        async with self._lines.transaction() as line:
            row = await line.first(
                "change",
                id=task,
                tenant=tenant,
                to=to,
                again=again,
                reset=reset,
                error=error,
                now=now,
                **{"from": states},
            )
            if row is not None:
                lease, before = row
                if lease is not None:
                    await line.run("tell_cancelled", lease=str(lease))
                if to is Status.PENDING:
                    await line.run("tell_created")
                return Status(before)
            found = await line.first("get", id=task, tenant=tenant)
        if found is None:
            raise NotFoundError("task", str(task))
        raise TaskStateError(task, verb, read_task(found).status, _either(states))

    async def clean(
        self, status: Status, older_s: float, tenant: UUID | None, now: datetime | None
    ) -> int:
        """Delete tasks that ended so in one batch; return how many there were, fewer than 1000 when none are left."""
        async with self._lines.lend() as line:
            return await line.run(
                "clean", status=status, older_s=older_s, tenant=tenant, most=_CLEAN_BATCH, now=now
            )

    async def count_ended(
        self, status: Status, older_s: float, tenant: UUID | None, now: datetime | None
    ) -> int:
        async with self._lines.lend() as line:
            row = await line.first(
                "count_ended", status=status, older_s=older_s, tenant=tenant, now=now
            )
        assert row is not None
        return int(row[0])


CLEAN_BATCH: Final = _CLEAN_BATCH


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def read_task(row: tuple[Any, ...]) -> Task:
    """Return a row of ``get``; what SQL wrote into ``retry`` and ``errors`` by hand may be nothing that we know."""
    columns = dict(zip(Task.__struct_fields__, row, strict=True))
    columns["status"] = Status(columns["status"])
    for name in ("payload", "options", "result"):
        if columns[name] is not None:
            columns[name] = msgspec.Raw(columns[name].encode())
    columns["errors"] = _read(columns["errors"], list[AttemptError]) or []
    columns["retry"] = _read(columns["retry"], RetryPolicy)
    return Task(**columns)


def _read(text: str | None, shape: Any) -> Any:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.MsgspecError:
        return None
