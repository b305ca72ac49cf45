"""Leases of one executor are renewed at a third of their length.

While the database is away executions go on: whoever takes a task over meanwhile makes their outcomes worthless, not wrong.
Must not know how tasks are executed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from runner.tasks.duty import Duty

if TYPE_CHECKING:
    from runner.tasks.engine import TaskEngine
    from runner.tasks.leases import Hand

_log = logging.getLogger(__name__)


class LeaseRenewal(Duty):
    """Renews what is in hand; an execution whose lease is not ours any more is ended."""

    name = "leases"

    def __init__(self, engine: TaskEngine, hand: Hand, lease_s: float) -> None:
        super().__init__(engine.clock)
        self._engine = engine
        self._hand = hand
        self._lease_s = lease_s

    async def turn(self) -> float:
        leases = list(self._hand.held())
        if leases:
            held = await self._engine.settlements.renew(
                [lease.task for lease in leases], self._lease_s, self._engine.now()
            )
            for lease in leases:
                key = lease.task.lease_id
                # For an outcome that is being written its writer finds out.
                if key not in held and key in self._hand.running:
                    _log.warning(
                        "task %s: attempt %d has lost its lease", lease.task.id, lease.task.attempts
                    )
                    lease.void("lost")
        return self._lease_s / 3
