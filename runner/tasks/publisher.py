"""Events of tasks to NATS: ``isolane.task.<event>``, JSON. Nobody waits for them, nothing is kept for later.

Must not know who listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from runner.errors import NatsUnavailableError
from runner.tasks.events import Subscription

if TYPE_CHECKING:
    from runner.nats.connection import Bus
    from runner.tasks.events import TaskEvents

SUBJECT: Final = "isolane.task."


class TaskEventPublisher:
    """Publishes what happens while :meth:`run` runs."""

    def __init__(self, bus: Bus, events: TaskEvents) -> None:
        self._bus = bus
        self._events: Subscription = events.subscribe()
        self.lost = 0
        """Events that NATS was not there for."""

    async def run(self) -> None:
        with self._events as events:
            async for event in events:
                if not self._bus.connected:
                    self.lost += 1
                    continue
                try:
                    await self._bus.publish(SUBJECT + event.event, msgspec.json.encode(event))
                except (NatsUnavailableError, ValueError):
                    self.lost += 1
