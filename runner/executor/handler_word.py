"""One attempt's clock, and what its handler says about itself when it begins: its own timeout counts if the task says none.

Must not know where tasks come from.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

from pools.protocol import OutcomeKind
from runner.executor.handler_settings import HandlerSettings, read_handler_settings

if TYPE_CHECKING:
    import msgspec

    from runner.execution import Execution
    from runner.tasks.leases import Lease


_GRACE_S: Final = 2.0


class HandlerWord:
    """``await attempts.run(..., begun=word.begun)``, then ``word.close()``.

    ``given_ms`` is the task's own timeout, ``default_ms`` what counts without one. ``lease``: has a clock already, which ends an
    attempt that has not begun. ``cpu_ms``: what ends a turn that does not come to its end; nothing else can.
    """

    def __init__(
        self,
        task_type: str | None,
        given_ms: int | None,
        default_ms: int,
        *,
        cpu_ms: int,
        lease: Lease | None = None,
    ) -> None:
        self._type = task_type
        self._given = given_ms is not None
        self._lease = lease
        self.cpu_ms = cpu_ms
        self.timeout_ms = given_ms or default_ms
        self.said = HandlerSettings()
        self.refusal: str | None = None
        """Why what it says can not be used: the attempt is ended, and failed for good."""
        self.execution: Execution | None = None
        self._started = 0.0
        self._over = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def may_change(self) -> bool:
        """The handler may say another timeout: no clock that is set at the start can be the last word."""
        return self._type is not None and not self._given

    def begun(self, execution: Execution) -> None:
        self.execution = execution
        execution.on_settings = self._hear
        if not self.may_change:
            return
        if self._lease is None:
            self._started = asyncio.get_running_loop().time()
        else:
            self._started = self._lease.started
            self._lease.deadline = math.inf
        self._end_in_time()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _hear(self, text: msgspec.Raw) -> None:
        if self._over:
            # It began too late, behind another one's turn: what ended it is what counted until then.
            return
        try:
            self.said = read_handler_settings(text)
        except ValueError as error:
            self.refusal = f"the settings of tasks[{self._type!r}] can not be used: {error}"
            self._end(OutcomeKind.TERMINATED)
            return
        if self.said.timeout is not None and self.may_change:
            self.timeout_ms = self.said.timeout
            self._end_in_time()

    def _end_in_time(self) -> None:
        self.close()
        loop = asyncio.get_running_loop()
        at = self._started + self.timeout_ms / 1000
        self._timer = loop.call_at(at, self._end, OutcomeKind.WALL_CLOCK)

    def _end(self, kind: OutcomeKind) -> None:
        assert self.execution is not None
        self._over = True
        # A turn goes on until its CPU time is over; for that alone no host is to be ended, with all the others on it.
        self.execution.terminate(kind, _GRACE_S + 2 * self.cpu_ms / 1000)
