"""An executor's tasks in hand: each under its lease, until its outcome is written or the lease is lost.

Must not know SQL, nor how tasks are executed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from runner.tasks.task import ClaimedTask

EndedBy: TypeAlias = Literal["", "cancelled", "lost", "timeout", "shutdown"]


class Lease:
    """One attempt under way, as its execution sees it: when it has to end, the execution is cancelled, and ``ended_by`` says why."""

    __slots__ = ("_hand", "ended_by", "entered", "job", "ruled", "started", "task", "timer")

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
        self.timer: asyncio.TimerHandle | None = None

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
    """The leases of one executor: those whose execution goes on, and those whose outcome waits to be written."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.running: dict[UUID, Lease] = {}
        self.unwritten: dict[UUID, Lease] = {}

    def __len__(self) -> int:
        return len(self.running) + len(self.unwritten)

    def held(self) -> Iterator[Lease]:
        yield from self.running.values()
        yield from self.unwritten.values()

    def find(self, lease: UUID) -> Lease | None:
        return self.running.get(lease) or self.unwritten.get(lease)

    def drop(self, lease: Lease) -> None:
        self.unwritten.pop(lease.task.lease_id, None)
