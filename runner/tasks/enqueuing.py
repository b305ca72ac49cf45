"""Tasks on their way into the table: checked, one statement for many, thousands by COPY.

Must not know what becomes of them.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from runner.errors import ConflictError
from runner.tasks.encoding import encode_json
from runner.tasks.errors import TaskRefusedError
from runner.tasks.events import TaskEvent
from runner.tasks.task import Enqueued

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from runner.tasks.events import TaskEvents
    from runner.tasks.lines import Line, Lines
    from runner.tasks.room import PendingRoom
    from runner.tasks.task import NewTask

_COPY_FROM: Final = 64
"""So many tasks without keys are copied; fewer are one statement."""
_KEY_TRIES: Final = 5
_MAX_OPTIONS: Final = 256 << 10
_LENGTHS: Final = {
    "queue": 100,
    "type": 100,
    "key": 255,
    "concurrency_key": 255,
    "script": 4096,
    "trace": 255,
}
_MAX_TIMEOUT_MS: Final = 2**31 - 1

Row = tuple[Any, ...]
_ID: Final = 0


class TaskIds:
    """Makes ids that grow with time (UUID version 7): new rows stand side by side in the index."""

    def __init__(self) -> None:
        # Seeded by the operating system; ids are unique, not secret.
        self._bits = random.Random().getrandbits  # noqa: S311

    def make(self) -> UUID:
        return UUID(
            int=(time.time_ns() // 1_000_000 << 80)
            | 0x7 << 76
            | self._bits(12) << 64
            | 0b10 << 62
            | self._bits(62)
        )


class Enqueuer:
    """Puts tasks into the table. ``max_payload_bytes``: as JSON."""

    def __init__(
        self, lines: Lines, events: TaskEvents, max_payload_bytes: int, room: PendingRoom
    ) -> None:
        self._lines = lines
        self._room = room
        self._events = events
        self._max_payload = max_payload_bytes
        self._ids = TaskIds()

    async def enqueue(self, tasks: Sequence[NewTask], now: datetime | None) -> list[Enqueued]:
        """Enqueue all or none; tasks of one key in one call are one task.

        Raises
        ------
        TaskRefusedError
            One of them can not be; nothing was enqueued.
        TasksLimitError
            So many of a tenant may not wait; nothing was enqueued.
        DatabaseUnavailableError
            The database is away; whether they were enqueued is not known.

        """
        rows = [self._row(task) for task in tasks]
        await self._room.take(task.tenant for task in tasks)
        if len(tasks) >= _COPY_FROM and all(task.key is None for task in tasks):
            async with self._lines.lend() as line:
                await _copy(line, rows, tasks, now)
            enqueued = [Enqueued(row[_ID], created=True) for row in rows]
        else:
            enqueued = await self._insert(rows, tasks, now)
        if self._events.heard:
            for one, task in zip(enqueued, tasks, strict=True):
                if one.created:
                    self._events.tell(_created(one.id, task))
        return enqueued

    async def _insert(
        self, rows: list[Row], tasks: Sequence[NewTask], now: datetime | None
    ) -> list[Enqueued]:
        done: dict[UUID, Enqueued] = {}
        leaders: dict[tuple[UUID, str], UUID] = {}
        followers: dict[UUID, UUID] = {}
        todo: list[Row] = []
        for row, task in zip(rows, tasks, strict=True):
            if task.key is not None and (task.tenant, task.key) in leaders:
                followers[row[_ID]] = leaders[task.tenant, task.key]
                continue
            if task.key is not None:
                leaders[task.tenant, task.key] = row[_ID]
            todo.append(row)
        async with self._lines.transaction() if len(todo) > 1 else self._lines.lend() as line:
            for _ in range(_KEY_TRIES):
                todo = await _insert_once(line, todo, done, now)
                if not todo:
                    break
            else:
                raise ConflictError("tasks with these keys come and go too fast")
        for row_id, leader in followers.items():
            done[row_id] = Enqueued(done[leader].id, created=False)
        return [done[row[_ID]] for row in rows]

    def _row(self, task: NewTask) -> Row:
        check_task(task)
        retry = task.retry
        return (
            self._ids.make(), task.tenant, task.queue, task.kind, task.script, task.worker, task.type, task.key,
            task.concurrency_key, task.priority,
            encode_json("payload", task.payload, self._max_payload),
            encode_json("options", task.options, _MAX_OPTIONS),
            task.max_attempts,
            None if retry is None else encode_json("retry", retry, _MAX_OPTIONS),
            task.timeout_ms, task.trace, task.scheduled_at,
        )  # fmt: skip


_COLUMNS: Final = (
    "id", "tenant", "queue", "kind", "script", "worker", "type", "key", "concurrency_key", "priority", "payload",
    "options", "max_attempts", "retry", "timeout_ms", "trace", "scheduled_at",
)  # fmt: skip
_KEY: Final = _COLUMNS.index("key")


async def _insert_once(
    line: Line, rows: list[Row], done: dict[UUID, Enqueued], now: datetime | None
) -> list[Row]:
    """Insert rows; return those whose key was live before, and is no more."""
    columns = dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    if not columns:
        return []
    for (row_id,) in await line.rows("enqueue", now=now, **columns):
        done[row_id] = Enqueued(row_id, created=True)
    left = [row for row in rows if row[_ID] not in done]
    if not left:
        return []
    found = await line.rows(
        "by_key", tenant=[row[1] for row in left], key=[row[_KEY] for row in left]
    )
    live = {(tenant, key): row_id for tenant, key, row_id in found}
    again = []
    for row in left:
        existing = live.get((row[1], row[_KEY]))
        if existing is None:
            again.append(row)
        else:
            done[row[_ID]] = Enqueued(existing, created=False)
    return again


async def _copy(
    line: Line, rows: list[Row], tasks: Sequence[NewTask], now: datetime | None
) -> None:
    from datetime import timedelta

    first = await line.first("time", now=now)
    assert first is not None
    # They stand in line one after the other.
    start, step = first[0] - timedelta(microseconds=len(rows)), timedelta(microseconds=1)
    async with line.connection.cursor() as cursor, cursor.copy(line.text("copy")) as copy:
        at = start
        for row in rows:
            at += step
            created = at.isoformat()
            scheduled = row[-1]
            await copy.write_row((
                *row[:_KEY], *row[_KEY + 1 : -1], created if scheduled is None else scheduled, created, created,
            ))  # fmt: skip


def check_task(task: NewTask) -> None:
    """Raise ``TaskRefusedError`` when a task can not be, whatever its payload is."""
    match task.kind:
        case "script" if task.script is None:
            raise TaskRefusedError("script", "is missing")
        case "worker" if task.worker is None:
            raise TaskRefusedError("worker", "is missing")
        case "script" | "worker" | "http":
            pass
        case _:
            raise TaskRefusedError("kind", "is script, worker or http")
    for field, most in _LENGTHS.items():
        value = getattr(task, field)
        if value is None:
            continue
        if len(value) > most:
            raise TaskRefusedError(field, f"has more than {most} characters")
        if not value and field in {"queue", "type"}:
            raise TaskRefusedError(field, "is empty")
        if not value.isascii() or "\0" in value:
            _check_text(field, value)
    if not -100 <= task.priority <= 100:
        raise TaskRefusedError("priority", "is -100 to 100")
    if task.max_attempts is not None and not 1 <= task.max_attempts <= 1000:
        raise TaskRefusedError("max_attempts", "is 1 to 1000")
    if task.timeout_ms is not None and not 1 <= task.timeout_ms <= _MAX_TIMEOUT_MS:
        raise TaskRefusedError("timeout_ms", f"is 1 to {_MAX_TIMEOUT_MS}")
    if task.scheduled_at is not None and task.scheduled_at.tzinfo is None:
        raise TaskRefusedError("scheduled_at", "has no time zone")


def _check_text(field: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise TaskRefusedError(field, "has characters that are none (lone surrogates)") from None
    if "\0" in value:
        raise TaskRefusedError(field, "has a zero character")


def _created(task_id: UUID, task: NewTask) -> TaskEvent:
    return TaskEvent(
        event="created",
        task_id=task_id,
        tenant=task.tenant,
        queue=task.queue,
        kind=task.kind,
        type=task.type,
        key=task.key,
    )
