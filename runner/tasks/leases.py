"""An executor's tasks in hand: each under its lease, until its outcome is written or the lease is lost.

Must not know SQL, nor how tasks are executed.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from runner.tasks.task import ClaimedTask

EndedBy: TypeAlias = Literal["", "cancelled", "lost", "timeout", "shutdown"]


class Lease:
    """One attempt under way, as its execution sees it: when it has to end, the execution is cancelled, and ``ended_by`` says why."""

    __slots__ = ("_hand", "deadline", "ended_by", "entered", "job", "ruled", "started", "task")

    def __init__(self, task: ClaimedTask, hand: Hand, *, ruled: bool) -> None:
        self.task = task
        self._hand = hand
        self.ended_by: EndedBy = ""
        self.ruled = ruled
        """It counts for a limit: its end lets others start."""
        self.started = 0.0
        """By the loop's clock."""
        self.entered = False
        self.job: asyncio.Task[None] | None = None
        self.deadline = math.inf
        """By the loop's clock: it has to end by then. Set by :meth:`Hand.begin`; who has a clock of its own sets it to never."""

    @property
    def stopping(self) -> bool:
        """The executor is shutting down: what does not end soon is put back."""
        return self._hand.stopping.is_set()

    async def stopped(self) -> None:
        """Wait until the executor shuts down."""
        await self._hand.stopping.wait()

    def enter(self) -> None:
        """Begin the execution, unless it has to end already; from now on it can be cancelled."""
        self.entered = True
        if self.ended_by:
            raise asyncio.CancelledError

    def end(self, by: EndedBy) -> None:
        """End the execution, if it goes on; the first reason counts."""
        if self.job is not None and not self.job.done() and not self.ended_by:
            self.ended_by = by
            if self.entered:
                self.job.cancel()

    def void(self, by: EndedBy) -> None:
        """Nothing of it may be written any more."""
        self.end(by)
        self._hand.drop(self)


class Hand:
    """The leases of one executor: those whose execution goes on, and those whose outcome waits to be written.

    One timer ends all executions in time, as most end before: it is set for the first deadline, and then for the first of those left.
    """

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.running: dict[UUID, Lease] = {}
        self.unwritten: dict[UUID, Lease] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def begin(self, lease: Lease, now: float, timeout_s: float) -> None:
        """Take a lease in hand, whose execution begins now, by the loop's clock."""
        lease.started = now
        lease.deadline = deadline = now + timeout_s
        self.running[lease.task.lease_id] = lease
        if self._alarm is None or deadline < self._alarm.when():
            self._set_alarm(deadline)

    def close(self) -> None:
        """Nothing begins any more, nor has anything to end."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = asyncio.get_running_loop().time()
        for lease in list(self.running.values()):
            if lease.deadline <= now:
                lease.end("timeout")
        left = [lease.deadline for lease in self.running.values() if lease.deadline > now]
        if left and (first := min(left)) < math.inf:
            self._set_alarm(first)

    def __len__(self) -> int:
        return len(self.running) + len(self.unwritten)

    def held(self) -> Iterator[Lease]:
        yield from self.running.values()
        yield from self.unwritten.values()

    def find(self, lease: UUID) -> Lease | None:
        return self.running.get(lease) or self.unwritten.get(lease)

    def drop(self, lease: Lease) -> None:
        self.unwritten.pop(lease.task.lease_id, None)
