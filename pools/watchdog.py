"""The host's watchdog: one thread that checks every lane's running turn against its limits.

A turn is JavaScript on a lane's thread; nothing else can stop it. The watchdog samples: it looks every few milliseconds, so that a
turn pays for two short locks and two clock readings, and not for a timer.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

from pools.protocol import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.v8.isolate import Isolate

_STUCK_NS: Final = 1_500_000_000
"""A turn that goes on this long after it was terminated will never come back."""
_HEARTBEAT_NS: Final = 1_000_000_000
_QUIET_LOOKS: Final = 100
"""So often it looks in vain before it rests."""


class TurnWatch:
    """The running turn of one lane.

    The lane calls :meth:`begin` and :meth:`end` around a turn. Between them the watchdog may terminate it; the lock makes
    sure that a termination never hits the isolate's next turn.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._isolate: Isolate | None = None
        self._clock = 0
        self._cpu_started_ns = 0
        self._cpu_deadline_ns = 0
        self._wall_deadline_ns = 0
        self._verdict: OutcomeKind | None = None
        self._verdict_ns = 0
        self._pressed = False

    def bind(self) -> None:
        """Watch the calling thread's CPU clock from now on."""
        self._clock = time.pthread_getcpuclockid(threading.get_ident())

    def begin(self, isolate: Isolate, cpu_left_ns: int, wall_deadline_ns: int) -> None:
        """Start watching a turn; 0 for a limit that is off. ``wall_deadline_ns`` is on the monotonic clock."""
        now = time.thread_time_ns()
        with self._lock:
            self._isolate = isolate
            self._cpu_started_ns = now
            self._cpu_deadline_ns = now + cpu_left_ns if cpu_left_ns else 0
            self._wall_deadline_ns = wall_deadline_ns
            self._verdict = None
            self._pressed = False
            isolate.external_bytes = 0

    def end(self) -> tuple[int, OutcomeKind | None]:
        """Stop watching; return the CPU time of the turn in ns, and why it was terminated."""
        with self._lock:
            self._isolate = None
        return time.thread_time_ns() - self._cpu_started_ns, self._verdict

    def check(self, now_ns: int) -> bool:
        """Check the turn, from the watchdog's thread; True when a turn is running."""
        with self._lock:
            isolate = self._isolate
            if isolate is None:
                return False
            if self._verdict is not None:
                if now_ns - self._verdict_ns > _STUCK_NS:
                    # The runner sees the socket close and reports HostLost for what ran here.
                    os.kill(os.getpid(), signal.SIGKILL)
                return True
            if self._cpu_deadline_ns and time.clock_gettime_ns(self._clock) > self._cpu_deadline_ns:
                self._terminate(isolate, OutcomeKind.CPU_LIMIT, now_ns)
            elif self._wall_deadline_ns and now_ns > self._wall_deadline_ns:
                self._terminate(isolate, OutcomeKind.WALL_CLOCK, now_ns)
            elif isolate.external_bytes > isolate.heap_max_bytes:
                if self._pressed:
                    self._terminate(isolate, OutcomeKind.MEMORY_LIMIT, now_ns)
                else:
                    # It may be garbage: let V8 collect it, and look again.
                    self._pressed = True
                    isolate.press()
                    isolate.external_bytes = 0
                    isolate.request_sample()
            else:
                isolate.request_sample()
            return True

    def _terminate(self, isolate: Isolate, kind: OutcomeKind, now_ns: int) -> None:
        self._verdict = kind
        self._verdict_ns = now_ns
        isolate.terminate()


class Watchdog:
    """Checks all lanes of a host, and calls ``heartbeat`` once a second.

    It rests while no lane has work: lanes call :meth:`wake` when they get some.
    """

    def __init__(
        self, watches: list[TurnWatch], interval_ms: int, heartbeat: Callable[[], None]
    ) -> None:
        self._watches = watches
        self._interval_s = interval_ms / 1000
        self._heartbeat = heartbeat
        self._busy = threading.Event()

    def wake(self) -> None:
        """Look at turns again; called by a lane before its first turn after a rest."""
        if not self._busy.is_set():
            self._busy.set()

    def run(self) -> None:
        """Watch for ever, on the calling thread."""
        quiet = 0
        beat_ns = 0
        while True:
            now_ns = time.monotonic_ns()
            if now_ns - beat_ns >= _HEARTBEAT_NS:
                beat_ns = now_ns
                self._heartbeat()
            running = [watch.check(now_ns) for watch in self._watches]
            quiet = 0 if any(running) else quiet + 1
            if quiet < _QUIET_LOOKS:
                time.sleep(self._interval_s)
                continue
            # Whoever comes from now on sets it again, and ends the rest at once; who came before has begun meanwhile, or is seen at the
            # next heartbeat.
            if self._busy.is_set():
                self._busy.clear()
                quiet = 0
            elif self._busy.wait(max(0.0, (beat_ns + _HEARTBEAT_NS - time.monotonic_ns()) / 1e9)):
                quiet = 0
