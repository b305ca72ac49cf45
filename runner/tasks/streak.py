"""Tenants with many due tasks, of whom the next ones are known to be near: where they are is remembered for a moment.

Claimed tasks lie at the head of the index until they are swept away, and whoever looks for what is due passes them all. Must not know
SQL.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from runner.tasks.task import ClaimedTask

    Flow: TypeAlias = tuple[str, UUID]

STREAK_S: Final = 0.05
"""Others wait so long at most for their first task."""
BUSY: Final = 100
"""Who claims less leaves little behind, and may well look around each time."""
_RECENT_S: Final = 1.0


class Streak:
    """Begins with a full claim of who claims much, and goes on for a while; the more tenants had a turn lately, the shorter.

    ``length_s`` and ``busy``: tasks in a second.
    """

    def __init__(self, length_s: float = STREAK_S, busy: int = BUSY) -> None:
        self._length_s = length_s
        self._busy = busy
        self._second = 0.0
        self._claimed = 0
        self._since: dict[Flow, tuple[int, datetime]] = {}
        self._until = 0.0
        self._recent: dict[Flow, float] = {}

    def goes_on(self) -> bool:
        return bool(self._since) and time.monotonic() < self._until

    def begin(self, tasks: Sequence[ClaimedTask]) -> None:
        """Begin after a claim that was full; with no tasks there is none."""
        self._since = {}
        if not tasks:
            return
        now = time.monotonic()
        if not self._is_busy(now, len(tasks)):
            return
        self.note(tasks)
        self._recent = {flow: at for flow, at in self._recent.items() if at > now - _RECENT_S}
        self._recent.update(dict.fromkeys(self._since, now))
        others = len(self._recent) - len(self._since)
        self._until = now + self._length_s / (1 + others)

    def note(self, tasks: Sequence[ClaimedTask]) -> None:
        """Go on behind these, which come in the order of their urgency."""
        self._claimed += len(tasks)
        for task in tasks:
            self._since[task.queue, task.tenant] = task.priority, task.scheduled_at

    def values(self) -> dict[str, Any]:
        return {
            "flow_queues": [queue for queue, _ in self._since],
            "flow_tenants": [tenant for _, tenant in self._since],
            "priorities": [priority for priority, _ in self._since.values()],
            "sinces": [since for _, since in self._since.values()],
        }

    def _is_busy(self, now: float, number: int) -> bool:
        if now - self._second > 2:
            self._second, self._claimed = now, 0
        elif now - self._second > 1:
            self._second, self._claimed = now, self._claimed // 2
        self._claimed += number
        return self._claimed >= self._busy
