"""How late the event loop is: whatever blocks it delays every request."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Final

from runner.telemetry.families import Distribution, distribution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.telemetry.families import Family

_EVERY_S: Final = 0.25


class LoopLag:
    """Sets a timer again and again, and notes how late it comes."""

    def __init__(self) -> None:
        self._lateness = Distribution()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        due = perf_counter() + _EVERY_S
        self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self._tick, due)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self, due: float) -> None:
        self._lateness.add(max(0.0, perf_counter() - due))
        self.start()

    def __call__(self) -> Iterable[Family]:
        yield distribution(
            "isolane.event_loop.lag",
            "How late a timer of the runner's event loop comes.",
            (),
            {(): self._lateness},
        )
