"""Who it was that took an isolate host along.

Must not know tasks beyond their ids.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from uuid import UUID

_MAX_SUSPECTS: Final = 10_000


class Suspects:
    """Tasks whose hosts died: whoever was alone there, or was there again, did it."""

    def __init__(self) -> None:
        self._seen: OrderedDict[UUID, None] = OrderedDict()

    def guilty(self, task: UUID, *, alone: bool) -> bool:
        """Tell whether a host that died with this task is counted against it."""
        known = task in self._seen
        self._seen[task] = None
        if len(self._seen) > _MAX_SUSPECTS:
            self._seen.popitem(last=False)
        return alone or known
