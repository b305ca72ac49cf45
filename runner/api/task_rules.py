"""Rules of the durable queue: ``/v1/tasks/queues`` for all tenants, ``.../tasks/limits`` for one; and schedules that make tasks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

import msgspec

from runner.api.endpoint import Endpoint, Model
from runner.api.errors import invalid
from runner.api.scope import Name, view, views
from runner.api.task_views import Count, Retry, StatsView, TaskPlan
from runner.api.tasks import OF_ALL, OF_TENANT
from runner.tasks.rules import QueueRules, TenantRules
from runner.tasks.schedules import NewSchedule

if TYPE_CHECKING:
    from runner.api.scope import Scope
    from runner.tasks.engine import TaskEngine

_QUEUES: Final = OF_ALL + "/queues"
_SCHEDULES: Final = OF_TENANT + "/schedules"


class QueueLimits(Model, frozen=True, kw_only=True):
    """What holds for a queue, over all tenants and executors; null: no limit, or the default."""

    paused: bool = False
    max_running: Count | None = None
    max_running_per_key: Count = 1
    """Of tasks that share a concurrency key."""
    rate_limit: Count | None = None
    """Starts in ``ratePeriodMs``."""
    rate_period_ms: Count = 1000
    max_attempts: Count | None = None
    retry: Retry | None = None
    timeout_ms: Count | None = None


class QueueView(Model, frozen=True, kw_only=True):
    """A queue that has tasks or rules."""

    queue: str
    rules: QueueLimits
    stats: StatsView


class TenantLimits(Model, frozen=True, kw_only=True):
    """What holds for a tenant in all queues together."""

    paused: bool = False
    max_running: Count | None = None


class QueuesApi:
    """Answers for queues, which tenants share."""

    def __init__(self, engine: TaskEngine) -> None:
        self._engine = engine

    def endpoints(self) -> list[Endpoint]:
        one = _QUEUES + "/{queue}"
        return [
            Endpoint("GET", _QUEUES, self.list_all),
            Endpoint("GET", one, self.get),
            Endpoint("PUT", one, self.put),
            Endpoint("DELETE", one, self.forget),
            Endpoint("POST", one + "/pause", self.pause),
            Endpoint("POST", one + "/resume", self.resume),
        ]

    async def list_all(self) -> list[QueueView]:
        """List the queues that have tasks or rules."""
        stats = await self._engine.stats_of_queues()
        rules = {one.queue: one for one in await self._engine.rules.queues()}
        return [
            QueueView(
                queue=queue,
                rules=_limits(rules.get(queue) or QueueRules(queue=queue)),
                stats=view(stats[queue], StatsView) if queue in stats else _NO_TASKS,
            )
            for queue in sorted(stats.keys() | rules.keys())
        ]

    async def get(self, queue: Name) -> QueueView:
        """Show what holds for a queue, and how many tasks it has."""
        return QueueView(
            queue=queue,
            rules=_limits(await self._engine.rules.queue(queue)),
            stats=view(await self._engine.stats(queue=queue), StatsView),
        )

    async def put(self, queue: Name, body: QueueLimits) -> QueueView:
        """Set all that holds for a queue."""
        fields = msgspec.structs.asdict(body)
        fields["retry"] = None if body.retry is None else body.retry.policy()
        await self._engine.rules.set_queue(QueueRules(queue=queue, **fields))
        return await self.get(queue)

    async def forget(self, queue: Name) -> None:
        """Lift all rules of a queue."""
        await self._engine.rules.forget_queue(queue)

    async def pause(self, queue: Name) -> QueueView:
        """Start nothing more from a queue; what runs goes on."""
        await self._engine.rules.pause_queue(queue)
        return await self.get(queue)

    async def resume(self, queue: Name) -> QueueView:
        """Start tasks of a queue again."""
        await self._engine.rules.resume_queue(queue)
        return await self.get(queue)


class TenantQueuesApi:
    """Answers for what one tenant has in queues, and may do there."""

    def __init__(self, scope: Scope, engine: TaskEngine) -> None:
        self._scope = scope
        self._engine = engine

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", OF_TENANT + "/queues", self.queues),
            Endpoint("GET", OF_TENANT + "/limits", self.get),
            Endpoint("PUT", OF_TENANT + "/limits", self.put),
        ]

    async def queues(self, tenant: Name) -> dict[str, StatsView]:
        """Count a tenant's tasks by queue and state."""
        async with self._scope.of(tenant) as (_, owner):
            pass
        stats = await self._engine.stats_of_queues(owner)
        return {queue: view(one, StatsView) for queue, one in stats.items()}

    async def get(self, tenant: Name) -> TenantLimits:
        """Show what holds for a tenant's tasks."""
        async with self._scope.of(tenant) as (_, owner):
            pass
        return view(await self._engine.rules.tenant(owner), TenantLimits)

    async def put(self, tenant: Name, body: TenantLimits) -> TenantLimits:
        """Pause a tenant's tasks, or limit how many run at once."""
        async with self._scope.of(tenant) as (_, owner):
            pass
        rules = TenantRules(tenant=owner, paused=body.paused, max_running=body.max_running)
        await self._engine.rules.set_tenant(rules)
        return body


class NewTaskSchedule(TaskPlan, frozen=True, kw_only=True):
    """A task that is made again and again. ``cron`` has five fields, or six with the seconds first."""

    name: Name
    cron: str
    timezone: str = "UTC"
    missed: Literal["skip", "once", "all"] = "once"
    """What becomes of instants that no runner was there for."""
    paused: bool = False


class TaskScheduleView(Model, frozen=True, kw_only=True):
    """A schedule that makes tasks."""

    id: UUID
    name: str
    cron: str
    timezone: str
    missed: Literal["skip", "once", "all"]
    paused: bool
    queue: str
    worker: UUID | None
    type: str | None
    next_run: datetime | None
    last_run: datetime | None
    refused: str | None
    """Why it can not be used; null for all that can."""
    created_at: datetime


class TaskSchedulesApi:
    """Answers for schedules that make tasks."""

    def __init__(self, scope: Scope, engine: TaskEngine) -> None:
        self._scope = scope
        self._schedules = engine.schedules

    def endpoints(self) -> list[Endpoint]:
        one = _SCHEDULES + "/{schedule}"
        return [
            Endpoint("GET", _SCHEDULES, self.list_all),
            Endpoint("POST", _SCHEDULES, self.add, status=201),
            Endpoint("PUT", _SCHEDULES, self.put),
            Endpoint("GET", one, self.get),
            Endpoint("DELETE", one, self.remove),
            Endpoint("POST", one + "/pause", self.pause),
            Endpoint("POST", one + "/resume", self.resume),
        ]

    async def list_all(self, tenant: Name) -> list[TaskScheduleView]:
        """List a tenant's schedules."""
        return views(await self._schedules.all(await self._owner(tenant)), TaskScheduleView)

    async def add(self, tenant: Name, body: NewTaskSchedule) -> TaskScheduleView:
        """Make a task at each instant of a cron expression."""
        wanted = await self._wanted(tenant, body)
        number = await self._schedules.add(wanted)
        return view(await self._schedules.get(number, wanted.task.tenant), TaskScheduleView)

    async def put(self, tenant: Name, body: NewTaskSchedule) -> TaskScheduleView:
        """Make a task at each instant of a cron expression; a schedule of that name is replaced."""
        wanted = await self._wanted(tenant, body)
        number = await self._schedules.put(wanted)
        return view(await self._schedules.get(number, wanted.task.tenant), TaskScheduleView)

    async def _wanted(self, tenant: str, body: NewTaskSchedule) -> NewSchedule:
        if body.worker is None or body.script is not None:
            raise invalid("a tenant's task names the worker that runs it, and no script")
        async with self._scope.of(tenant) as (session, owner):
            worker = (await session.workers.get(owner, body.worker)).id
        return NewSchedule(
            name=body.name,
            cron=body.cron,
            task=body.task(owner, worker),
            timezone=body.timezone,
            missed=body.missed,
            paused=body.paused,
        )

    async def get(self, tenant: Name, schedule: UUID) -> TaskScheduleView:
        """Show a schedule."""
        return view(
            await self._schedules.get(schedule, await self._owner(tenant)), TaskScheduleView
        )

    async def remove(self, tenant: Name, schedule: UUID) -> None:
        """Remove a schedule; the tasks that it made stay."""
        await self._schedules.remove(schedule, await self._owner(tenant))

    async def pause(self, tenant: Name, schedule: UUID) -> TaskScheduleView:
        """Make no more tasks."""
        await self._schedules.pause(schedule, await self._owner(tenant))
        return await self.get(tenant, schedule)

    async def resume(self, tenant: Name, schedule: UUID) -> TaskScheduleView:
        """Make tasks again, from now on."""
        await self._schedules.resume(schedule, await self._owner(tenant))
        return await self.get(tenant, schedule)

    async def _owner(self, tenant: str) -> UUID:
        async with self._scope.of(tenant) as (_, owner):
            return owner


_NO_TASKS: Final = StatsView(
    pending=0, running=0, completed=0, failed=0, cancelled=0, paused=0, total=0
)


def _limits(rules: QueueRules) -> QueueLimits:
    fields = msgspec.structs.asdict(rules)
    del fields["queue"]
    fields["retry"] = None if rules.retry is None else Retry(**msgspec.structs.asdict(rules.retry))
    return QueueLimits(**fields)
