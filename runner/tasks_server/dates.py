"""Dates as clients write them: milliseconds since 1970, ISO 8601, or English text such as ``Dec 12 2012 12:12:12 AM +07:00``.

Without a zone they are UTC. Must not know the time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, the last that PostgreSQL and Python both know."""
_LONGEST: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NO_YEAR: Final = datetime(1, 1, 1)  # noqa: DTZ001 - the zone comes from the text
# What JavaScript's Date says of itself: "... GMT+0700 (Western Indonesia Time)"
_COMMENT: Final = re.compile(r"\s*\([^()]*\)\s*$")
_OFFSET: Final = re.compile(r"\b(?:GMT|UTC|UT)(?=[+-]\d)")
_ZONES: Final = {  # those of RFC 822, which JavaScript knows
    "UT": 0,
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
}


def read_date(value: str | float) -> int:
    """Return milliseconds since 1970.

    Raises
    ------
    ValueError
        It is no date, or not between 1970 and 9999.

    """
    ms = _of_text(value) if isinstance(value, str) else value
    if not 0 <= ms <= LAST_MS:
        raise ValueError("out of range")
    return int(ms)


def _of_text(text: str) -> int:
    if len(text) > _LONGEST:
        raise ValueError("too long")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _of_english(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def _of_english(text: str) -> datetime:
    from dateutil import parser

    text = _OFFSET.sub("", _COMMENT.sub("", text))
    try:
        moment = parser.parse(text, default=_NO_YEAR, tzinfos=_zone)
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        raise ValueError("no date") from error  # the parser meets text that it did not think of
    if moment.year == _NO_YEAR.year:
        raise ValueError("no year")
    return moment


def _zone(name: str | None, offset_s: int | None) -> tzinfo:
    if offset_s is not None:
        return timezone(timedelta(seconds=offset_s))
    if name is None:
        return UTC
    hours = _ZONES.get(name.upper())
    if hours is None:
        raise ValueError(f"no zone {name}")
    return timezone(timedelta(hours=hours))
