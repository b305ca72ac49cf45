"""The contract of whatever goes on beside requests: one duty, one class, ``start`` and ``stop``.

A duty takes turns. A turn that the database prevents is taken again; one that fails by an error of ours is logged, and the next one
comes as planned. Must not know what is done.
"""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from runner.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from runner.schedules.clock import Clock

_log = logging.getLogger(__name__)
RETRY_S: Final = 0.25
"""After a turn that the database prevented."""


class Duty(ABC):
    """Runs in the background from :meth:`start` to :meth:`stop`; :meth:`wake` makes the next turn come now."""

    name: str = "duty"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._away = False

    @abstractmethod
    async def turn(self) -> float:
        """Do what there is to do; return the seconds until there may be more.

        Raises
        ------
        DatabaseUnavailableError
            The database is away.

        """

    def start(self) -> None:
        assert self._task is None
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"tasks: {self.name}")

    async def stop(self) -> None:
        """Give up a turn that is under way: each is safe against that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def wake(self) -> None:
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause_s = await self.attempt()
            if self._away:
                # Not to be woken: what wakes us needs the database, too.
                await self.clock.wait(asyncio.Event(), pause_s)
            else:
                await self.clock.wait(self._wake, pause_s)

    async def attempt(self) -> float:
        """Take one turn, whatever comes of it; return the seconds until the next."""
        try:
            pause_s = await self.turn()
        except DatabaseUnavailableError as error:
            if not self._away:
                self._away = True
                _log.warning("%s: waiting for the database: %s", self.name, error)
            return RETRY_S
        except Exception:  # noqa: BLE001 - the next turn may go well
            _log.exception("%s: a turn failed by an error of ours", self.name)
            return 1.0
        if self._away:
            self._away = False
            _log.warning("%s: the database is back", self.name)
        return pause_s


def spread(seconds: float) -> float:
    """Return about so long: what was started together must not come together for ever."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no cryptography
