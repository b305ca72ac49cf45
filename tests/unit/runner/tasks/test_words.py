"""Globs, JSON for the database, ids, and which instants of a schedule fire."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.schedules.cron import parse_cron
from runner.tasks.encoding import encode_json
from runner.tasks.enqueuing import TaskIds
from runner.tasks.errors import PayloadTooLargeError, TaskRefusedError
from runner.tasks.globs import like_pattern, like_patterns
from runner.tasks.schedules import choose

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("glob", "pattern"),
    [
        ("email:*", "email:%"),
        ("a?c", "a_c"),
        ("100%", "100\\%"),
        ("snake_case", "snake\\_case"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_a_glob_is_a_pattern_in_which_nothing_else_is_special(glob: str, pattern: str) -> None:
    assert like_pattern(glob) == pattern


def test_no_globs_mean_all() -> None:
    assert like_patterns([]) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=20,
)


def has_zero(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(has_zero, value))
        case dict():
            return any(has_zero(key) or has_zero(one) for key, one in value.items())
        case _:
            return False


@given(JSON)
def test_json_goes_into_the_database_as_it_is_or_is_refused(value: Any) -> None:
    """Only for zero characters; a backslash before "u0000" is none."""
    for one in (value, msgspec.Raw(json.dumps(value).encode())):
        if has_zero(value):
            with pytest.raises(TaskRefusedError, match="zero character"):
                encode_json("payload", one, 10**6)
        else:
            text = encode_json("payload", one, 10**6)
            assert (None if text is None else json.loads(text)) == value


def test_the_limit_counts_bytes() -> None:
    assert encode_json("payload", "ü" * 4, 10) == '"üüüü"'
    with pytest.raises(PayloadTooLargeError):
        encode_json("payload", "ü" * 5, 10)


def test_ids_are_of_version_7_and_all_different() -> None:
    ids = TaskIds()
    made = [ids.make() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert re.fullmatch(r"[0-9a-f-]{36}", str(made[0]))


@given(
    st.sampled_from(["* * * * * *", "*/7 * * * * *", "0 */2 * * * *", "30 0 * * * *"]),
    st.integers(0, 900),
    st.sampled_from(["skip", "once", "all"]),
)
def test_no_instant_fires_twice_and_none_is_forgotten_that_counts(
    text: str, late_s: int, missed: Any
) -> None:
    """However late the look is: all that are asked for, in order, and then the first one after now."""
    cron = parse_cron(text)
    planned = cron.after(NOON)
    assert planned is not None
    now = planned + timedelta(seconds=late_s)
    fired, following = choose(cron, planned, now, missed)

    every = [planned]
    while (one := cron.after(every[-1])) is not None and one <= now:
        every.append(one)
    assert set(fired) <= set(every)
    assert fired == sorted(set(fired))
    assert following == cron.after(now)
    young = [one for one in every if one > now - timedelta(seconds=10)]
    expected = {"all": every, "once": young or every[-1:], "skip": young}
    assert fired == expected[missed]
