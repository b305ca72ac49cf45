"""Which instants an expression means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import CronError
from runner.schedules.cron import parse_cron

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("* * * * *", "2026-03-01T12:01:00"),
        ("*/10 * * * * *", "2026-03-01T12:00:10"),
        ("30 15 12 * * *", "2026-03-01T12:15:30"),
        ("0 9 * * MON-fri", "2026-03-02T09:00:00"),
        ("0 0 L * *", "2026-03-31T00:00:00"),
        ("0 0 * * 1#2", "2026-03-09T00:00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00"),
        ("@daily", "2026-03-02T00:00:00"),
        ("@HOURLY", "2026-03-01T13:00:00"),
    ],
)
def test_an_expression_has_a_next_instant(text: str, following: str) -> None:
    assert parse_cron(text).after(NOON) == at(following)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * * *", "five fields"),
        ("@reboot", "five fields"),
        ("60 * * * *", "minute"),
        ("61 * * * * *", "second"),
        ("*/0 * * * *", "minute"),
        ("* * 0 * *", "day-of-month"),
        ("0 0 30 2 *", "day-of-month"),
        ("0 0 L 2 MON#5x", "day-of-week"),
        ("* * * * " + "1," * 200 + "1", "255 characters"),
        ("* * * * \0", "day-of-week"),
    ],
)
def test_what_schedules_nothing_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(CronError) as refused:
        parse_cron(text)
    assert reason in str(refused.value)


@pytest.mark.parametrize("zone", ["Nowhere/Nothing", "../../etc/passwd", "\0", "x" * 300])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(CronError):
        parse_cron("* * * * *", zone)


def test_the_last_instant_counts_the_present_one() -> None:
    hourly = parse_cron("0 * * * *")
    assert hourly.until(NOON) == NOON
    assert hourly.until(NOON.replace(microsecond=1)) == NOON
    assert hourly.until(NOON.replace(hour=11, minute=59, second=59)) == at("2026-03-01T11:00:00")
    assert hourly.after(NOON.replace(hour=11, minute=59, microsecond=999_999)) == NOON


def test_a_time_zone_means_local_times() -> None:
    berlin = parse_cron("30 9 * * *", "Europe/Berlin")
    assert berlin.after(NOON) == at("2026-03-02T08:30:00")
    assert berlin.after(at("2026-03-29T00:00:00")) == at("2026-03-29T07:30:00")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30 2 * * *", 0), ("0 30 2 * * *", 0), ("15 30 2 * * *", 15)]
)
def test_a_fixed_time_comes_once_on_the_days_on_which_clocks_change(
    text: str, seconds: int
) -> None:
    """In March there is no 2:30 in Berlin: it comes at 3:00; in October there are two: the first counts."""
    berlin = parse_cron(text, "Europe/Berlin")
    shift = timedelta(seconds=seconds)
    march = berlin.after(at("2026-03-28T12:00:00"))
    assert march == at("2026-03-29T01:00:00") + shift
    assert berlin.after(march) == at("2026-03-30T00:30:00") + shift
    october = berlin.after(at("2026-10-24T12:00:00"))
    assert october == at("2026-10-25T00:30:00") + shift
    assert berlin.after(october) == at("2026-10-26T01:30:00") + shift
    assert berlin.until(at("2026-10-25T12:00:00")) == october


@given(
    st.sampled_from(
        ["30 2 * * *", "7 30 2 * * *", "*/20 * * * *", "15 2,3 * * *", "*/30 30 2 * * *"]
    ),
    st.integers(0, 10 * 3600).map(
        lambda seconds: at("2026-10-24T20:00:00") + timedelta(seconds=seconds)
    ),
)
def test_instants_only_ever_go_forward_even_when_clocks_are_set_back(
    text: str, start: datetime
) -> None:
    cron = parse_cron(text, "Europe/Berlin")
    instants = [start]
    for _ in range(8):
        following = cron.after(instants[-1])
        assert following is not None
        instants.append(following)
    assert all(earlier < later for earlier, later in pairwise(instants))
    last = cron.until(instants[-1])
    assert last is not None
    assert last <= instants[-1]


@given(
    st.lists(st.text("0123456789*/,-#LWSUNMONJAN? \u0661", max_size=8), min_size=1, max_size=7).map(
        " ".join
    )
)
def test_whatever_is_written_there_is_an_expression_or_refused(text: str) -> None:
    """No other error, and no long search."""
    try:
        cron = parse_cron(text)
    except CronError:
        return
    following = cron.after(NOON)
    assert following is not None
    assert cron.until(following) == following
