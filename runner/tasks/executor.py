"""An executor: claims tasks into its free places, has them executed, and sees that each outcome is written.

::

    async def execute(task: ClaimedTask, lease: Lease) -> Outcome:
        return Completed({"ok": True})


    async with open_engine(url) as engine, TaskWakes(url) as wakes:
        executor = Executor(
            engine, wakes, execute, ExecutorOptions(kinds=("worker",), concurrency=10)
        )
        executor.start()
        ...
        await executor.stop(drain_s=30)

``execute`` is cancelled when its time is over, when its task is cancelled or lost, and at the end of a shutdown (``lease.ended_by``
says which); what it returns then does not count, but for work that was done in spite of a timeout or the shutdown. What it raises is
a failed attempt. Must not know how tasks are executed, nor SQL.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import socket
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.errors import RefusedError
from runner.tasks.claims import Claimer, Wanted
from runner.tasks.duty import Duty, spread
from runner.tasks.events import TaskEvent
from runner.tasks.globs import like_patterns
from runner.tasks.leases import Hand, Lease
from runner.tasks.renewal import LeaseRenewal
from runner.tasks.task import Completed, Failed, Kind, Released
from runner.tasks.wakes import Hearer
from runner.tasks.writer import OutcomeWriter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from runner.tasks.engine import TaskEngine
    from runner.tasks.task import ClaimedTask, Outcome
    from runner.tasks.wakes import TaskWakes

    Execute: TypeAlias = Callable[[ClaimedTask, Lease], Awaitable[Outcome]]

_log = logging.getLogger(__name__)

LEASE_S: Final = 6.0
"""Renewed at a third of it. What a lost executor had is another's within ten seconds."""
_RULED_EVERY_S: Final = 0.25
"""Where limits hold back what is due, time alone may let it go."""
_LOOK_EVERY_S: Final = 0.1
_LOOK_BACK_S: Final = 0.002
_SMALL_CLAIM: Final = 50
"""Halves of less would cost more than they gain."""
_LAST_WORDS_S: Final = 5.0
_LAST_CLAIM_S: Final = 3.0


class ExecutorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor serves, and how much of it at once."""

    kinds: tuple[Kind, ...]
    concurrency: int = 5
    queues: tuple[str, ...] = ()
    """None named: all."""
    types: tuple[str, ...] = ()
    """Globs (``email:*``); none: all, and tasks without a type."""
    timeout_ms: int = 300_000
    """Of tasks that say nothing, nor their queues."""
    lease_s: float = LEASE_S
    poll_s: float = 1.0
    batch: int = 100
    """Claimed at once."""
    fair: bool = False
    """No tenant takes more than half of the places that others leave: whoever comes next finds some, however long tasks take."""
    name: str = ""
    """Empty: made of host, process and chance."""


class Executor(Duty):
    """See the module. Counters: ``claimed``, ``writer.succeeded``, ``writer.failed``, ``writer.refused``."""

    name = "executor"

    def __init__(
        self, engine: TaskEngine, wakes: TaskWakes, execute: Execute, options: ExecutorOptions
    ) -> None:
        super().__init__(engine.clock)
        self._engine = engine
        self._wakes = wakes
        self._execute = execute
        self.options = options
        self.name = (
            options.name or f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(3)}"
        )
        self.hand = Hand()
        self.writer = OutcomeWriter(engine, self.hand, self.name, self._written)
        self._renewal = LeaseRenewal(engine, self.hand, options.lease_s)
        wanted = Wanted(
            kinds=options.kinds,
            queues=list(options.queues) or None,
            types=like_patterns(options.types),
        )
        self._typed = wanted.types is not None
        self.writer.rides = not self._typed
        self._claimer = Claimer(engine.lines, wanted, self.name, options.lease_s)
        self._hearer = Hearer(self.wake, self._cancelled, self._rules_changed)
        self._writing: asyncio.Task[None] | None = None
        # With half of the places claimed, the next claim is on its way while those are begun.
        self._most_at_once = min(options.batch, max(_SMALL_CLAIM, (options.concurrency + 1) // 2))
        self._ruled = False
        self._ruled_due = True
        self._looked_at = 0.0
        self._due_in_s: float | None = None
        self.claimed = 0
        """Attempts that were begun."""
        self.started_at: datetime | None = None

    @property
    def taking(self) -> bool:
        """It takes tasks: it was started, and is not about to stop."""
        return self._task is not None and not self.hand.stopping.is_set()

    def start(self) -> None:
        self.started_at = datetime.now(UTC)
        self._writing = asyncio.get_running_loop().create_task(
            self.writer.run(), name=f"tasks: {self.name} writes"
        )
        self._renewal.start()
        self._wakes.add(self._hearer)
        super().start()

    async def stop(self, drain_s: float = 0.0) -> None:
        """Claim nothing more; what does not end within ``drain_s`` is put back, without costing an attempt."""
        if self._task is None:
            return
        self._wakes.remove(self._hearer)
        self.hand.stopping.set()
        self.wake()
        # A claim that is under way is awaited: what it took would lie there until its lease ends. A server that says nothing is not.
        _, late = await asyncio.wait([self._task], timeout=_LAST_CLAIM_S)
        for claiming in late:
            claiming.cancel()
            await asyncio.wait([claiming])
        self._task = None
        self.writer.rides = False
        self.writer.left_behind(self.writer.take_riders())
        if jobs := self._jobs():
            await asyncio.wait(jobs, timeout=drain_s)
        for lease in list(self.hand.running.values()):
            lease.end("shutdown")
        if jobs := self._jobs():
            await asyncio.wait(jobs)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self.writer.flushed()
        await self._renewal.stop()
        self.hand.close()
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])

    def _jobs(self) -> list[asyncio.Task[None]]:
        return [lease.job for lease in self.hand.running.values() if lease.job is not None]

    async def _run(self) -> None:
        while not self.hand.stopping.is_set():
            self._wake.clear()
            pause_s = await self.attempt()
            if pause_s == math.inf:
                # Whoever ends wakes us.
                await self._wake.wait()
            elif pause_s > 0 and not self.hand.stopping.is_set():
                # While the database is away only the end wakes us.
                await self.clock.wait(self.hand.stopping if self._away else self._wake, pause_s)

    # --- claiming -------------------------------------------------------------------------------------------------

    async def turn(self) -> float:
        free = self._free()
        if free <= 0:
            self.writer.left_behind(self.writer.take_riders())
            return math.inf
        asked = min(self._share(free) if self.options.fair else free, self._most_at_once)
        claimed = 0
        began = asyncio.get_running_loop().time()
        by_rules = self._ruled and self._ruled_due and not self._typed
        if by_rules:
            claimed = await self._claim_ruled(max(1, asked // 2))
        if claimed < asked:
            claimed += await self._claim(asked - claimed)
        now = asyncio.get_running_loop().time()
        if claimed == asked and now - self._looked_at < _LOOK_EVERY_S:
            return 0.0
        self._looked_at = now
        # What came due while the claim was on its way is neither claimed nor of the future: the look begins a bit before the claim did.
        back_s = 2 * (now - began) + _LOOK_BACK_S if self._engine.now() is None else 0.0
        self._due_in_s, self._ruled = await self._claimer.look(self._engine.now(), back_s)
        if claimed == asked:
            return 0.0
        if self._ruled and not self._typed and (claimed or not by_rules):
            self._ruled_due = True
            return 0.0
        return self._idle_s()

    async def _claim(self, most: int) -> int:
        riders = self.writer.take_riders()
        try:
            tasks, written = await self._claimer.claim(
                most, self._engine.now(), [rider for rider, _, _ in riders]
            )
        except RefusedError:
            # One of the riders is to blame.
            self.writer.left_behind(riders)
            return 0
        except BaseException:
            self.writer.left_behind(riders)
            raise
        self.writer.arrived(riders, written)
        self._begin(tasks, ruled=self._typed)
        return len(tasks)

    async def _claim_ruled(self, most: int) -> int:
        self._ruled_due = False
        tasks = await self._claimer.claim_ruled(most, self._engine.now())
        self._begin(tasks, ruled=True)
        self._ruled_due = bool(tasks)
        return len(tasks)

    def _free(self) -> int:
        """Outcomes that wait do not stand in the way, unless there are many."""
        places = self.options.concurrency - len(self.hand.running)
        return places - max(0, self.writer.waiting - self.options.concurrency)

    def _share(self, free: int) -> int:
        """Return how many to claim so that no tenant will have more than is free then; those that have are passed over."""
        counts = Counter(lease.task.tenant for lease in self.hand.running.values())
        self._claimer.full = [tenant for tenant, count in counts.items() if count >= free]
        most = max((count for count in counts.values() if count < free), default=0)
        return max((free - most) // 2, 1)

    def _idle_s(self) -> float:
        pause_s = spread(self.options.poll_s)
        if self._ruled:
            self._ruled_due = True
            pause_s = min(pause_s, _RULED_EVERY_S)
        if self._due_in_s is not None:
            pause_s = min(pause_s, max(self._due_in_s, 0.001))
        return pause_s

    def _begin(self, tasks: list[ClaimedTask], *, ruled: bool) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.claimed += len(tasks)
        for task in tasks:
            lease = Lease(task, self.hand, ruled=ruled)
            self.hand.begin(lease, now, (task.timeout_ms or self.options.timeout_ms) / 1000)
            lease.job = loop.create_task(self._see_to(lease))
            if self._engine.events.heard:
                self._engine.events.tell(
                    TaskEvent(
                        event="started", task_id=task.id, tenant=task.tenant, queue=task.queue, kind=task.kind,
                        type=task.type, key=task.key, attempt=task.attempts, by=self.name,
                    )
                )  # fmt: skip

    # --- one task -------------------------------------------------------------------------------------------------

    async def _see_to(self, lease: Lease) -> None:
        outcome: Outcome | None
        try:
            lease.enter()
            outcome = await self._execute(lease.task, lease)
            if lease.ended_by == "timeout" and not isinstance(outcome, Completed):
                outcome = self._timed_out(lease)
        except asyncio.CancelledError:
            outcome = self._cut_off(lease)
        except Exception as error:  # noqa: BLE001 - one task must not end the executor
            _log.exception("task %s: its execution failed by an error of ours", lease.task.id)
            outcome = Failed(error=f"{type(error).__name__}: {error}", reason="executor")
        del self.hand.running[lease.task.lease_id]
        if outcome is not None and lease.ended_by not in {"cancelled", "lost"}:
            self.writer.add(lease, outcome, asyncio.get_running_loop().time() - lease.started)
        self.wake()

    def _cut_off(self, lease: Lease) -> Outcome | None:
        match lease.ended_by:
            case "timeout":
                return self._timed_out(lease)
            case "cancelled" | "lost":
                return None
            case "shutdown":
                return Released()
            case _:
                return Failed(error="its execution was cut off", reason="executor")

    def _timed_out(self, lease: Lease) -> Failed:
        timeout_ms = lease.task.timeout_ms or self.options.timeout_ms
        return Failed(error=f"Task timeout after {timeout_ms}ms", reason="timeout")

    # --- what is heard --------------------------------------------------------------------------------------------

    def _written(self, ruled: bool) -> None:
        if ruled:
            self._ruled_due = True
        self.wake()

    def _cancelled(self, lease_id: str) -> None:
        with suppress(ValueError):
            lease = self.hand.find(UUID(lease_id))
            if lease is not None:
                lease.void("cancelled")
                self.wake()

    def _rules_changed(self) -> None:
        # Whether there are limits is not known any more: trying finds out.
        self._ruled = self._ruled_due = True
        self.wake()
