"""Schedules that make tasks: what they are, and which instants fire.

Expressions are those of ``runner.schedules.cron``: seconds first where there are six fields. Must not know when it is asked.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from runner.errors import CronError, NotFoundError
from runner.schedules.cron import parse_cron
from runner.tasks.encoding import encode_json
from runner.tasks.enqueuing import TaskIds, check_task
from runner.tasks.errors import ScheduleExistsError, TaskRefusedError, TasksLimitError

if TYPE_CHECKING:
    from runner.schedules.cron import Cron
    from runner.tasks.lines import Line, Lines
    from runner.tasks.room import PendingRoom
    from runner.tasks.task import Kind, NewTask

_log = logging.getLogger(__name__)
Missed: TypeAlias = Literal["skip", "once", "all"]
ON_TIME: Final = timedelta(seconds=10)
"""An instant that is noticed later than this was missed."""
MOST_AT_ONCE: Final = 1000
"""Instants of one schedule that fire together; further ones of ``all`` at the next look."""
BATCH: Final = 100
_MAX_OPTIONS: Final = 256 << 10
_MAX_REASON: Final = 1000


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """``task`` is what it makes; its ``key`` and ``scheduled_at`` do not count.

    ``missed``: what becomes of instants that no scheduler was there for: ``skip`` none of them, ``once`` one run for all, ``all`` each.
    """

    name: str
    cron: str
    task: NewTask
    timezone: str = "UTC"
    missed: Missed = "once"
    paused: bool = False


class Schedule(msgspec.Struct, frozen=True):
    """A row as it is read."""

    id: UUID
    tenant: UUID
    name: str
    cron: str
    timezone: str
    missed: Missed
    paused: bool
    queue: str
    kind: Kind
    script: str | None
    worker: UUID | None
    type: str | None
    next_run: datetime | None
    last_run: datetime | None
    refused: str | None
    """Why it can not be used; None for all that can."""
    created_at: datetime


class Fired(NamedTuple):
    """A task that a schedule made."""

    id: UUID
    tenant: UUID
    queue: str
    kind: str
    type: str | None


class TaskSchedules:
    """Every method raises ``DatabaseUnavailableError`` when the database is away."""

    def __init__(self, lines: Lines, max_payload_bytes: int, room: PendingRoom) -> None:
        self._lines = lines
        self._room = room
        self._max_payload = max_payload_bytes
        self._ids = TaskIds()

    async def add(self, schedule: NewSchedule) -> UUID:
        """Add a schedule; it fires from now on.

        Raises
        ------
        CronError
            The expression is none, it never fires, or the time zone is unknown.
        TaskRefusedError
            The task can not be.
        ScheduleExistsError
            The tenant has one of that name.

        """
        found = await self._write("add_schedule", schedule)
        if found is None:
            raise ScheduleExistsError(schedule.name)
        return found

    async def put(self, schedule: NewSchedule) -> UUID:
        """Add a schedule, or change the one of that name: another cron or time zone counts from now on. Raises as ``add``."""
        found = await self._write("set_schedule", schedule)
        assert found is not None
        return found

    async def _write(self, query: str, schedule: NewSchedule) -> UUID | None:
        task = schedule.task
        if not 1 <= len(schedule.name) <= 255 or "\0" in schedule.name:
            raise TaskRefusedError("name", "is 1 to 255 characters")
        if schedule.missed not in {"skip", "once", "all"}:
            raise TaskRefusedError("missed", "is skip, once or all")
        parse_cron(schedule.cron, schedule.timezone)
        check_task(task)
        async with self._lines.lend() as line:
            row = await line.first(
                query,
                tenant=task.tenant, name=schedule.name, cron=schedule.cron, timezone=schedule.timezone,
                missed=schedule.missed, paused=schedule.paused, queue=task.queue, kind=task.kind, script=task.script,
                worker=task.worker, type=task.type, concurrency_key=task.concurrency_key, priority=task.priority,
                payload=encode_json("payload", task.payload, self._max_payload),
                options=encode_json("options", task.options, _MAX_OPTIONS),
                max_attempts=task.max_attempts, retry=encode_json("retry", task.retry, _MAX_OPTIONS),
                timeout_ms=task.timeout_ms,
            )  # fmt: skip
        return None if row is None else UUID(f"{row[0]}")

    async def all(self, tenant: UUID | None = None) -> list[Schedule]:
        async with self._lines.lend() as line:
            return [Schedule(*row) for row in await line.rows("schedules", tenant=tenant, id=None)]

    async def get(self, schedule: UUID, tenant: UUID | None = None) -> Schedule:
        async with self._lines.lend() as line:
            row = await line.first("schedules", tenant=tenant, id=schedule)
        if row is None:
            raise NotFoundError("schedule", str(schedule))
        return Schedule(*row)

    async def pause(self, schedule: UUID, tenant: UUID | None = None) -> None:
        await self._change("pause_schedule", schedule, tenant, paused=True)

    async def resume(self, schedule: UUID, tenant: UUID | None = None) -> None:
        """Fire again from now on; what was not fired meanwhile was not missed."""
        await self._change("pause_schedule", schedule, tenant, paused=False)

    async def remove(self, schedule: UUID, tenant: UUID | None = None) -> None:
        """Remove it; the tasks that it made stay."""
        await self._change("remove_schedule", schedule, tenant)

    async def _change(self, query: str, schedule: UUID, tenant: UUID | None, **values: Any) -> None:
        async with self._lines.lend() as line:
            if not await line.run(query, id=schedule, tenant=tenant, **values):
                raise NotFoundError("schedule", str(schedule))

    async def plan(self, now: datetime | None) -> int:
        """Find the next instant of schedules that have none; return how many there were."""
        async with self._lines.transaction() as line:
            rows = await line.rows("unplanned_schedules", most=BATCH, now=now)
            plans: list[tuple[UUID, datetime | None, datetime | None]] = []
            for schedule, text, zone, at in rows:
                cron = await _read(line, schedule, text, zone)
                if cron is not None:
                    following = cron.after(at)
                    if following is None:
                        await _refuse(line, schedule, CronError(text, "it never fires"))
                    else:
                        plans.append((schedule, following, None))
            await _plan(line, plans)
        return len(rows)

    async def fire(self, now: datetime | None) -> tuple[list[Fired], bool]:
        """Make the tasks of schedules that are due; return them, and whether there may be more."""
        async with self._lines.transaction() as line:
            rows = await line.rows("due_schedules", most=BATCH, now=now)
            plans: list[tuple[UUID, datetime | None, datetime | None]] = []
            fires: list[tuple[UUID, datetime]] = []
            more = len(rows) == BATCH
            for schedule, tenant, text, zone, missed, planned, at in rows:
                cron = await _read(line, schedule, text, zone)
                if cron is None:
                    continue
                dues, following = choose(cron, planned, at, missed)
                if not await self._has_room(schedule, tenant, len(dues)):
                    dues = []
                fires += [(schedule, due) for due in dues]
                plans.append((schedule, following, dues[-1] if dues else None))
                more = more or (following is not None and following <= at)
            fired = await line.rows(
                "fire_schedules",
                ids=[self._ids.make() for _ in fires],
                schedules=[schedule for schedule, _ in fires],
                dues=[due for _, due in fires],
                now=now,
            ) if fires else []  # fmt: skip
            await _plan(line, plans)
        return [Fired(*row) for row in fired], more

    async def _has_room(self, schedule: UUID, tenant: UUID, number: int) -> bool:
        try:
            await self._room.take([tenant] * number)
        except TasksLimitError as error:
            _log.warning("schedule %s: %d tasks are not made: %s", schedule, number, error)
            return False
        return True

    async def soonest_s(self, now: datetime | None) -> float | None:
        """Return the seconds until the next instant of any; None when there is none."""
        async with self._lines.lend() as line:
            row = await line.first("soonest_schedule", now=now)
        assert row is not None
        value: float | None = row[0]
        return value


def choose(
    cron: Cron, planned: datetime, now: datetime, missed: Missed
) -> tuple[list[datetime], datetime | None]:
    """Return which instants from ``planned`` until ``now`` fire, in order, and the one after them."""
    if missed == "all":
        dues: list[datetime] = []
        following: datetime | None = planned.astimezone(UTC)
        while following is not None and following <= now and len(dues) < MOST_AT_ONCE:
            dues.append(following)
            following = cron.after(following)
        return dues, following
    young = max(planned.astimezone(UTC) - timedelta(microseconds=1), now - ON_TIME)
    dues = []
    following = cron.after(young)
    while following is not None and following <= now:
        dues.append(following)
        following = cron.after(following)
    if not dues and missed == "once":
        last = cron.until(now)
        # A tool may have planned what the expression does not say.
        dues = [planned.astimezone(UTC) if last is None or last < planned else last]
    return dues, following


async def _read(line: Line, schedule: UUID, text: str, zone: str) -> Cron | None:
    try:
        return parse_cron(text, zone)
    except CronError as error:
        await _refuse(line, schedule, error)
        return None


async def _refuse(line: Line, schedule: UUID, error: CronError) -> None:
    reason = str(error)[:_MAX_REASON].replace("\0", "\ufffd")
    await line.run("refuse_schedule", id=schedule, reason=reason)


async def _plan(line: Line, plans: list[tuple[UUID, datetime | None, datetime | None]]) -> None:
    if plans:
        ids, nexts, lasts = map(list, zip(*plans, strict=True))
        await line.run("plan_schedules", ids=ids, nexts=nexts, lasts=lasts)
