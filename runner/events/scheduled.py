"""The scheduled event.

Must not know who schedules.
"""

from __future__ import annotations

import msgspec


class ScheduledEvent(msgspec.Struct, frozen=True, tag="scheduled", rename="camel", gc=False):
    """``eventJson`` of the boundary."""

    id: str
    cron: str
    scheduled_time: int
    """Milliseconds since the epoch."""


def encode_scheduled(event: ScheduledEvent) -> bytes:
    return msgspec.json.encode(event)
