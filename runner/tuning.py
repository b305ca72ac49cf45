"""What a process that serves sets for itself, once everything is there that stays: how Python and the kernel treat it."""

from __future__ import annotations

import gc
import logging
import os
from typing import Final

_log = logging.getLogger(__name__)
_THRESHOLD: Final = 20_000


def collect_rarely() -> None:
    """Have Python look for garbage seldom: what is there stays, and what an event makes has no cycles.

    It is worth a tenth of the process's CPU time.
    """
    gc.freeze()
    gc.set_threshold(_THRESHOLD)


def schedule(how: str) -> None:
    """Have the kernel schedule the calling thread, the event loop's, as ``RUNNER_SCHEDULING`` says.

    ``batch``: what runs may finish its slice when the loop wakes up. On a busy machine the loop would else interrupt a lane for each
    frame and each request; where a CPU is idle nothing changes. What is started from here on inherits it; hosts undo it. See
    docs/decisions/023.
    """
    if how != "batch":
        return
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError as error:
        _log.info("RUNNER_SCHEDULING=batch: the kernel refuses it: %s", error)
