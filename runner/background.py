"""The composition root's part for what runs beside requests: scheduled events, and console lines on their way out.

Console lines leave from :meth:`Background.open` on, events come from :meth:`Background.accept` on.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Final

from runner.logs.publisher import LinePublisher
from runner.logs.retention import LogRetention
from runner.logs.store import OUTAGE, LineStore, LogTable
from runner.logs.tail import Tails
from runner.schedules.clock import SystemClock
from runner.schedules.ledger import Ledger
from runner.schedules.runs import ScheduledRuns
from runner.schedules.scheduler import CHANNEL, Scheduler
from runner.schedules.subject import ScheduledSubject
from runner.store.dedicated import DedicatedConnection
from runner.store.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from runner.config import Settings
    from runner.exchange import Serving
    from runner.logs.fan import JournalFan
    from runner.nats.connection import Bus

_log = logging.getLogger(__name__)
_LAST_LINES_S: Final = 2.0
_LAST_WORDS_S: Final = 5.0
"""For writing down what became of events, when all executions have ended."""


class Background:
    """:meth:`open`, :meth:`accept`; :meth:`stop_accepting` before executions are drained, :meth:`finish` after, then :meth:`close`."""

    def __init__(self, settings: Settings, serving: Serving, bus: Bus, journal: JournalFan) -> None:
        url, clock = settings.database_url, SystemClock()
        self._journal = journal
        # One for many small batches, one for whoever asks: neither waits for the other.
        self._writing = DedicatedConnection(url)
        self._reading = DedicatedConnection(url)
        self.table = LogTable(self._reading)
        self.tails = Tails(bus)
        self._store = LineStore(self._writing, clock)
        self._publisher = LinePublisher(bus)
        self._retention = LogRetention(
            self.table, clock, days=settings.log_retention_days, rows=settings.log_retention_lines
        )
        runs = ScheduledRuns(serving)
        self._ledger = Ledger(url)
        wait_s = settings.worker_wait_timeout_ms / 1000
        self.scheduler = Scheduler(self._ledger, runs, clock, wait_s)
        self._subject = ScheduledSubject(bus, runs)
        self._changes = Listener(
            url, [CHANNEL], lambda *_: self.scheduler.notice(), self.scheduler.notice, needs=True
        )
        self._stack = AsyncExitStack()
        self._scheduling: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Let console lines leave."""
        stack = self._stack
        await stack.enter_async_context(self._reading)
        await stack.enter_async_context(self._writing)
        stack.push_async_callback(self._last_lines)
        for sink in (self._store, self._publisher):
            _ = self._start(sink.run(), type(sink).__name__)
            self._journal.add(sink)
            stack.callback(self._journal.remove, sink)
        self._retention.start()
        stack.push_async_callback(self._retention.stop)

    async def accept(self) -> None:
        """Let events come.

        Raises
        ------
        DatabaseUnavailableError
            The database went away.
        NatsUnavailableError
            The connection is closed.

        """
        stack = self._stack
        await stack.enter_async_context(self._ledger)
        self._scheduling = self._start(self.scheduler.run(), "scheduler")
        await stack.enter_async_context(self._changes)
        await self._subject.start()

    async def stop_accepting(self) -> None:
        """Take no new event; those that have not begun are others' now."""
        self.scheduler.stop()
        await self._subject.stop_accepting()

    async def finish(self, timeout_s: float) -> None:
        """Write down what became of the events, when their executions have ended."""
        await self._subject.finish(timeout_s)
        if self._scheduling is not None:
            await asyncio.wait([self._scheduling], timeout=_LAST_WORDS_S)

    async def close(self) -> None:
        await self._stack.aclose()

    def _start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(_tell_failure)

        async def stop() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._stack.push_async_callback(stop)
        return task

    async def _last_lines(self) -> None:
        with suppress(TimeoutError, *OUTAGE):
            async with asyncio.timeout(_LAST_LINES_S):
                await self._publisher.flush()
                await self._store.flush()


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("%s has ended by an error of ours", task.get_name(), exc_info=error)
