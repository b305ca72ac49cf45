"""Conditions and ranges."""

from __future__ import annotations

import pytest

from runner.assets.conditions import Version, part_of

NOW = Version(size=10, etag='"v1"', modified_s=1_700_000_000)
THEN = "Tue, 14 Nov 2023 22:13:20 GMT"
BEFORE = "Tue, 14 Nov 2023 22:13:19 GMT"


@pytest.mark.parametrize(
    "headers",
    [
        {"if-none-match": '"v1"'},
        {"if-none-match": 'W/"v1"'},
        {"if-none-match": '"v0", "v1"'},
        {"if-none-match": "*"},
        {"if-modified-since": THEN},
        {"if-none-match": '"v1"', "if-modified-since": BEFORE},
        {"if-none-match": '"v1"', "range": "bytes=0-1"},
    ],
)
def test_what_the_client_has_is_not_sent_again(headers: dict[str, str]) -> None:
    assert part_of(NOW, headers).status == 304


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"if-none-match": '"v2"'},
        {"if-none-match": "v1"},
        {"if-none-match": '"v2"', "if-modified-since": THEN},
        {"if-modified-since": BEFORE},
        {"if-modified-since": "yesterday"},
        {"range": "bytes=0-1,3-4"},
        {"range": "bytes=5-3"},
        {"range": "bytes=-"},
        {"range": "items=0-1"},
        {"range": "bytes=" + "9" * 30 + "-"},
        {"range": "bytes=0-1", "if-range": '"v2"'},
        {"range": "bytes=0-1", "if-range": 'W/"v1"'},
        {"range": "bytes=0-1", "if-range": BEFORE},
    ],
)
def test_whatever_does_not_hold_is_answered_with_all_of_it(headers: dict[str, str]) -> None:
    assert part_of(NOW, headers) == (200, 0, 10, "")


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-3", 0, 4),
        ("bytes=4-", 4, 10),
        ("bytes=-3", 7, 10),
        ("bytes=-30", 0, 10),
        ("bytes=9-9", 9, 10),
        ("bytes=8-100", 8, 10),
    ],
)
def test_a_range_is_cut_to_what_there_is(wanted: str, start: int, stop: int) -> None:
    for condition in ({}, {"if-range": '"v1"'}, {"if-range": THEN}):
        part = part_of(NOW, {"range": wanted, **condition})
        assert part == (206, start, stop, f"bytes {start}-{stop - 1}/10")


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=-0", "bytes=11-12"])
def test_a_range_behind_the_end_is_refused_with_the_size(wanted: str) -> None:
    assert part_of(NOW, {"range": wanted}) == (416, 0, 0, "bytes */10")


def test_nothing_has_no_ranges() -> None:
    empty = Version(0, '"e"', 0)
    assert part_of(empty, {}) == (200, 0, 0, "")
    assert part_of(empty, {"range": "bytes=0-"}).status == 416
    assert empty.last_modified == "Thu, 01 Jan 1970 00:00:00 GMT"
