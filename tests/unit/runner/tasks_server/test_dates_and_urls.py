"""How dates and URLs are read."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.tasks_server.dates import LAST_MS, read_date
from runner.tasks_server.urls import read_url
from tests.unit.runner.tasks_server.asking import CALM


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Dec 12 2012 12:12:12 AM +07:00", "2012-12-12T00:12:12+07:00"),
        ("2030-01-02", "2030-01-02T00:00:00+00:00"),
        ("2030-01-02T03:04:05", "2030-01-02T03:04:05+00:00"),
        ("2030-01-02T03:04:05.678Z", "2030-01-02T03:04:05.678+00:00"),
        ("2030-01-02T03:04:05-11:30", "2030-01-02T03:04:05-11:30"),
        ("Wed, 02 Jan 2030 03:04:05 GMT", "2030-01-02T03:04:05+00:00"),
        ("Wed, 02 Jan 2030 03:04:05 PST", "2030-01-02T03:04:05-08:00"),
        ("Wed Jan 02 2030 03:04:05 GMT+0700 (Western Indonesia Time)", "2030-01-02T03:04:05+07:00"),
        ("1/2/2030 3:04 PM", "2030-01-02T15:04:00+00:00"),
        ("January 2030", "2030-01-01T00:00:00+00:00"),
        ("2030", "2030-01-01T00:00:00+00:00"),
    ],
)
def test_a_date_is_read_in_its_zone_or_in_utc(text: str, meant: str) -> None:
    assert read_date(text) == round(datetime.fromisoformat(meant).timestamp() * 1000)


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "Monday", "10:30", "12", "2030-02-30", "1355245932000", "Dec 12 2030 10:00 XYZ", "1969-12-31", "x" * 200,
     "2030-01-01T00:00:00+25:00"],
)  # fmt: skip
def test_what_names_no_day_since_1970_is_no_date(text: str) -> None:
    with pytest.raises(ValueError):
        read_date(text)


@CALM
@given(st.text(max_size=60) | st.text("0123456789-:+TZ /.,APMDecJan", max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    with suppress(ValueError):
        assert 0 <= read_date(text) <= LAST_MS


@CALM
@given(st.integers() | st.floats(allow_nan=False))
def test_any_number_is_a_date_or_none(number: float) -> None:
    try:
        assert 0 <= read_date(number) <= LAST_MS
    except (ValueError, OverflowError):
        assert not 0 <= number <= LAST_MS


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("https://target-service", "https://target-service"),
        ("HTTP://Example.COM:80/a/../b/./c?x=1#y", "http://example.com/b/c?x=1"),
        ("https://a:443", "https://a"),
        (" https://a/b\n", "https://a/b"),
        ("https://bücher.example/ä b", "https://xn--bcher-kva.example/%C3%A4%20b"),
        ("https:\\\\a\\b", "https://a/b"),
        ("http://0x7f.1/a", "http://127.0.0.1/a"),
        ("http://2130706433/a", "http://127.0.0.1/a"),
        ("http://0177.0.0.1./a", "http://127.0.0.1/a"),
        ("http://[0:0:0:0:0:0:0:1]/a", "http://[0:0:0:0:0:0:0:1]/a"),
        ("https://a?b=c", "https://a/?b=c"),
    ],
)
def test_a_url_is_written_as_a_browser_writes_it(text: str, meant: str) -> None:
    assert read_url(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "a", "//a/b", "http:", "http:///a", "http://a b/c", "http://a..b/c", "http://1.2.3.4.5/c", "http://256.1.1.1/c", "http://[::1/c",
     "http://[::1%25eth0]/c", "http://a:b/c", "http://-/c", "http://%31/c", "http://a/\udc80"],
)  # fmt: skip
def test_what_leads_nowhere_is_no_url(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid url"):
        read_url(text)


@CALM
@given(st.text(max_size=40).map(lambda text: "https://a" + text) | st.text(max_size=60))
def test_a_url_that_was_read_is_read_as_itself(text: str) -> None:
    with suppress(ValueError):
        url = read_url(text)
        assert re.fullmatch(r"[!-~]+", url)
        assert read_url(url) == url
