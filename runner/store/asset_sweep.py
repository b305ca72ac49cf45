"""A duty: removes static files that no version of a worker refers to any more.

Any number of runners may do it at once. Must not know workers.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final

import psycopg

from runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.store.assets import AssetStore

_log = logging.getLogger(__name__)

_EVERY_S: Final = 1200.0


class AssetSweep:
    """Runs between :meth:`start` and :meth:`stop`."""

    def __init__(
        self, store: AssetStore, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._store = store
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="sweep of assets")

    async def stop(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            # Runners that were started together must not come together for ever.
            await self._sleep(_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311
            try:
                await self._store.sweep()
            except (psycopg.Error, RunnerError) as error:
                _log.warning("files that nothing refers to stay until the next time: %s", error)
