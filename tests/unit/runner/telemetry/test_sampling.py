"""Which events get spans."""

from __future__ import annotations

from runner.telemetry.sampling import Allowance, Sampler


def test_each_worker_has_an_allowance_of_its_own() -> None:
    """A busy worker takes nothing from others, and gets more as time passes."""
    allowance = Allowance(per_s=2, burst=3)

    assert [allowance.take("busy", 0) for _ in range(5)] == [True, True, True, False, False]
    assert allowance.take("other", 0)
    assert [allowance.take("busy", 1) for _ in range(3)] == [True, True, False]


def test_workers_are_remembered_up_to_a_bound() -> None:
    """As many workers as one likes take a bounded amount of memory; the least recently used are forgotten."""
    allowance = Allowance(per_s=0.001, burst=1, max_workers=3)
    for number in range(100):
        allowance.take(f"worker {number}", 0)

    assert len(allowance) == 3
    assert not allowance.take("worker 99", 0)
    assert allowance.take("worker 0", 0)


def test_nothing_is_sampled_at_0_but_errors() -> None:
    """OTLP_TRACES_PER_SECOND=0 leaves errors."""
    sampler = Sampler(0)

    assert not sampler.wants("w", 0, asked=None)
    assert not sampler.wants("w", 0, asked=True)
    assert sampler.keeps("w", 0)


def test_a_trace_that_is_not_sampled_stays_so() -> None:
    """The caller's decision is kept, and costs nothing."""
    sampler = Sampler(1)

    assert not sampler.wants("w", 0, asked=False)
    assert [sampler.wants("w", 0, asked=None) for _ in range(3)] == [True, True, False]


def test_a_client_can_not_have_more_sampled_than_others() -> None:
    """The flag of a trace takes from the same allowance."""
    sampler = Sampler(1)

    assert [sampler.wants("w", 0, asked=True) for _ in range(4)] == [True, True, False, False]


def test_a_worker_that_only_fails_does_not_fill_the_collector() -> None:
    """Errors are kept, up to so many a second of one worker."""
    sampler = Sampler(0)

    kept = sum(sampler.keeps("w", 0) for _ in range(1000))

    assert kept == 4 * Sampler.ERRORS_PER_S
    assert sampler.keeps("other", 0)
