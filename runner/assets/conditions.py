"""What a request gets of a file: all of it, a range, or word that nothing has changed (RFC 9110, 13 and 14).

Must not know where files are.
"""

from __future__ import annotations

import re
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE: Final = re.compile(r"bytes=[ \t]*(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))[ \t]*")
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


class Version(NamedTuple):
    """A file as it is now."""

    size: int
    etag: str
    """With its quotes."""
    modified_s: int | None
    """Since the epoch; None when no date tells one version from another."""

    @property
    def last_modified(self) -> str | None:
        return None if self.modified_s is None else formatdate(self.modified_s, usegmt=True)


class Part(NamedTuple):
    """What is sent: bytes from ``start`` to before ``stop``."""

    status: int
    start: int
    stop: int
    content_range: str = ""


def part_of(version: Version, headers: Mapping[str, str]) -> Part:
    """Return what a request with these headers (lower-case names) gets: 200, 206, 304 or 416."""
    if _is_known(version, headers):
        return Part(304, 0, 0)
    whole = Part(200, 0, version.size)
    # Several ranges in one are answered with all of it, which is allowed.
    wanted = _RANGE.fullmatch(headers.get("range", ""))
    if wanted is None or not _is_same(version, headers.get("if-range")):
        return whole
    first, last, final = wanted.groups()
    if final is not None:
        start, stop = max(0, version.size - int(final)), version.size
    else:
        start, stop = int(first), version.size
        if last is not None:
            if int(last) < start:
                return whole
            stop = min(stop, int(last) + 1)
    if start >= stop:
        return Part(416, 0, 0, f"bytes */{version.size}")
    return Part(206, start, stop, f"bytes {start}-{stop - 1}/{version.size}")


def _is_known(version: Version, headers: Mapping[str, str]) -> bool:
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or version.etag in _TAG.findall(tags)
    if version.modified_s is None:
        return False
    since = _seconds(headers.get("if-modified-since"))
    return since is not None and version.modified_s <= since


def _is_same(version: Version, condition: str | None) -> bool:
    """Tell whether what the client has a part of is this very version."""
    if condition is None or condition == version.etag:
        return True
    return version.modified_s is not None and _seconds(condition) == version.modified_s


def _seconds(date: str | None) -> float | None:
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
