"""``.../tasks``: the durable queue, of one tenant (``/v1/tenants/NAME/tasks``) or as a whole (``/v1/tasks``)."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.api.endpoint import Endpoint
from runner.api.errors import invalid
from runner.api.scope import Name, view
from runner.api.task_views import (
    CancelReason,
    Cleaned,
    Cleanup,
    EnqueuedIdView,
    EnqueuedView,
    RetryWish,
    StatsQuery,
    StatsView,
    TasksPage,
    TasksQuery,
    TasksToEnqueue,
    TaskToEnqueue,
    TaskView,
    WaitQuery,
    summary_of,
    view_of,
)
from runner.tasks.table import TaskFilter
from runner.tasks.task import NOBODY, Status, TaskPlace

if TYPE_CHECKING:
    from runner.api.scope import Scope
    from runner.tasks.engine import TaskEngine
    from runner.tasks.task import NewTask

OF_TENANT: Final = "/v1/tenants/{tenant}/tasks"
OF_ALL: Final = "/v1/tasks"
_MAX_BULK_BYTES: Final = 32 << 20
_ENDED: Final = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class TaskDesk:
    """What both doors do; ``tenant`` is whose tasks count, None for everybody's."""

    def __init__(self, engine: TaskEngine) -> None:
        self.engine = engine

    async def enqueue(self, task: NewTask) -> EnqueuedView:
        enqueued = await self.engine.enqueue(task)
        return EnqueuedView(
            task=view_of(await self.engine.get(enqueued.id)), created=enqueued.created
        )

    async def enqueue_many(self, tasks: list[NewTask]) -> list[EnqueuedIdView]:
        enqueued = await self.engine.enqueue_many(tasks)
        return [EnqueuedIdView(id=one.id, created=one.created) for one in enqueued]

    async def page(self, tenant: UUID | None, query: TasksQuery) -> TasksPage:
        which = TaskFilter(
            tenant=tenant,
            queue=query.queue,
            status=None if query.status is None else Status(query.status),
            kind=query.kind,
            type=query.type,
            key=query.key,
        )
        before = None if query.cursor is None else _place(query.cursor)
        # One more tells whether there are more.
        found = await self.engine.leaf(which, before=before, most=query.limit + 1)
        tasks = found[: query.limit]
        cursor = _cursor(tasks[-1].created_at, tasks[-1].id) if len(found) > len(tasks) else None
        return TasksPage(tasks=[summary_of(task) for task in tasks], cursor=cursor)

    async def get(self, task: UUID, tenant: UUID | None, query: WaitQuery) -> TaskView:
        if query.wait_s:
            return view_of(await self.engine.wait(task, tenant, timeout_s=query.wait_s))
        return view_of(await self.engine.get(task, tenant))

    async def cancel(self, task: UUID, tenant: UUID | None, body: CancelReason) -> TaskView:
        return view_of(await self.engine.cancel(task, tenant, reason=body.reason))

    async def retry(self, task: UUID, tenant: UUID | None, body: RetryWish) -> TaskView:
        return view_of(await self.engine.retry(task, tenant, reset_attempts=body.reset_attempts))

    async def stats(self, tenant: UUID | None, query: StatsQuery) -> StatsView:
        return view(await self.engine.stats(tenant, query.queue), StatsView)

    async def clean(self, tenant: UUID | None, body: Cleanup) -> Cleaned:
        step = self.engine.count_ended if body.dry_run else self.engine.clean
        counts = {
            status.value: await step(status, body.older_than_s, tenant)
            if body.status in {None, status.value}
            else 0
            for status in _ENDED
        }
        return Cleaned(**counts)


class TasksApi:
    """Answers for the tasks of one tenant."""

    def __init__(self, scope: Scope, engine: TaskEngine) -> None:
        self._scope = scope
        self._desk = TaskDesk(engine)

    def endpoints(self) -> list[Endpoint]:
        one = OF_TENANT + "/{task}"
        return [
            Endpoint("POST", OF_TENANT, self.enqueue),
            Endpoint("GET", OF_TENANT, self.list_all),
            Endpoint(
                "POST", OF_TENANT + "/bulk", self.enqueue_many, max_body_bytes=_MAX_BULK_BYTES
            ),
            Endpoint("GET", OF_TENANT + "/stats", self.stats),
            Endpoint("POST", OF_TENANT + "/cleanup", self.clean),
            Endpoint("GET", one, self.get),
            Endpoint("POST", one + "/cancel", self.cancel),
            Endpoint("POST", one + "/retry", self.retry),
            Endpoint("POST", one + "/pause", self.pause),
            Endpoint("POST", one + "/resume", self.resume),
        ]

    async def enqueue(self, tenant: Name, body: TaskToEnqueue) -> EnqueuedView:
        """Enqueue a task for a worker's handler."""
        return await self._desk.enqueue((await self._tasks(tenant, [body]))[0])

    async def enqueue_many(self, tenant: Name, body: TasksToEnqueue) -> list[EnqueuedIdView]:
        """Enqueue many tasks, all or none."""
        return await self._desk.enqueue_many(await self._tasks(tenant, body.tasks))

    async def list_all(self, tenant: Name, query: TasksQuery) -> TasksPage:
        """List tasks, the newest first."""
        return await self._desk.page(await self._owner(tenant), query)

    async def get(self, tenant: Name, task: UUID, query: WaitQuery) -> TaskView:
        """Show a task with its result and the errors of its attempts, when it has ended or after a while."""
        return await self._desk.get(task, await self._owner(tenant), query)

    async def cancel(self, tenant: Name, task: UUID, body: CancelReason) -> TaskView:
        """End a task that has not ended; if it runs, its execution is ended."""
        return await self._desk.cancel(task, await self._owner(tenant), body)

    async def retry(self, tenant: Name, task: UUID, body: RetryWish) -> TaskView:
        """Let a task that failed or was cancelled run again, at once."""
        return await self._desk.retry(task, await self._owner(tenant), body)

    async def pause(self, tenant: Name, task: UUID) -> TaskView:
        """Keep a pending task from being run."""
        return view_of(await self._desk.engine.pause(task, await self._owner(tenant)))

    async def resume(self, tenant: Name, task: UUID) -> TaskView:
        """Let a paused task be run."""
        return view_of(await self._desk.engine.resume(task, await self._owner(tenant)))

    async def stats(self, tenant: Name, query: StatsQuery) -> StatsView:
        """Count tasks by their states."""
        return await self._desk.stats(await self._owner(tenant), query)

    async def clean(self, tenant: Name, body: Cleanup) -> Cleaned:
        """Remove tasks that ended long ago."""
        return await self._desk.clean(await self._owner(tenant), body)

    async def _owner(self, tenant: str) -> UUID:
        async with self._scope.of(tenant) as (_, owner):
            return owner

    async def _tasks(self, tenant: str, wanted: list[TaskToEnqueue]) -> list[NewTask]:
        names = {one.worker for one in wanted if one.worker is not None}
        if any(one.worker is None or one.script is not None for one in wanted):
            raise invalid("a tenant's task names the worker that runs it, and no script")
        async with self._scope.of(tenant) as (session, owner):
            workers = {name: (await session.workers.get(owner, name)).id for name in names}
            return [one.new_task(owner, workers[one.worker]) for one in wanted if one.worker]


class AllTasksApi:
    """Answers for everybody's tasks: those of tenants, and scripts, which are nobody's."""

    def __init__(self, engine: TaskEngine) -> None:
        self._desk = TaskDesk(engine)

    def endpoints(self) -> list[Endpoint]:
        one = OF_ALL + "/{task}"
        return [
            Endpoint("POST", OF_ALL, self.enqueue),
            Endpoint("GET", OF_ALL, self.list_all),
            Endpoint("POST", OF_ALL + "/bulk", self.enqueue_many, max_body_bytes=_MAX_BULK_BYTES),
            Endpoint("GET", OF_ALL + "/stats", self.stats),
            Endpoint("POST", OF_ALL + "/cleanup", self.clean),
            Endpoint("GET", one, self.get),
            Endpoint("POST", one + "/cancel", self.cancel),
            Endpoint("POST", one + "/retry", self.retry),
        ]

    async def enqueue(self, body: TaskToEnqueue) -> EnqueuedView:
        """Enqueue a script, for whoever executes scripts."""
        return await self._desk.enqueue(_script(body))

    async def enqueue_many(self, body: TasksToEnqueue) -> list[EnqueuedIdView]:
        """Enqueue many scripts, all or none."""
        return await self._desk.enqueue_many([_script(one) for one in body.tasks])

    async def list_all(self, query: TasksQuery) -> TasksPage:
        """List everybody's tasks, the newest first."""
        return await self._desk.page(None, query)

    async def get(self, task: UUID, query: WaitQuery) -> TaskView:
        """Show anybody's task."""
        return await self._desk.get(task, None, query)

    async def cancel(self, task: UUID, body: CancelReason) -> TaskView:
        """End anybody's task that has not ended."""
        return await self._desk.cancel(task, None, body)

    async def retry(self, task: UUID, body: RetryWish) -> TaskView:
        """Let anybody's task that failed or was cancelled run again."""
        return await self._desk.retry(task, None, body)

    async def stats(self, query: StatsQuery) -> StatsView:
        """Count everybody's tasks by their states."""
        return await self._desk.stats(None, query)

    async def clean(self, body: Cleanup) -> Cleaned:
        """Remove everybody's tasks that ended long ago."""
        return await self._desk.clean(None, body)


def _script(wanted: TaskToEnqueue) -> NewTask:
    if wanted.script is None or wanted.worker is not None:
        raise invalid(
            "without a tenant a task names a script, and no worker",
            "workers' tasks: POST /v1/tenants/NAME/tasks",
        )
    return wanted.new_task(NOBODY, None)


def _cursor(created_at: datetime, task: UUID) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([created_at, task])).decode()


def _place(cursor: str) -> TaskPlace:
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True)
        return TaskPlace(*msgspec.json.decode(text, type=tuple[datetime, UUID]))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise invalid("the cursor is not one of a page's") from None
