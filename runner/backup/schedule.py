"""The duty that has backups made at their time, once over all runners, and keeps count of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from runner.backup.errors import BackupError
from runner.backup.ledger import LEASE_S
from runner.backup.place import name_of
from runner.errors import DatabaseUnavailableError
from runner.tasks.duty import Duty
from runner.telemetry.families import counter, gauge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from runner.backup.child import Made
    from runner.backup.ledger import BackupLedger, Turn
    from runner.schedules.clock import Clock
    from runner.schedules.cron import Cron
    from runner.telemetry.families import Family

_log = logging.getLogger(__name__)
_LOOK_S: Final = 60.0
"""How often it is asked whether somebody's attempt failed."""
_LAST_WORDS_S: Final = 2.0


class BackupSchedule(Duty):
    """``make(name)`` makes a backup of that name, or raises ``BackupError``."""

    name = "backup"

    def __init__(
        self, ledger: BackupLedger, cron: Cron, make: Callable[[str], Awaitable[Made]], clock: Clock
    ) -> None:
        super().__init__(clock)
        self._ledger = ledger
        self._cron = cron
        self._make = make
        self._since = clock.now()
        self._made = 0
        self._failed = 0
        self._last_success = 0.0
        self._last_bytes = 0

    async def turn(self) -> float:
        due = self._cron.until(self.clock.now())
        turn = await self._ledger.claim(due, self._since) if due is not None else None
        if turn is not None:
            await self._take(turn)
        now = self.clock.now()
        following = self._cron.after(now)
        return min((following - now).total_seconds() if following else _LOOK_S, _LOOK_S)

    async def _take(self, turn: Turn) -> None:
        name = name_of(self.clock.now())
        making = asyncio.ensure_future(self._make(name))
        try:
            await self._hold(turn, making)
            made = making.result()
        except asyncio.CancelledError:
            making.cancel()
            await asyncio.wait([making])
            if self._task is not None and self._task.cancelling():
                await self._let_go(turn)
                raise
            # The lease was lost: another runner makes it.
            self._failed += 1
        except BackupError as error:
            self._failed += 1
            _log.error("the backup due at %s failed: %s", turn.due, error)
            await self._ledger.fail(turn, str(error))
        else:
            self._made += 1
            self._last_success = self.clock.now().timestamp()
            self._last_bytes = made.bytes
            _log.info("backup %s in %s: %d rows, %d bytes", name, made.place, made.rows, made.bytes)
            for gone in made.pruned:
                _log.info("backup %s was deleted, as newer ones are enough", gone)
            await self._ledger.note(
                turn, name=name, place=made.place, rows=made.rows, size=made.bytes
            )

    async def _hold(self, turn: Turn, making: asyncio.Future[Made]) -> None:
        """Renew the lease until it is made; when it is another's, give up."""
        while not (await asyncio.wait([making], timeout=LEASE_S / 3))[0]:
            try:
                if not await self._ledger.renew(turn):
                    _log.warning("the backup due at %s is another runner's now", turn.due)
                    making.cancel()
                    await asyncio.wait([making])
            except DatabaseUnavailableError as error:
                _log.warning("the lease of a backup was not renewed: %s", error)

    async def _let_go(self, turn: Turn) -> None:
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._ledger.put_back(turn)
        except (DatabaseUnavailableError, TimeoutError):
            _log.warning("another runner makes the backup when our lease has ended")

    def __call__(self) -> Iterable[Family]:
        """Tell metrics of it."""
        outcomes = {("ok",): self._made, ("failed",): self._failed}
        yield counter(
            "isolane.backups",
            "Scheduled backups that this runner made, or failed to make.",
            "{backup}",
            ("outcome",),
            {labels: float(count) for labels, count in outcomes.items()},
        )
        yield gauge(
            "isolane.backup.last_success",
            "When this runner made its last scheduled backup, in seconds since 1970; 0: not yet.",
            "s",
            (),
            {(): self._last_success},
        )
        yield gauge(
            "isolane.backup.size",
            "Of the last backup that this runner made.",
            "By",
            (),
            {(): float(self._last_bytes)},
        )
