"""The durable queue as the rest of the runner sees it: one engine, on one database.

Doors (REST, command line, clients, bindings)::

    async with open_engine(url) as engine:
        enqueued = await engine.enqueue(
            NewTask(kind="worker", worker=worker, type="email:send", payload={"to": "..."})
        )
        task = await engine.wait(enqueued.id, timeout_s=10)
        await engine.cancel(enqueued.id)
        with engine.events.subscribe() as events:
            async for event in events:
                ...

Executors: an :class:`runner.tasks.executor.Executor` gets the engine and a function that runs one task; see there. Maintenance (what a
lost executor left, schedules, retention) is :class:`runner.tasks.duties.Duties`, which every runner may run.

Methods with ``tenant`` see only what is that tenant's; None sees all. All raise ``DatabaseUnavailableError`` when the database is away.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from runner.errors import NotFoundError
from runner.schedules.clock import SystemClock
from runner.tasks.enqueuing import Enqueuer
from runner.tasks.events import TaskEvent, TaskEvents
from runner.tasks.lines import Lines
from runner.tasks.room import PendingRoom
from runner.tasks.rules import Rules
from runner.tasks.schedules import TaskSchedules
from runner.tasks.settlements import Rescue, Settlements
from runner.tasks.table import CLEAN_BATCH, Stats, TaskFilter, TaskTable
from runner.tasks.task import Enqueued, NewTask, Status, Task, TaskPlace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from runner.schedules.clock import Clock

MAX_PAYLOAD_BYTES: Final = 1 << 20
"""Of payloads and results, as JSON."""
_FIRST_LOOK_S: Final = 0.01
_LONGEST_LOOK_S: Final = 0.5


class TaskEngine:
    """See the module. ``clock``: None counts by the database's clock, which all executors share.

    ``most_pending`` tasks of one tenant may wait; 0: any number.
    """

    def __init__(
        self,
        url: str,
        lines: Lines,
        clock: Clock | None = None,
        *,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        most_pending: int = 0,
    ) -> None:
        self.url = url
        self.lines = lines
        self.clock: Clock = clock or SystemClock()
        self._counts = clock is not None
        self.events = TaskEvents()
        self.rules = Rules(lines)
        room = PendingRoom(lines, most_pending)
        self.schedules = TaskSchedules(lines, max_payload_bytes, room)
        self.settlements = Settlements(lines, max_result_bytes=max_payload_bytes)
        self.rescue = Rescue(lines)
        self._enqueuer = Enqueuer(lines, self.events, max_payload_bytes, room)
        self._table = TaskTable(lines)

    def now(self) -> datetime | None:
        """Return the time as statements take it: None is the database's."""
        return self.clock.now() if self._counts else None

    async def enqueue(self, task: NewTask) -> Enqueued:
        """Put one task into its queue.

        Raises
        ------
        TaskRefusedError
            It can not be; ``PayloadTooLargeError`` if that is why.
        TasksLimitError
            As many of its tenant's tasks wait as may.

        """
        return (await self._enqueuer.enqueue([task], self.now()))[0]

    async def enqueue_many(self, tasks: Sequence[NewTask]) -> list[Enqueued]:
        """Put tasks into their queues, all or none. Without keys, thousands are best given at once."""
        return await self._enqueuer.enqueue(tasks, self.now()) if tasks else []

    async def get(self, task: UUID, tenant: UUID | None = None) -> Task:
        """Return a task.

        Raises
        ------
        NotFoundError
            It is not there, or another tenant's.

        """
        found = await self._table.get(task, tenant)
        if found is None:
            raise NotFoundError("task", str(task))
        return found

    async def leaf(
        self,
        which: TaskFilter | None = None,
        *,
        before: Task | TaskPlace | None = None,
        most: int = 100,
    ) -> list[Task]:
        """Return tasks, the newest first; ``before`` is the last one of the page before, or where it stood."""
        return await self._table.leaf(which or TaskFilter(), before=before, most=most)

    async def stats(self, tenant: UUID | None = None, queue: str | None = None) -> Stats:
        return await self._table.stats(tenant, queue)

    async def stats_of_queues(self, tenant: UUID | None = None) -> dict[str, Stats]:
        """Return the stats of each queue that has tasks."""
        return await self._table.stats_of_queues(tenant)

    async def cancel(
        self, task: UUID, tenant: UUID | None = None, *, reason: str = "it was cancelled"
    ) -> Task:
        """End a task that has not ended; if it runs, its executor ends the execution.

        Raises
        ------
        NotFoundError
            It is not there, or another tenant's.
        TaskStateError
            It has ended.

        """
        await self._table.cancel(task, tenant, reason, self.now())
        cancelled = await self.get(task, tenant)
        self._tell(cancelled, reason)
        return cancelled

    async def retry(
        self, task: UUID, tenant: UUID | None = None, *, reset_attempts: bool = False
    ) -> Task:
        """Let a task that failed or was cancelled run again, at once; without ``reset_attempts`` once more if it had all attempts.

        Raises
        ------
        NotFoundError
            It is not there, or another tenant's.
        TaskStateError
            It has not failed and was not cancelled.
        ConflictError
            A task with its key is live.

        """
        await self._table.retry(task, tenant, self.now(), reset_attempts=reset_attempts)
        return await self.get(task, tenant)

    async def pause(self, task: UUID, tenant: UUID | None = None) -> Task:
        """Keep a pending task from being run. Raises as ``cancel``."""
        await self._table.pause(task, tenant, self.now())
        return await self.get(task, tenant)

    async def resume(self, task: UUID, tenant: UUID | None = None) -> Task:
        """Let a paused task be run. Raises as ``cancel``."""
        await self._table.resume(task, tenant, self.now())
        return await self.get(task, tenant)

    async def clean(self, status: Status, older_s: float, tenant: UUID | None = None) -> int:
        """Delete the tasks that ended in a state so long ago; return how many."""
        deleted = 0
        while True:
            batch = await self._table.clean(status, older_s, tenant, self.now())
            deleted += batch
            if batch < CLEAN_BATCH:
                return deleted

    async def count_ended(self, status: Status, older_s: float, tenant: UUID | None = None) -> int:
        """Return how many tasks ``clean`` would delete."""
        return await self._table.count_ended(status, older_s, tenant, self.now())

    async def wait(self, task: UUID, tenant: UUID | None = None, *, timeout_s: float) -> Task:
        """Wait until a task has ended; return it, ended or not when the time is over.

        Raises
        ------
        NotFoundError
            It is not there, or another tenant's.

        """
        heard = asyncio.Event()

        def hear(event: TaskEvent) -> None:
            if event.task_id == task:
                heard.set()

        deadline = asyncio.get_running_loop().time() + timeout_s
        pause_s = _FIRST_LOOK_S
        self.events.add(hear)
        try:
            while True:
                heard.clear()
                found = await self.get(task, tenant)
                left_s = deadline - asyncio.get_running_loop().time()
                if found.status.ended or left_s <= 0:
                    return found
                # Another process may run it, which is not heard here.
                await self.clock.wait(heard, min(pause_s, left_s))
                pause_s = min(pause_s * 2, _LONGEST_LOOK_S)
        finally:
            self.events.remove(hear)

    def _tell(self, task: Task, reason: str) -> None:
        if self.events.heard:
            self.events.tell(
                TaskEvent(
                    event="cancelled", task_id=task.id, tenant=task.tenant, queue=task.queue, kind=task.kind, type=task.type,
                    key=task.key, attempt=task.attempts, by=task.leased_by, reason=reason,
                )
            )  # fmt: skip


@asynccontextmanager
async def open_engine(
    url: str, clock: Clock | None = None, *, most_lines: int = 6, most_pending: int = 0
) -> AsyncIterator[TaskEngine]:
    """Open an engine; its connections are made when they are needed. ``clock`` is for tests."""
    async with Lines(url, most=most_lines) as lines:
        yield TaskEngine(url, lines, clock, most_pending=most_pending)
