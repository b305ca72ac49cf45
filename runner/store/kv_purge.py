"""A duty: deletes what has expired from ``kv_data``, which readers no longer see.

Any number of runners may do it at once. Must not know workers.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final

import psycopg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.store.kv import KvStore

_log = logging.getLogger(__name__)

_EVERY_S: Final = 60.0
_BATCH: Final = 500
"""Rows: few enough to hold no lock for long."""


class KvPurge:
    """Runs between :meth:`start` and :meth:`stop`."""

    def __init__(
        self,
        store: KvStore,
        *,
        batch: int = _BATCH,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._batch = batch
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="purge of kv_data")

    async def stop(self) -> None:
        """Give up a batch that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            # Runners that were started together must not come together for ever.
            await self._sleep(_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311
            await self._purge()

    async def _purge(self) -> None:
        try:
            while await self._store.purge(self._batch) == self._batch:
                pass
        except psycopg.Error as error:
            _log.warning("expired keys stay in kv_data until the next time: %s", error)
