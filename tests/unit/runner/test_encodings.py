"""Which encodings a client takes, as its ``accept-encoding`` says."""

from __future__ import annotations

import pytest

from runner.ingress.encodings import accepts


@pytest.mark.parametrize(
    ("value", "encoding", "taken"),
    [
        ("gzip", "gzip", True),
        ("GZIP , br", "br", True),
        ("x-gzip", "gzip", True),
        ("gzip", "x-gzip", True),
        ("gzip;q=0.1", "gzip", True),
        ("gzip; Q=0", "gzip", False),
        ("gzip;q=0.000", "gzip", False),
        ("*", "zstd", True),
        ("*;q=0", "zstd", False),
        ("*, br;q=0", "br", False),
        ("br, *;q=0", "br", True),
        ("identity", "gzip", False),
        ("", "gzip", False),
        ("gzip, br", "gzip, br", True),
        ("gzip", "gzip, br", False),
        ("gzip;level=9;q=0", "gzip", False),
        ("gzip;q=nonsense", "gzip", True),
    ],
)
def test_an_encoding_is_taken_when_all_of_it_is(value: str, encoding: str, *, taken: bool) -> None:
    assert accepts([value], encoding) is taken


def test_values_of_several_headers_are_one_list() -> None:
    assert accepts(["deflate", "br"], "br")
    assert not accepts([], "br")
