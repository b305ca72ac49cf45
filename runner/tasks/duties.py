"""What keeps the queue in order, whoever does it: each duty may run in any number of runners at once.

Must not know how tasks are executed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from runner.errors import DatabaseUnavailableError
from runner.tasks.duty import Duty, spread
from runner.tasks.events import TaskEvent
from runner.tasks.task import Status
from runner.tasks.wakes import Hearer

if TYPE_CHECKING:
    from runner.tasks.engine import TaskEngine
    from runner.tasks.settlements import Rescued
    from runner.tasks.wakes import TaskWakes

_log = logging.getLogger(__name__)

RESCUE_EVERY_S: Final = 1.0
PATIENCE_S: Final = 2.5
"""After an outage, and after the start, everybody may renew leases for so long before those that ended are taken away."""
_SILENCE_S: Final = 1.0
"""An answer that took longer is the end of an outage."""
_BATCH: Final = 500
_CLEAN_EVERY_S: Final = 60.0
_SCHEDULES_EVERY_S: Final = 5.0
_VACUUM_EVERY_S: Final = 5.0
_VACUUM_FROM: Final = 20_000
"""Dead rows: each claim passes those at the head of the index that nobody has swept away yet."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long ended tasks stay, in seconds; None: for ever."""

    completed_s: float | None = 7 * 86_400.0
    failed_s: float | None = 30 * 86_400.0
    cancelled_s: float | None = 7 * 86_400.0


class Rescuer(Duty):
    """Puts back what lost executors had, and gives up what takes its executors with it."""

    name = "rescuer"

    def __init__(
        self, engine: TaskEngine, *, patience_s: float = PATIENCE_S, every_s: float = RESCUE_EVERY_S
    ) -> None:
        super().__init__(engine.clock)
        self._engine = engine
        self._patience_s = patience_s
        self._every_s = every_s
        self._sound_since = self.clock.now()
        self.rescued = 0

    async def turn(self) -> float:
        # Before anything is taken away: what is asked while the database says nothing is done as soon as it does again, and then
        # nobody could have renewed a lease.
        await self._ask()
        left_s = self._patience_s - (self.clock.now() - self._sound_since).total_seconds()
        if left_s > 0:
            return min(left_s, RESCUE_EVERY_S, self._every_s)
        while True:
            some = await self._rescue()
            for one in some:
                self._tell(one)
            self.rescued += len(some)
            if len(some) < _BATCH:
                return spread(self._every_s)

    async def _ask(self) -> None:
        began = self.clock.now()
        try:
            async with self._engine.lines.lend() as line:
                await line.rows("time", now=None)
        except DatabaseUnavailableError:
            self._sound_since = self.clock.now()
            raise
        now = self.clock.now()
        if (now - began).total_seconds() > _SILENCE_S:
            self._sound_since = now

    async def _rescue(self) -> list[Rescued]:
        try:
            return await self._engine.rescue.rescue(_BATCH, self._engine.now())
        except DatabaseUnavailableError:
            self._sound_since = self.clock.now()
            raise

    def _tell(self, one: Rescued) -> None:
        failed = one.status == Status.FAILED
        _log.warning(
            "task %s: %s; %s",
            one.id,
            one.error,
            "it is given up" if failed else "it is pending again",
        )
        if self._engine.events.heard:
            self._engine.events.tell(
                TaskEvent(
                    event="failed" if failed else "retrying", task_id=one.id, tenant=one.tenant, queue=one.queue,
                    kind=one.kind, type=one.type, key=one.key, attempt=one.attempts, error=one.error, reason="lost",
                )
            )  # fmt: skip


class Cleaner(Duty):
    """Deletes what ended long ago."""

    name = "cleaner"

    def __init__(self, engine: TaskEngine, retention: Retention) -> None:
        super().__init__(engine.clock)
        self._engine = engine
        self._ages = {
            Status.COMPLETED: retention.completed_s,
            Status.FAILED: retention.failed_s,
            Status.CANCELLED: retention.cancelled_s,
        }
        self.deleted = 0

    async def turn(self) -> float:
        for status, age_s in self._ages.items():
            if age_s is not None:
                self.deleted += await self._engine.clean(status, age_s)
        return spread(_CLEAN_EVERY_S)


class ScheduleFiring(Duty):
    """Makes the tasks of schedules when they are due."""

    name = "schedules"

    def __init__(self, engine: TaskEngine, wakes: TaskWakes | None = None) -> None:
        super().__init__(engine.clock)
        self._engine = engine
        self._wakes = wakes
        self._hearer = Hearer(_nothing, _nothing_of, self.wake)
        self.fired = 0

    def start(self) -> None:
        if self._wakes is not None:
            self._wakes.add(self._hearer)
        super().start()

    async def stop(self) -> None:
        if self._wakes is not None and self._task is not None:
            self._wakes.remove(self._hearer)
        await super().stop()

    async def turn(self) -> float:
        schedules, events = self._engine.schedules, self._engine.events
        more = True
        while more:
            fired, more = await schedules.fire(self._engine.now())
            self.fired += len(fired)
            for one in fired if events.heard else ():
                events.tell(
                    TaskEvent(
                        event="created",
                        task_id=one.id,
                        tenant=one.tenant,
                        queue=one.queue,
                        kind=one.kind,
                        type=one.type,
                    )
                )
        while await schedules.plan(self._engine.now()):
            pass
        soonest_s = await schedules.soonest_s(self._engine.now())
        return (
            spread(_SCHEDULES_EVERY_S)
            if soonest_s is None
            else max(0.0, min(soonest_s, _SCHEDULES_EVERY_S))
        )


class Sweeper(Duty):
    """Vacuums the table as soon as it has many dead rows; the server's own vacuum comes once a minute at best."""

    name = "sweeper"

    def __init__(self, engine: TaskEngine, *, dead_rows: int = _VACUUM_FROM) -> None:
        super().__init__(engine.clock)
        self._engine = engine
        self._dead_rows = dead_rows
        self.swept = 0

    async def turn(self) -> float:
        async with self._engine.lines.lend() as line:
            row = await line.first("bloat")
            if row is not None and row[0] >= self._dead_rows:
                # Whoever does it already is not waited for.
                await line.run("sweep")
                self.swept += 1
        return spread(_VACUUM_EVERY_S)


class Duties:
    """All of them, with one start and one stop."""

    def __init__(
        self,
        engine: TaskEngine,
        wakes: TaskWakes,
        retention: Retention | None = None,
        *,
        rescue_every_s: float = RESCUE_EVERY_S,
    ) -> None:
        self._duties: list[Duty] = [
            Rescuer(engine, every_s=rescue_every_s),
            Cleaner(engine, retention or Retention()),
            ScheduleFiring(engine, wakes),
            Sweeper(engine),
        ]

    def start(self) -> None:
        for duty in self._duties:
            duty.start()

    async def stop(self) -> None:
        # Each may have to wait for a server that says nothing.
        await asyncio.gather(*(duty.stop() for duty in self._duties))


def _nothing() -> None:
    pass


def _nothing_of(_: str) -> None:
    pass
