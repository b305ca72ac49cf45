"""How many ops of each name one execution may make: told to the core, checked again by the runner.

Must not import anything heavy: the settings are read with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class OpLimit(NamedTuple):
    """Limits of one op; 0 switches one off. For ``console``: lines and bytes."""

    total: int
    at_once: int


DEFAULT_OP_LIMITS: Final[dict[str, OpLimit]] = {
    "fetch": OpLimit(50, 6),
    "kv": OpLimit(1000, 10),
    "database": OpLimit(100, 5),
    "storage": OpLimit(100, 3),
    "assets": OpLimit(100, 6),
    "service": OpLimit(32, 0),
    "tasks": OpLimit(100, 5),
    "crypto": OpLimit(1000, 4),
    "websocket": OpLimit(10, 6),
    "cache": OpLimit(200, 6),
    "timer": OpLimit(10_000, 0),
    "console": OpLimit(10_000, 1 << 20),
}


def limits_json(limits: Mapping[str, OpLimit]) -> bytes:
    """Return ``limitsJson`` of the boundary."""
    return msgspec.json.encode({"ops": limits})
