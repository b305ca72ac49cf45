"""What processes take: CPU time and memory, read from the kernel."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PAGE_BYTES = resource.getpagesize()
_CLOCK_OF_PROCESS = 2
"""``CPUCLOCK_SCHED`` of the kernel: the scheduler's count of a whole process, see clock_getcpuclockid(3)."""


def cpu_ns(pid: int) -> int:
    """Return the CPU time of all threads of a process since its start, in ns.

    ``/proc/PID/stat`` counts in hundredths of a second, ``/proc/PID/schedstat`` knows the main thread only.
    """
    return time.clock_gettime_ns((~pid << 3) | _CLOCK_OF_PROCESS)


def rss_bytes(pid: int) -> int:
    """Return the resident size of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE_BYTES


def tree_of(pid: int) -> list[int]:
    """Return a process and all its descendants; some may be gone when it returns."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text("ascii").split())
    return found


def is_host(pid: int) -> bool:
    """Tell an isolate host from what else a runner started."""
    try:
        return b"pools.host" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


class CpuMeter:
    """Measures what processes that live throughout take of the CPU from its making on."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._before = {pid: cpu_ns(pid) for pid in pids}

    def us(self) -> float:
        """Return the microseconds so far."""
        return sum(cpu_ns(pid) - before for pid, before in self._before.items()) / 1000


def own_meter() -> CpuMeter:
    return CpuMeter([os.getpid()])
