"""What happens to tasks, as server-sent events: told over NATS, whichever runner it happens in.

A reader that is too slow loses events, and is told how many. Must not know the queue.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.api.endpoint import Endpoint, Model, Stream
from runner.api.scope import Name
from runner.api.tasks import OF_ALL, OF_TENANT
from runner.tasks.events import EventKind, TaskEvent
from runner.tasks.publisher import SUBJECT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.msg import Msg

    from runner.api.scope import Scope
    from runner.nats.connection import Bus

_MOST: Final = 4096
"""Events that wait for the reader."""
_PING_S: Final = 15.0


class EventsQuery(Model, frozen=True, kw_only=True):
    """Which events: all, or those of one kind, task or queue."""

    event: EventKind | None = None
    task: UUID | None = None
    queue: str | None = None


class TaskFeed:
    """The events that one reader wants, from the moment it was opened on."""

    def __init__(self, tenant: UUID | None, query: EventsQuery) -> None:
        self._tenant = tenant
        self._query = query
        self._waiting: asyncio.Queue[TaskEvent] = asyncio.Queue(_MOST)
        self.lost = 0

    async def take(self, message: Msg) -> None:
        try:
            event = msgspec.json.decode(message.data, type=TaskEvent)
        except msgspec.MsgspecError:
            # Anybody on the bus can say something there.
            return
        query = self._query
        if (
            self._tenant not in {None, event.tenant}
            or query.task not in {None, event.task_id}
            or query.queue not in {None, event.queue}
        ):
            return
        if self._waiting.full():
            self.lost += 1
        else:
            self._waiting.put_nowait(event)

    async def read(self, timeout_s: float) -> bytes:
        """Return the next event as bytes of the stream, or a sign of life when there is none for so long."""
        if self.lost and self._waiting.empty():
            said, self.lost = b": %d events were lost\n\n" % self.lost, 0
            return said
        try:
            async with asyncio.timeout(timeout_s):
                event = await self._waiting.get()
        except TimeoutError:
            return b": ping\n\n"
        return b"event: %b\ndata: %b\n\n" % (event.event.encode(), msgspec.json.encode(event))


class TaskFeedApi:
    """Answers for events of tasks."""

    def __init__(self, scope: Scope, bus: Bus) -> None:
        self._scope = scope
        self._bus = bus
        self._closing: set[asyncio.Task[None]] = set()

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", OF_TENANT + "/events", self.of_tenant),
            Endpoint("GET", OF_ALL + "/events", self.of_all),
        ]

    async def of_tenant(self, tenant: Name, query: EventsQuery) -> Stream:
        """Follow a tenant's tasks as server-sent events."""
        async with self._scope.of(tenant) as (_, owner):
            pass
        return Stream(self._follow(owner, query), "text/event-stream")

    async def of_all(self, query: EventsQuery) -> Stream:
        """Follow everybody's tasks as server-sent events."""
        return Stream(self._follow(None, query), "text/event-stream")

    async def _follow(self, tenant: UUID | None, query: EventsQuery) -> AsyncIterator[bytes]:
        async with self._open(tenant, query) as feed:
            # The client knows from this that it misses nothing any more.
            yield b": following\n\n"
            while True:
                yield await feed.read(_PING_S)

    @asynccontextmanager
    async def _open(self, tenant: UUID | None, query: EventsQuery) -> AsyncIterator[TaskFeed]:
        feed = TaskFeed(tenant, query)
        subscription = await self._bus.subscribe(SUBJECT + (query.event or "*"), feed.take)
        try:
            # From here on the server has it.
            await self._bus.flush()
            yield feed
        finally:
            # A reader that left has no time to wait for it.
            closing = asyncio.get_running_loop().create_task(self._bus.leave(subscription))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
