"""How the tasks server names its tasks: 24 characters, A to Z and 0 to 9, for the row's id (a UUID of version 7).

The 122 bits of such a UUID that are not fixed, as a number of base 36: each id has one name, each name at most one id. Capital letters
are written, small ones are read, too.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

LENGTH: Final = 24
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE: Final = len(_DIGITS)
_PAIRS: Final = tuple(first + second for first in _DIGITS for second in _DIGITS)
"""Two digits at once, as a page of a thousand names is written at once."""
_LOW: Final = (1 << 62) - 1
_MIDDLE: Final = (1 << 12) - 1
_BITS: Final = 122


def queue_id(task: UUID) -> str:
    """Return the name of a task."""
    whole = task.int
    number = whole >> 80 << 74 | (whole >> 64 & _MIDDLE) << 62 | whole & _LOW
    pairs = []
    for _ in range(LENGTH // 2):
        number, pair = divmod(number, _BASE * _BASE)
        pairs.append(_PAIRS[pair])
    pairs.reverse()
    return "".join(pairs)


def task_of(name: str) -> UUID | None:
    """Return the row's id; None when no task can have this name."""
    if len(name) != LENGTH or not (name.isascii() and name.isalnum()):
        return None
    number = int(name, _BASE)
    if number >> _BITS:
        return None
    whole = number >> 74 << 80 | (number >> 62 & _MIDDLE) << 64 | number & _LOW
    return UUID(int=whole | 0x7 << 76 | 0b10 << 62)
