"""How many ops of each name one execution may make: told to the core, checked again by the runner.

Must not import anything heavy: the settings are read with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from pools.protocol import STREAM_CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping


_NO_LIMIT: Final = 1 << 62


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


class OpLimits(msgspec.Struct, frozen=True):
    """``limitsJson`` of the boundary: the limits of one deployment's executions."""

    ops: dict[str, OpLimit] = {}

    def allow(self, name: str, count: int) -> bool:
        """Whether an execution may make its ``count``-th op of a name; the core rejects those that it may not itself."""
        limit = self.ops.get(name)
        return limit is None or not 0 < limit.total < count

    @property
    def console(self) -> tuple[int, int]:
        """Lines and bytes that an execution may log at most, a little more than what the core is told."""
        limit = self.ops.get("console", OpLimit(0, 0))
        return (limit.total or _NO_LIMIT) + 10, (limit.at_once or _NO_LIMIT) + STREAM_CHUNK_BYTES


def read_limits(text: bytes) -> OpLimits:
    """Return what the core is told as :func:`limits_json` says it."""
    return msgspec.json.decode(text, type=OpLimits)


def limits_json(limits: Mapping[str, OpLimit]) -> bytes:
    """Return ``limitsJson`` of the boundary."""
    return msgspec.json.encode({"ops": limits})
