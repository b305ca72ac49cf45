"""What stands between stages: a queue with an end at each side.

Must not know stages or events.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from runner.schedules.clock import Clock

CAPACITY: Final = 4096


class Channel:
    """At most ``capacity`` events wait for one taker; whoever gives more waits, too. ``givers``: how many will give."""

    def __init__(self, clock: Clock, givers: int = 1, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._givers = givers
        self._capacity = capacity
        self._left = False
        self._events: deque[Any] = deque()
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def ended(self) -> bool:
        """Whether nothing waits and nothing will come."""
        return self._givers <= 0 and not self._events

    def offer(self, event: Any) -> bool:
        """Give an event if there is room, and a taker."""
        if self._left or len(self._events) >= self._capacity:
            return False
        self._events.append(event)
        self._filled.set()
        return True

    async def give(self, event: Any) -> None:
        """Give an event; wait for room."""
        while not self.offer(event):
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Of the taker: it takes no more."""
        self._left = True

    def leave(self) -> None:
        """Of a giver: there is no more from it."""
        self._givers -= 1
        self._filled.set()

    async def take(self, limit: int, timeout_s: float | None = None) -> list[Any]:
        """Return what waits, up to ``limit``; nothing when the time is over, or nothing will come."""
        if not self._events and self._givers > 0:
            self._filled.clear()
            if timeout_s is None:
                await self._filled.wait()
            else:
                await self._clock.wait(self._filled, timeout_s)
        events = self._events
        taken = [events.popleft() for _ in range(min(limit, len(events)))]
        if taken:
            self._room.set()
        return taken
