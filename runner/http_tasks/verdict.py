"""What becomes of a task by how an attempt of it ended: done, tried again, and when, or failed.

The table of seed 004: 2xx and 3xx are a success; all else is tried again while there are retries. Must not know how tasks are sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from runner.http_tasks.model import Answered
from runner.tasks.task import Completed, Failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from runner.http_tasks.model import HttpConfig
    from runner.http_tasks.outgoing import Incoming
    from runner.tasks.task import Outcome

TIMEOUT: Final = Answered(status=408, body=b"TimeoutError: Timeout has occurred")
OVERSIZE: Final = Answered(status=422, body=b"The response size cannot be more than 32768")
_FIRST_ERROR: Final = 400
_JITTER: Final = 0.2
_MAX_DOUBLINGS: Final = 50
_MAX_GROWN_S: Final = 24 * 3600.0
"""Exponential growth ends here, unless the interval itself is longer."""
_MAX_RETRY_AFTER_S: Final = 3600.0
_LONGEST_S: Final = 100 * 366 * 24 * 3600.0
_ASKED_TO_WAIT: Final = frozenset({429, 503})


def unanswered(words: str) -> Answered:
    """Return the end of an attempt that nobody answered."""
    return Answered(status=500, body=f"NetworkError: {words}".encode())


def answered(incoming: Incoming, now: float) -> Answered:
    """Return the end of an attempt that a server answered."""
    wait_s = None
    if incoming.status in _ASKED_TO_WAIT and (values := incoming.values("retry-after")):
        wait_s = _retry_after_s(values[0], now)
    return Answered(status=incoming.status, body=incoming.body, retry_after_s=wait_s)


def outcome_of(
    config: HttpConfig,
    end: Answered,
    result: dict[str, Any],
    *,
    attempt: int,
    chance: Callable[[], float],
) -> Outcome:
    """Return what is written down of attempt number ``attempt`` (1 is the first); ``result`` is what is kept of its answer."""
    if end.status < _FIRST_ERROR:
        return Completed(result)
    at = config.retry_at
    delay_s = None if at is not None else retry_delay_s(config, attempt, chance)
    if delay_s is not None and end.retry_after_s is not None:
        delay_s = max(delay_s, end.retry_after_s)
    return Failed(
        error=f"HTTP status {end.status}",
        reason="timeout" if end.status == TIMEOUT.status else "status",
        final=attempt > config.retry or end.status in config.ignore_status_code,
        max_attempts=1 + config.retry,
        retry_after_s=delay_s,
        retry_at=None if at is None else datetime.fromtimestamp(at / 1000, UTC),
        result=result,
    )


def retry_delay_s(config: HttpConfig, attempt: int, chance: Callable[[], float]) -> float:
    """Return how long to wait after an attempt, in seconds; ``chance`` gives a number from 0 to 1."""
    backoff = config.retry_backoff or ("linear" if config.retry_exponential else "fixed")
    delay_s = config.retry_interval / 1000
    if backoff == "linear":
        delay_s *= attempt
    elif backoff == "exponential":
        grown_s = delay_s * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
        delay_s = min(grown_s, max(delay_s, _MAX_GROWN_S)) * (1 - _JITTER * chance())
    return min(delay_s, _LONGEST_S)


def next_retry_at_ms(config: HttpConfig, attempt: int, now: float) -> int:
    """Return when the attempt after this one would be, in ms since 1970; 0 if there is none."""
    if attempt > config.retry:
        return 0
    if config.retry_at is not None:
        return config.retry_at
    return round((now + retry_delay_s(config, attempt, lambda: 0.0)) * 1000)


def _retry_after_s(value: str, now: float) -> float | None:
    """Return what a server asks for, at most an hour; None for what is neither seconds nor a date."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), _MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(at.timestamp() - now, 0.0), _MAX_RETRY_AFTER_S)
