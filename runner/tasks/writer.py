"""Outcomes on their way into the table: as many at once as came while the ones before were written.

Must not know how tasks are executed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from runner.errors import DatabaseUnavailableError, RunnerError
from runner.tasks.duty import RETRY_S
from runner.tasks.events import TaskEvent
from runner.tasks.settlements import Settled
from runner.tasks.task import Completed

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from runner.tasks.claims import Rider
    from runner.tasks.engine import TaskEngine
    from runner.tasks.events import EventKind
    from runner.tasks.leases import Hand, Lease
    from runner.tasks.task import Outcome

_log = logging.getLogger(__name__)
_MOST: Final = 500
_MOST_RIDERS: Final = 8
"""More are better written while the next claim is under way."""


class OutcomeWriter:
    """Writes outcomes while :meth:`run` runs. A few successes wait to go along with the executor's next claim instead, while ``rides``.

    ``written`` is called after each batch, with whether one of them counted for a limit.
    """

    def __init__(
        self, engine: TaskEngine, hand: Hand, executor: str, written: Callable[[bool], None]
    ) -> None:
        self._engine = engine
        self._hand = hand
        self._executor = executor
        self._written = written
        self._ends: list[tuple[Lease, Outcome, float]] = []
        self._riders: list[tuple[Rider, Lease, float]] = []
        self.rides = False
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
        few = self.rides and len(self._riders) < _MOST_RIDERS
        if few and isinstance(outcome, Completed) and not lease.ruled:
            rider = self._engine.settlements.rider(lease.task, outcome)
            if rider is not None:
                self._riders.append((rider, lease, duration_s))
                return
        self._write_soon([(lease, outcome, duration_s)])

    def take_riders(self) -> list[tuple[Rider, Lease, float]]:
        """Return what shall go along with a claim now; :meth:`arrived` or :meth:`left_behind` has to follow."""
        riders, self._riders = self._riders, []
        return [one for one in riders if one[1].task.lease_id in self._hand.unwritten]

    def arrived(self, riders: list[tuple[Rider, Lease, float]], written: set[UUID]) -> None:
        for rider, lease, duration_s in riders:
            lease_id = rider.task.lease_id
            self._hand.unwritten.pop(lease_id, None)
            self._tell(lease, Settled("completed" if lease_id in written else None), duration_s)

    def left_behind(self, riders: list[tuple[Rider, Lease, float]]) -> None:
        """No claim took them: they are written on their own."""
        self._write_soon([(lease, Completed(_raw(rider.result)), s) for rider, lease, s in riders])

    def _write_soon(self, ends: list[tuple[Lease, Outcome, float]]) -> None:
        if ends:
            self._ends += ends
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


def _raw(result: str | None) -> msgspec.Raw | None:
    return None if result is None else msgspec.Raw(result.encode())
