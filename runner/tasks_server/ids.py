"""ULIDs, by which owners are known: 48 bits of time, 80 of chance, 26 characters; in the database they are UUIDs.

Source: https://github.com/ulid/spec.
"""

from __future__ import annotations

import secrets
import time
from typing import Final
from uuid import UUID

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_LENGTH: Final = 26
_CHANCE_BITS: Final = 80


def new_ulid() -> UUID:
    return UUID(int=time.time_ns() // 1_000_000 << _CHANCE_BITS | secrets.randbits(_CHANCE_BITS))


def write_ulid(value: UUID) -> str:
    """Return the 26 characters of a ULID."""
    number = value.int
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def read_ulid(text: str) -> UUID | None:
    """Return the ULID that is written so, in letters of either size; None when it is none."""
    if len(text) != _LENGTH:
        return None
    number = 0
    for digit in text.upper():
        value = _VALUES.get(digit)
        if value is None:
            return None
        number = number << 5 | value
    return UUID(int=number) if number < 1 << 128 else None
