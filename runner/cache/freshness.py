"""How long a response may be kept, as its headers say (RFC 9111, for a cache that is a worker's own).

Must not know where entries are.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEVER = frozenset({"no-store", "no-cache", "private"})


def lifetime_s(headers: Iterable[tuple[str, str]], now_s: float) -> float:
    """Return seconds; 0 = not to be kept at all, infinite when the headers do not say.

    ``now_s`` is the time since the epoch.
    """
    control: dict[str, str] = {}
    expires = ""
    for name, value in headers:
        lower = name.lower()
        if lower == "cache-control":
            for part in value.split(","):
                key, _, argument = part.partition("=")
                control.setdefault(key.strip().lower(), argument.strip().strip('"'))
        elif lower == "expires":
            expires = value
    if _NEVER & control.keys():
        return 0.0
    for directive in ("s-maxage", "max-age"):
        if directive in control:
            text = control[directive]
            return float(text[:12]) if text.isascii() and text.isdigit() else 0.0
    if not expires:
        return inf
    try:
        return max(0.0, parsedate_to_datetime(expires).timestamp() - now_s)
    except (ValueError, OverflowError):
        return 0.0
