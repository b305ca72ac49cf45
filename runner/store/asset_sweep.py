"""A duty: removes static files that no version of a worker refers to any more.

Any number of runners may do it at once. Must not know workers.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg

from runner.errors import RunnerError
from runner.store.recurring import Recurring

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.store.assets import AssetStore

_log = logging.getLogger(__name__)

_EVERY_S: Final = 1200.0


class AssetSweep(Recurring):
    """Runs between :meth:`start` and :meth:`stop`."""

    def __init__(
        self, store: AssetStore, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        super().__init__("sweep of assets", _EVERY_S, sleep=sleep)
        self._store = store

    async def work(self) -> None:
        try:
            await self._store.sweep()
        except (psycopg.Error, RunnerError) as error:
            _log.warning("files that nothing refers to stay until the next time: %s", error)
