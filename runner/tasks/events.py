"""What happens to tasks, told to who subscribed in this process.

Told after the commit, by the process that made it; nobody is waited for. Tasks that SQL inserts are not told as created.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

EventKind: TypeAlias = Literal["created", "started", "completed", "failed", "retrying", "cancelled"]
_MAX_WAITING: Final = 10_000


class TaskEvent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False
):
    """One step of one task. ``taskId`` leads to the rest; payloads and results are not told."""

    event: EventKind
    task_id: UUID
    tenant: UUID
    queue: str
    kind: str
    type: str | None = None
    key: str | None = None
    attempt: int = 0
    by: str | None = None
    """The executor."""
    duration_ms: float | None = None
    error: str | None = None
    reason: str | None = None
    retry_in_s: float | None = None
    """``retrying``: from now on."""


class TaskEvents:
    """Hands events on, at once and in order."""

    def __init__(self) -> None:
        self._hearers: list[Callable[[TaskEvent], None]] = []

    @property
    def heard(self) -> bool:
        """Somebody listens: making an event is worth it."""
        return bool(self._hearers)

    def tell(self, event: TaskEvent) -> None:
        for hear in self._hearers:
            hear(event)

    def add(self, hear: Callable[[TaskEvent], None]) -> None:
        """Call ``hear`` for each event from now on; it may neither fail nor wait."""
        self._hearers.append(hear)

    def remove(self, hear: Callable[[TaskEvent], None]) -> None:
        self._hearers.remove(hear)

    def subscribe(self, *, most_waiting: int = _MAX_WAITING) -> Subscription:
        """Return a subscription, which hears from ``with`` on."""
        return Subscription(self, most_waiting)


class Subscription:
    """``with`` listens, ``async for`` hears; who falls behind by more than ``most_waiting`` loses the oldest, counted in ``lost``."""

    def __init__(self, events: TaskEvents, most_waiting: int) -> None:
        self._events = events
        self._most = most_waiting
        self._waiting: deque[TaskEvent] = deque()
        self._filled = asyncio.Event()
        self.lost = 0

    def __enter__(self) -> Self:
        self._events.add(self._hear)
        return self

    def __exit__(self, *error: object) -> None:
        self._events.remove(self._hear)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TaskEvent:
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.popleft()

    def take(self) -> list[TaskEvent]:
        """Return what was heard and not read yet, without waiting."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def _hear(self, event: TaskEvent) -> None:
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(event)
        self._filled.set()
