"""JSON on its way into ``jsonb``, which has less than JSON has.

Must not know tasks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.tasks.errors import PayloadTooLargeError, TaskRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_encode: Final[Callable[[Any], bytes]] = msgspec.json.Encoder().encode


def encode_json(field: str, value: Any, limit: int) -> str | None:
    """Return a value as JSON; None for None.

    Raises
    ------
    TaskRefusedError
        JSON has no such value, or ``jsonb`` has not: text with a zero character.
    PayloadTooLargeError
        It has more than ``limit`` bytes.

    """
    if value is None:
        return None
    try:
        encoded = bytes(value) if isinstance(value, msgspec.Raw) else _encode(value)
        text = encoded.decode()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise TaskRefusedError(field, f"is no JSON: {error}") from None
    if len(encoded) > limit:
        raise PayloadTooLargeError(field, len(encoded), limit)
    if b"\\u0000" in encoded and _NUL.search(encoded):
        raise TaskRefusedError(
            field, "has text with a zero character, which the database can not have"
        )
    return text
