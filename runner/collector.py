"""Python's garbage collector in processes that serve: what they were made of stays, and what an event makes has no cycles.

Looking for some seldom instead of all the time is worth a tenth of their CPU time.
"""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLD: Final = 20_000


def collect_rarely() -> None:
    """Call it once, when everything is there that stays."""
    gc.freeze()
    gc.set_threshold(_THRESHOLD)
