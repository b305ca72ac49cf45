"""What is done again and again, for as long as a runner serves, by any number of runners.

Must not know what is done.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Recurring(ABC):
    """Runs between :meth:`start` and :meth:`stop`, first after about ``every_s``."""

    def __init__(
        self,
        name: str,
        every_s: float,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._every_s = every_s
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def work(self) -> None:
        """Do it once. What it raises ends it for good: what may pass it deals with itself."""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            # Runners that were started together must not come together for ever.
            await self._sleep(self._every_s * random.uniform(0.5, 1.5))  # noqa: S311
            await self.work()
