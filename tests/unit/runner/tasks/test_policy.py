"""When a task is tried again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.tasks.policy import DEFAULT_RETRY, RetryPolicy
from runner.tasks.settlements import read_policy


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (RetryPolicy(kind="fixed", delay_ms=500, jitter=0), [0.5, 0.5, 0.5]),
        (RetryPolicy(kind="linear", delay_ms=500, jitter=0), [0.5, 1.0, 1.5]),
        (RetryPolicy(kind="exponential", delay_ms=500, jitter=0), [0.5, 1.0, 2.0]),
        (
            RetryPolicy(kind="exponential", delay_ms=500, factor=10, max_delay_ms=3000, jitter=0),
            [0.5, 3.0, 3.0],
        ),
    ],
)
def test_delays_grow_as_the_policy_says(policy: RetryPolicy, delays: list[float]) -> None:
    assert [policy.delay_s(attempts, lambda: 0.5) for attempts in (1, 2, 3)] == delays


@given(
    st.builds(
        RetryPolicy,
        kind=st.sampled_from(["fixed", "linear", "exponential"]),
        delay_ms=st.integers(0, 10**10),
        max_delay_ms=st.integers(0, 10**10),
        factor=st.floats(1, 100),
        jitter=st.floats(0, 1),
    ),
    st.integers(0, 10**6),
    st.floats(0, 1),
)
def test_a_delay_is_never_negative_nor_above_its_cap(
    policy: RetryPolicy, attempts: int, chance: float
) -> None:
    """Whatever the policy, after however many attempts; the row gives back what was put in."""
    delay_s = policy.delay_s(attempts, lambda: chance)
    assert 0 <= delay_s <= policy.max_delay_ms / 1000
    assert read_policy(msgspec.json.encode(policy).decode()) == policy


def test_chance_takes_away_no_more_than_the_jitter() -> None:
    policy = RetryPolicy(kind="fixed", delay_ms=1000, jitter=0.25)
    assert policy.delay_s(1, lambda: 0.0) == 1.0
    assert policy.delay_s(1, lambda: 1.0) == 0.75


@pytest.mark.parametrize(
    "fields",
    [{"delay_ms": -1}, {"max_delay_ms": -1}, {"factor": 0.5}, {"factor": 101}, {"jitter": 1.5}],
)
def test_a_policy_that_can_not_be_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"is 0 to 1|is 1 to 100|are 0 to"):
        RetryPolicy(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", [None, "7", "{}x", '{"kind":"never"}', '{"delay_ms":-5}', '{"unknown":1}']
)
def test_what_is_no_policy_is_read_as_the_default(text: str | None) -> None:
    assert read_policy(text) == DEFAULT_RETRY
