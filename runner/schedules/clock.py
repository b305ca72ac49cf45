"""The time of day, and waiting for it: an interface, so that tests need not wait."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from asyncio import Event

_EARLY_S: Final = 0.001


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...

    async def wait(self, event: Event, timeout_s: float) -> None:
        """Wait until the event is set, or so much time has passed."""
        ...


class SystemClock:
    """The machine's."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait(self, event: Event, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            # Timers may come a little early, and then there would be nothing to do yet.
            async with asyncio.timeout(timeout_s + _EARLY_S):
                await event.wait()
