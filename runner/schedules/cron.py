"""Cron expressions: which instants one means.

Five fields (minute, hour, day of month, month, day of week), or six with the seconds first; names, lists, ranges, steps, ``L``, ``#`` and
``@daily`` and its like. Must not know tables or who fires what.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from runner.errors import CronError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_CHARACTERS: Final = 255
"""What ``crons.value`` holds."""
_SECOND: Final = re.compile(r"[0-5]?[0-9]")
_NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class Cron:
    """An expression in a time zone. Instants in and out are aware; those out are in UTC, on whole seconds."""

    __slots__ = ("_fields", "_shift", "_zone", "text")

    def __init__(self, text: str, fields: str, zone: ZoneInfo | None) -> None:
        self.text = text
        self._fields = fields
        self._zone = zone
        self._shift = timedelta()
        seconds, _, rest = fields.partition(" ")
        if _SECOND.fullmatch(seconds) and len(rest.split()) == 5:
            # A run at a fixed time comes once on the days on which clocks change, with its seconds as without; CronSim sees to that
            # only where there are five fields.
            self._fields = rest
            self._shift = timedelta(seconds=int(seconds))

    def after(self, instant: datetime) -> datetime | None:
        """Return the first instant after this one; None when there is none within 50 years."""
        # Where clocks are set back, a local time means its first pass, which may lie behind us.
        return next((found for found in self._walk(instant) if found > instant), None)

    def until(self, instant: datetime) -> datetime | None:
        """Return the last instant that is not after this one; None when there is none within 50 years."""
        start = instant + timedelta(seconds=1)
        return next((found for found in self._walk(start, reverse=True) if found <= instant), None)

    def _walk(self, instant: datetime, *, reverse: bool = False) -> Iterator[datetime]:
        # Without a zone of its own the calendar has no gaps, which is faster to walk.
        local = (instant - self._shift).astimezone(self._zone or UTC)
        for found in CronSim(self._fields, local, reverse=reverse):
            yield found.astimezone(UTC) + self._shift


def parse_cron(text: str, timezone: str = "UTC") -> Cron:
    """Read an expression, to be checked wherever ``crons`` is written.

    Raises
    ------
    CronError
        It is none, it never fires, or the time zone is unknown; the message says which.

    """
    if len(text) > _MAX_CHARACTERS:
        raise CronError(text, f"it has more than {_MAX_CHARACTERS} characters")
    fields = " ".join(_NICKNAMES.get(text.strip().lower(), text).split())
    if len(fields.split()) not in {5, 6}:
        reason = (
            "it needs five fields (minute hour day month weekday), or six with the seconds first"
        )
        raise CronError(text, reason)
    try:
        zone = None if timezone.upper() in {"UTC", ""} else ZoneInfo(timezone)
    except (OSError, ValueError, KeyError):
        raise CronError(text, f"there is no time zone {timezone[:64]!r}") from None
    cron = Cron(text, fields, zone)
    try:
        following = cron.after(datetime.now(UTC))
    except CronSimError as error:
        raise CronError(text, str(error).replace("Bad ", "the field is wrong: ")) from None
    if following is None:
        raise CronError(text, "it never fires")
    return cron
