"""The duty that keeps the table ``logs`` small."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from runner.logs.store import OUTAGE

if TYPE_CHECKING:
    from runner.logs.store import LogTable
    from runner.schedules.clock import Clock

_log = logging.getLogger(__name__)
_EVERY_S: Final = 300.0


class LogRetention:
    """Tidies up every five minutes, from ``start`` to ``stop``. ``days`` and ``rows`` per worker; 0 means no limit."""

    def __init__(self, table: LogTable, clock: Clock, *, days: int, rows: int) -> None:
        self._table = table
        self._clock = clock
        self._days = days
        self._rows = rows
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="log retention")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self._table.tidy(self._clock.now(), days=self._days, rows=self._rows)
            except OUTAGE as error:
                _log.debug("old console lines stay for now: %s", error)
            await self._clock.wait(asyncio.Event(), _EVERY_S)
