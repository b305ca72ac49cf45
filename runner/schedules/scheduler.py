"""Fires crons when they are due and sees to it that every event they fired is run, by this runner or another.

An event is claimed under a lease, begun under the same lease once it has a place, and settled with its outcome. Whoever takes
over a lease makes it worthless, so that no event is begun by two. See docs/decisions/008. Must not know SQL or lanes.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg

from pools.protocol import OutcomeKind
from runner.errors import BusyError, DatabaseUnavailableError, NotResolvedError
from runner.events.scheduled import ScheduledEvent
from runner.schedules.ledger import Settlement

if TYPE_CHECKING:
    from pools.protocol import Outcome
    from runner.schedules.clock import Clock
    from runner.schedules.ledger import Claim, Ledger, Refusal
    from runner.schedules.runs import ScheduledRuns

_log = logging.getLogger(__name__)

CHANNEL: Final = "cron_update"
"""Where the database tells that ``crons`` was changed."""
PLACES: Final = 256
"""Events that one runner has in its hands; the others stay due."""
MOST_OPEN: Final = 10
"""Events of one cron that are on their way at once; those it misses meanwhile are made up for as after an outage."""
BATCH: Final = 64
"""Claimed at once: what one runner does not take, others may."""
MAX_ATTEMPTS: Final = 3
"""How often an event is begun that takes its host or its runner down."""
POLL: Final = timedelta(seconds=5)
RUNNING_LEASE: Final = timedelta(seconds=90)
"""More than the default limit of an execution: who is cut off from the database has ended when another takes over."""
RENEW_EVERY: Final = timedelta(seconds=10)
RECOVERY: Final = timedelta(seconds=25)
"""After an outage everybody may renew leases for so long, before those that ended are taken over."""
NO_WORKER: Final = "no_worker"
"""The outcome of an event whose worker is not there."""
_RETRY_S: Final = 0.5
OUTAGE: Final = (psycopg.Error, DatabaseUnavailableError)


class Scheduler:
    """``run()`` fires until ``stop()``; what it has in its hands it brings to an end, or puts back.

    ``wait_s``: how long an event may wait for a place.
    """

    def __init__(self, ledger: Ledger, runs: ScheduledRuns, clock: Clock, wait_s: float) -> None:
        self._ledger = ledger
        self._runs = runs
        self._clock = clock
        # For a place in admission, then for a lane that serves.
        self._claim_lease = timedelta(seconds=2 * wait_s + 20)
        self._wake = asyncio.Event()
        self._stopping = False
        self._held: dict[Claim, asyncio.Task[Settlement | None]] = {}
        self._begun: set[Claim] = set()
        self._beginning: list[tuple[Claim, asyncio.Future[bool]]] = []
        self._done: list[Settlement] = []
        self._look_at = self._renew_at = self._sound_since = clock.now()
        self._away = False
        self._overdue = False
        """Something is due that was not to be had at the last look."""
        self.fired = 0
        """Events that this runner has claimed."""

    def notice(self) -> None:
        """The table ``crons`` was changed."""
        self._look_at = self._clock.now()
        self._wake.set()

    def stop(self) -> None:
        """Fire nothing more; what has not begun yet is put back for others."""
        self._stopping = True
        for claim, task in self._held.items():
            if claim not in self._begun:
                task.cancel()
        self._wake.set()

    async def run(self) -> None:
        """Fire until it is stopped and nothing is left in our hands."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                try:
                    await self._turn(group)
                except OUTAGE as error:
                    self._note_outage(error)
                    if self._stopping and len(self._done) == len(self._held):
                        # What could not be written others will find with its lease ended.
                        return
                    # Not to be woken: what wakes us needs the database, too.
                    await self._clock.wait(asyncio.Event(), _RETRY_S)
                else:
                    if self._stopping and not self._held:
                        return
                    await self._clock.wait(self._wake, self._idle_s())

    def _idle_s(self) -> float:
        due = self._renew_at if self._stopping else min(self._look_at, self._renew_at)
        return max(0.0, (due - self._clock.now()).total_seconds())

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        """Do all that is to be done with the database now."""
        await self._begin_waiting()
        await self._settle_done()
        now = self._clock.now()
        if now >= self._renew_at:
            await self._ledger.renew(list(self._begun), now + RUNNING_LEASE)
            self._renew_at = now + RENEW_EVERY
        if now >= self._look_at and not self._stopping:
            await self._look(group)
        if self._away:
            self._away = False
            self._sound_since = self._clock.now()
            _log.warning("schedules: the database is back")

    async def _look(self, group: asyncio.TaskGroup) -> None:
        now = self._clock.now()
        more = True
        while more and (free := PLACES - len(self._held)) > 0:
            now, most = self._clock.now(), min(free, BATCH)
            fired = await self._ledger.fire(
                now, now + self._claim_lease, most=most, most_open=MOST_OPEN
            )
            self._launch(fired.claims, group)
            _tell(fired.refused)
            await self._begin_waiting()
            more = fired.more
        _tell(await self._ledger.plan(now))
        if (free := PLACES - len(self._held)) > 0:
            until = now + self._claim_lease
            lost = not self._away and now - self._sound_since >= RECOVERY
            claims = await self._ledger.take_over(now, until, most=min(free, BATCH), lost=lost)
            self._launch(claims, group)
        soonest, self._overdue = await self._ledger.soonest(now)
        self._look_at = min(soonest, now + POLL)

    def _launch(self, claims: list[Claim], group: asyncio.TaskGroup) -> None:
        self.fired += len(claims)
        for claim in claims:
            task = group.create_task(self._see_to(claim), name=f"event {claim.id}")
            self._held[claim] = task
            task.add_done_callback(partial(self._seen_to, claim))

    def _seen_to(self, claim: Claim, task: asyncio.Task[Settlement | None]) -> None:
        settlement = self._put_back(claim) if task.cancelled() else task.result()
        if settlement is None:
            # Another has it by now.
            self._let_go(claim)
        else:
            self._done.append(settlement)
        self._wake.set()

    async def _begin_waiting(self) -> None:
        waiting, self._beginning = self._beginning, []
        waiting = [(claim, future) for claim, future in waiting if not future.done()]
        if not waiting:
            return
        now = self._clock.now()
        try:
            ours = await self._ledger.begin(
                [claim for claim, _ in waiting], now, now + RUNNING_LEASE
            )
        except OUTAGE as error:
            for _, future in waiting:
                if not future.done():
                    future.set_exception(_Unknown())
            raise error from None
        for (claim, future), is_ours in zip(waiting, ours, strict=True):
            if not future.done():
                if is_ours:
                    self._begun.add(claim)
                future.set_result(is_ours)

    async def _settle_done(self) -> None:
        done, self._done = self._done, []
        if not done:
            return
        try:
            await self._ledger.settle(done)
        except BaseException:
            self._done = [*done, *self._done]
            raise
        for settlement in done:
            self._let_go(settlement.claim)
        if self._overdue:
            # Maybe it was these that were in its way.
            self._look_at = self._clock.now()
        again = [settlement.again for settlement in done if settlement.again is not None]
        self._look_at = min([self._look_at, *again])

    def _let_go(self, claim: Claim) -> None:
        self._begun.discard(claim)
        self._held.pop(claim, None)

    def _note_outage(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            reason = str(error).strip() or type(error).__name__
            _log.warning("schedules: the database does not answer, trying again: %s", reason)

    # --- one event ------------------------------------------------------------------------------------------------

    async def _see_to(self, claim: Claim) -> Settlement | None:
        """Run an event; return what becomes of it, None when it is not ours any more."""
        try:
            return await self._run(claim)
        except NotResolvedError as error:
            if error.status == 503:
                return self._put_back(claim, 1)
            return self._settled(claim, NO_WORKER)
        except BusyError as error:
            return self._put_back(claim, error.retry_after_s)
        except (_Unknown, *OUTAGE):
            return self._put_back(claim, 1)
        except Exception:  # noqa: BLE001 - one event must not end all others
            _log.exception("the scheduled event %s could not be run", claim.id)
            return self._put_back(claim, 30)

    async def _run(self, claim: Claim) -> Settlement | None:
        if claim.attempts >= MAX_ATTEMPTS:
            _log.error(
                "worker %s: the scheduled event %s took its host or runner down %d times, it is given up",
                claim.worker,
                claim.id,
                claim.attempts,
            )
            return self._settled(claim, OutcomeKind.HOST_LOST)
        time_ms = round(claim.scheduled_at.timestamp() * 1000)
        event = ScheduledEvent(str(claim.id), claim.cron, time_ms)
        outcome = await self._runs.run(event, str(claim.worker), lambda: self._begin(claim))
        return None if outcome is None else self._judge(claim, outcome)

    async def _begin(self, claim: Claim) -> bool:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._beginning.append((claim, future))
        self._wake.set()
        return await future

    def _judge(self, claim: Claim, outcome: Outcome) -> Settlement:
        match outcome.kind:
            case OutcomeKind.TERMINATED | OutcomeKind.ABORTED:
                return self._put_back(claim, counted=False)
            case OutcomeKind.BUSY:
                return self._put_back(claim, 1, counted=False)
            case OutcomeKind.HOST_LOST if claim.attempts + 1 < MAX_ATTEMPTS:
                return self._put_back(claim)
            case kind:
                return self._settled(claim, kind)

    def _settled(self, claim: Claim, outcome: str) -> Settlement:
        return Settlement(claim=claim, at=self._clock.now(), outcome=outcome)

    def _put_back(self, claim: Claim, after_s: float = 0, *, counted: bool = True) -> Settlement:
        now = self._clock.now()
        again = now + timedelta(seconds=after_s)
        return Settlement(claim=claim, at=now, again=again, counted=counted)


def _tell(refused: list[Refusal]) -> None:
    for one in refused:
        _log.error("worker %s: cron %s: %s", one.worker, one.cron, one.reason)


class _Unknown(Exception):  # noqa: N818 - it is an answer
    """Whether an event is ours still could not be asked."""
