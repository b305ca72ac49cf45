"""What a context compresses and decompresses."""

from __future__ import annotations

import gzip
import zlib
from itertools import count

import pytest

from pools.v8.codecs import MOST, PIECE_BYTES, Codecs

TEXT = b"a line of text\n" * 100_000


def fed(codecs: Codecs, number: int, data: bytes) -> list[bytes]:
    """Return all output that input brings."""
    pieces = [codecs.feed(number, memoryview(data))]
    while pieces[-1]:
        pieces.append(codecs.more(number))
    return pieces


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "deflate-raw"])
def test_what_was_compressed_is_expanded_in_small_pieces(encoding: str) -> None:
    """Nothing is lost, however much little input holds."""
    codecs = Codecs(count(1))
    number = codecs.open("compress", encoding)
    data = b"".join(fed(codecs, number, TEXT)) + codecs.finish(number)
    number = codecs.open("expand", encoding)
    pieces = fed(codecs, number, data)
    assert b"".join(pieces) == TEXT
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert codecs.finish(number) == b""
    assert len(codecs) == 0


def test_the_end_is_where_the_data_says() -> None:
    """Output comes before the complaint, in the same input and in later ones."""
    codecs = Codecs(count(1))
    number = codecs.open("expand", "gzip")
    assert codecs.feed(number, memoryview(gzip.compress(b"text") + b"!")) == b"text"
    with pytest.raises(ValueError, match="after the end"):
        codecs.more(number)
    number = codecs.open("expand", "deflate")
    assert codecs.feed(number, memoryview(zlib.compress(b"text"))) == b"text"
    assert codecs.more(number) == b""
    with pytest.raises(ValueError, match="after the end"):
        codecs.feed(number, memoryview(b"!"))


def test_what_is_cut_off_or_something_else_is_refused() -> None:
    """Both are known for what they are."""
    codecs = Codecs(count(1))
    number = codecs.open("expand", "gzip")
    codecs.feed(number, memoryview(gzip.compress(TEXT)[:-5]))
    with pytest.raises(ValueError, match="cut off"):
        codecs.finish(number)
    number = codecs.open("expand", "gzip")
    with pytest.raises(ValueError, match="not compressed like that"):
        codecs.feed(number, memoryview(b"plain text"))


def test_a_context_has_so_many_at_a_time() -> None:
    """zlib's memory is nobody's heap: it has a bound of its own."""
    codecs = Codecs(count(1))
    numbers = [codecs.open("compress", "gzip") for _ in range(MOST)]
    with pytest.raises(ValueError, match="more than 32"):
        codecs.open("expand", "gzip")
    codecs.close(numbers[0])
    codecs.close(numbers[0])
    codecs.open("expand", "gzip")


def test_numbers_mean_nothing_in_another_context() -> None:
    """They are counted together, and looked up apart."""
    numbers = count(1)
    one, other = Codecs(numbers), Codecs(numbers)
    number = one.open("compress", "gzip")
    assert other.open("compress", "gzip") != number
    with pytest.raises(KeyError):
        other.more(number)
