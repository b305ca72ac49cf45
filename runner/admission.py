"""Who may start now, who waits, and who is sent away.

Two limits: so many executions in flight and waiting in total; so many at once per worker, those above it wait in the
order they came. Must not know lanes, events or HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from runner.errors import BusyError

_RETRY_AFTER_S: Final = 1


class _Worker:
    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[asyncio.Future[bool]] = deque()


class Admission:
    """Counts executions. Every successful :meth:`try_enter` or :meth:`enter` needs one :meth:`leave`."""

    def __init__(self, max_total: int, max_per_worker: int, wait_timeout_ms: int) -> None:
        self._max_total = max_total
        self._max_per_worker = max_per_worker
        self._wait_timeout_s = wait_timeout_ms / 1000
        self._workers: dict[str, _Worker] = {}
        self._line: deque[tuple[float, asyncio.Future[bool]]] = deque()
        """All who wait, with the loop's time at which they have waited too long."""
        self._timer: asyncio.TimerHandle | None = None
        self.total = 0
        """In flight and waiting."""
        self.draining = False
        """Nothing new may start; ingresses look at it first. What runs may still call other workers."""

    def try_enter(self, worker: str) -> bool:
        """Enter if that is possible without waiting.

        Raises
        ------
        BusyError
            There are too many already.

        """
        if self.total >= self._max_total:
            raise BusyError(
                f"too many requests at once ({self.total} are running or waiting)", _RETRY_AFTER_S
            )
        state = self._workers.get(worker)
        if state is None:
            state = self._workers[worker] = _Worker()
        elif state.running >= self._max_per_worker:
            return False
        self.total += 1
        state.running += 1
        return True

    async def enter(self, worker: str) -> None:
        """Enter, after waiting if need be.

        Raises
        ------
        BusyError
            There are too many already, or the wait was too long.

        """
        if self.try_enter(worker):
            return
        state = self._workers[worker]
        turn = self._wait_in_line(state)
        self.total += 1
        try:
            admitted = await turn
        except asyncio.CancelledError:
            if turn.cancelled() or not turn.result():
                self.total -= 1
            else:
                # The place was given to us in the very moment we gave up: pass it on.
                self.leave(worker)
            raise
        if not admitted:
            self.total -= 1
            raise BusyError(
                f"waited {self._wait_timeout_s:g} s for one of the {self._max_per_worker}"
                " executions that this worker may run at once",
                _RETRY_AFTER_S,
            )

    def _wait_in_line(self, state: _Worker) -> asyncio.Future[bool]:
        """Return a future that tells whether its turn has come, or its time has passed.

        All wait equally long, so one timer for the first in line does for all.
        """
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        state.waiting.append(turn)
        line = self._line
        while line and line[0][1].done():
            line.popleft()
        line.append((loop.time() + self._wait_timeout_s, turn))
        if self._timer is None:
            self._timer = loop.call_later(self._wait_timeout_s, self._send_away)
        return turn

    def _send_away(self) -> None:
        """Tell those who have waited too long; they are passed over when their turn comes."""
        loop = asyncio.get_running_loop()
        line, now = self._line, loop.time()
        while line and (line[0][1].done() or line[0][0] <= now):
            _, turn = line.popleft()
            if not turn.done():
                turn.set_result(False)
        self._timer = loop.call_at(line[0][0], self._send_away) if line else None

    def leave(self, worker: str) -> None:
        """An execution ended: the next one of its worker may start."""
        self.total -= 1
        state = self._workers[worker]
        while state.waiting:
            turn = state.waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        state.running -= 1
        if state.running == 0:
            del self._workers[worker]
