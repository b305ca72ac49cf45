"""A duty: deletes what has expired from ``kv_data``, which readers no longer see.

Any number of runners may do it at once. Must not know workers.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg

from runner.store.recurring import Recurring

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.store.kv import KvStore

_log = logging.getLogger(__name__)

_EVERY_S: Final = 60.0
_BATCH: Final = 500
"""Rows: few enough to hold no lock for long."""


class KvPurge(Recurring):
    """Runs between :meth:`start` and :meth:`stop`."""

    def __init__(
        self,
        store: KvStore,
        *,
        batch: int = _BATCH,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__("purge of kv_data", _EVERY_S, sleep=sleep)
        self._store = store
        self._batch = batch

    async def work(self) -> None:
        try:
            while await self._store.purge(self._batch) == self._batch:
                pass
        except psycopg.Error as error:
            _log.warning("expired keys stay in kv_data until the next time: %s", error)
