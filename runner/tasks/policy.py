"""When a task that failed is tried again.

Must not know tasks or tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

Backoff: TypeAlias = Literal["fixed", "linear", "exponential"]

_LONGEST_MS: Final = 366 * 24 * 3600 * 1000


class RetryPolicy(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """How long a task waits before its next attempt.

    ``fixed``: ``delay_ms``; ``linear``: ``delay_ms`` times the number of attempts so far; ``exponential``: times ``factor`` for each of
    them but the first. Never more than ``max_delay_ms``. ``jitter`` is the part of a delay that chance may take away.
    """

    kind: Backoff = "exponential"
    delay_ms: int = 1_000
    max_delay_ms: int = 3_600_000
    factor: float = 2.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.delay_ms <= _LONGEST_MS or not 0 <= self.max_delay_ms <= _LONGEST_MS:
            raise ValueError(f"delay_ms and max_delay_ms are 0 to {_LONGEST_MS} (a year)")
        if not 1 <= self.factor <= 100:
            raise ValueError("factor is 1 to 100")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter is 0 to 1")

    def delay_s(self, attempts: int, chance: Callable[[], float]) -> float:
        """Return the seconds to wait after so many attempts; ``chance`` gives a number from 0 to 1."""
        past = max(attempts, 1)
        match self.kind:
            case "fixed":
                delay_ms = float(self.delay_ms)
            case "linear":
                delay_ms = float(self.delay_ms) * past
            case "exponential":
                # Beyond this the cap has been reached, and floats would end.
                delay_ms = self.delay_ms * self.factor ** min(past - 1, 100)
        delay_ms = min(delay_ms, self.max_delay_ms)
        return delay_ms * (1 - self.jitter * chance()) / 1000


DEFAULT_RETRY: Final = RetryPolicy()
