"""What becomes of a task by how its attempt ended."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runner.http_tasks.model import Answered, HttpConfig
from runner.http_tasks.verdict import next_retry_at_ms, outcome_of, retry_delay_s
from runner.tasks.task import Completed, Failed

NO = Answered(status=500, body=b"no")


def delays(**config: object) -> list[float]:
    made = HttpConfig(retry=9, **config)  # type: ignore[arg-type]
    return [round(retry_delay_s(made, attempt, lambda: 0.0), 3) for attempt in (1, 2, 3, 4)]


def test_intervals_grow_as_the_task_says() -> None:
    """The seed's word for linear growth, none, and ours for doubling."""
    assert delays(retry_interval=500) == [0.5, 1, 1.5, 2]
    assert delays(retry_interval=500, retry_exponential=False) == [0.5] * 4
    assert delays(retry_interval=500, retry_backoff="exponential") == [0.5, 1, 2, 4]
    assert delays(retry_interval=500, retry_backoff="fixed") == [0.5] * 4
    assert delays(retry_interval=500, retry_exponential=False, retry_backoff="linear") == [0.5, 1, 1.5, 2]  # fmt: skip


def test_doubling_ends_at_a_day_and_has_jitter() -> None:
    """Unless the interval itself is longer."""
    config = HttpConfig(retry=99, retry_interval=1000, retry_backoff="exponential")
    assert retry_delay_s(config, 90, lambda: 0.0) == 86_400
    assert retry_delay_s(config, 1, lambda: 1.0) == pytest.approx(0.8)
    longer = HttpConfig(retry_interval=100_000_000, retry_backoff="exponential")
    assert retry_delay_s(longer, 5, lambda: 0.0) == 100_000


def test_the_longest_interval_is_one_that_the_database_can_have() -> None:
    config = HttpConfig(retry=999, retry_interval=(1 << 53) - 1)
    assert retry_delay_s(config, 999, lambda: 0.0) == 100 * 366 * 86_400


@pytest.mark.parametrize(("attempt", "final"), [(1, False), (2, False), (3, True)])
def test_there_are_as_many_retries_as_the_task_says(attempt: int, final: bool) -> None:
    """One attempt more than retries; the row need not say so."""
    outcome = outcome_of(HttpConfig(retry=2), NO, {}, attempt=attempt, chance=lambda: 0.0)
    assert isinstance(outcome, Failed)
    assert (outcome.final, outcome.max_attempts) == (final, 3)


def test_a_retry_at_a_time_is_at_that_time() -> None:
    """Whatever a server asks for."""
    config = HttpConfig(retry=1, retry_at=2_000_000_000_123)
    end = Answered(status=503, body=None, retry_after_s=60)
    outcome = outcome_of(config, end, {}, attempt=1, chance=lambda: 0.0)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_s is None
    assert outcome.retry_at == datetime(2033, 5, 18, 3, 33, 20, 123000, UTC)
    assert next_retry_at_ms(config, 1, 0.0) == 2_000_000_000_123
    assert next_retry_at_ms(config, 2, 0.0) == 0


@pytest.mark.parametrize("status", [200, 299, 300, 399])
def test_two_and_three_hundreds_are_a_success(status: int) -> None:
    end = Answered(status=status, body=b"")
    outcome = outcome_of(HttpConfig(), end, {"a": 1}, attempt=1, chance=lambda: 0.0)
    assert outcome == Completed({"a": 1})
