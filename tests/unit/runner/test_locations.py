"""Where redirects lead, from headers as servers send them."""

from __future__ import annotations

import pytest

from runner.ops.locations import locate

BASE = "https://a.example/x/y?q#f"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("z", "https://a.example/x/z"),
        ("/z?1#2", "https://a.example/z?1"),
        ("?1", "https://a.example/x/y?1"),
        ("?", "https://a.example/x/y?"),
        ("#g", "https://a.example/x/y?q"),
        ("", "https://a.example/x/y?q"),
        ("../../../z", "https://a.example/z"),
        ("//b.example", "https://b.example/"),
        ("\\\\b.example\\c?d\\e", "https://b.example/c?d\\e"),
        ("HTTP://B.Example:80/./a/../b", "http://b.example/b"),
        ("https://b.example:444/%2e%7E", "https://b.example:444/%2e%7E"),
        (" \t/a\n b\r ", "https://a.example/a%20b"),
        ('/"<>`{}?"<>\'`{}', "https://a.example/%22%3C%3E%60%7B%7D?%22%3C%3E%27`{}"),
        ("/ü?ü".encode().decode("latin-1"), "https://a.example/%C3%BC?%C3%BC"),
        ("http://bücher.example/".encode().decode("latin-1"), "http://xn--bcher-kva.example/"),
        ("/\xff?\xff", "https://a.example/%FF?%FF"),
        ("http://[::1]:81/", "http://[::1]:81/"),
    ],
)
def test_locations_become_urls_as_javascript_has_them(location: str, url: str) -> None:
    assert locate(BASE, location) == url


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("data:,x", "no URL of HTTP"),
        ("blob:null/1", "no URL of HTTP"),
        ("ftp://b.example/", "no URL of HTTP"),
        ("javascript:alert(1)", "no URL of HTTP"),
        ("http://u:p@b.example/", "credentials"),
        ("//u@b.example/", "credentials"),
        ("http://b.example:99999/", "out of range"),
        ("http://b.example:x/", "could not be cast"),
        ("http://[::1/", "Invalid"),
        ("http:///", "no URL of HTTP"),
        ("http://\xff\xfe/", "not allowed"),
    ],
)
def test_what_leads_nowhere_is_refused(location: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        locate(BASE, location)
