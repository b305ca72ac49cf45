"""Outcomes on their way into the table: as many at once as came while the ones before were written.

Must not know how tasks are executed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from runner.errors import DatabaseUnavailableError, RunnerError
from runner.tasks.duty import RETRY_S
from runner.tasks.events import TaskEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.tasks.claims import Settled
    from runner.tasks.engine import TaskEngine
    from runner.tasks.events import EventKind
    from runner.tasks.leases import Hand, Lease
    from runner.tasks.task import Outcome

_log = logging.getLogger(__name__)
_MOST: Final = 500


class OutcomeWriter:
    """Writes outcomes while :meth:`run` runs. ``written`` is called after each batch, with whether one of them counted for a limit."""

    def __init__(
        self, engine: TaskEngine, hand: Hand, executor: str, written: Callable[[bool], None]
    ) -> None:
        self._engine = engine
        self._hand = hand
        self._executor = executor
        self._written = written
        self._ends: list[tuple[Lease, Outcome, float]] = []
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self.succeeded = 0
        self.failed = 0
        """Attempts, whether they are tried again or not."""
        self.refused = 0
        """Outcomes that came too late: the lease was another's by then."""

    @property
    def waiting(self) -> int:
        return len(self._ends)

    def add(self, lease: Lease, outcome: Outcome, duration_s: float) -> None:
        self._hand.unwritten[lease.task.lease_id] = lease
        self._ends.append((lease, outcome, duration_s))
        self._filled.set()
        self._empty.clear()

    async def flushed(self) -> None:
        """Wait until nothing is left to be written."""
        await self._empty.wait()

    async def run(self) -> None:
        away = False
        while True:
            await self._filled.wait()
            batch, self._ends = self._ends[:_MOST], self._ends[_MOST:]
            try:
                await self._write(batch)
            except DatabaseUnavailableError as error:
                if not away:
                    away = True
                    _log.warning("tasks: outcomes wait for the database: %s", error)
                self._ends = [*batch, *self._ends]
                await self._engine.clock.wait(asyncio.Event(), RETRY_S)
                continue
            away = False
            self._written(any(lease.ruled for lease, _, _ in batch))
            if not self._ends:
                self._filled.clear()
                self._empty.set()

    async def _write(self, batch: list[tuple[Lease, Outcome, float]]) -> None:
        ends = [
            (lease.task, outcome)
            for lease, outcome, _ in batch
            if lease.task.lease_id in self._hand.unwritten
        ]
        if not ends:
            return
        try:
            settled = await self._engine.settlements.settle(
                ends, self._executor, self._engine.now()
            )
        except DatabaseUnavailableError:
            raise
        except RunnerError:
            if len(batch) > 1:
                for end in batch:
                    await self._write([end])
                return
            # Its lease will end, and somebody is to find out why.
            _log.exception("task %s: its outcome can not be written", batch[0][0].task.id)
            self._hand.unwritten.pop(batch[0][0].task.lease_id, None)
            return
        results = {task.lease_id: one for (task, _), one in zip(ends, settled, strict=True)}
        for lease, _, duration_s in batch:
            self._hand.unwritten.pop(lease.task.lease_id, None)
            if lease.task.lease_id in results:
                self._tell(lease, results[lease.task.lease_id], duration_s)

    def _tell(self, lease: Lease, settled: Settled, duration_s: float) -> None:
        kind: EventKind
        task = lease.task
        match settled.status:
            case None:
                self.refused += 1
                _log.warning(
                    "task %s: attempt %d came to its end too late, its lease was lost",
                    task.id,
                    task.attempts,
                )
                return
            case "completed":
                self.succeeded += 1
                kind = "completed"
            case "failed":
                self.failed += 1
                kind = "failed"
            case _ if settled.error is None:
                return
            case _:
                self.failed += 1
                kind = "retrying"
        if self._engine.events.heard:
            self._engine.events.tell(
                TaskEvent(
                    event=kind, task_id=task.id, tenant=task.tenant, queue=task.queue, kind=task.kind, type=task.type,
                    key=task.key, attempt=task.attempts, by=self._executor, duration_ms=round(duration_s * 1000, 3),
                    error=settled.error, reason=settled.reason, retry_in_s=settled.retry_in_s,
                )
            )  # fmt: skip
