"""Content encodings, piece by piece."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
from backports import zstd

from pools.protocol import STREAM_CHUNK_BYTES
from runner.errors import OpError
from runner.ops.decoding import decoded as whole
from runner.ops.decoding import decoder_for, encoding_of

TEXT = b"".join(b"line %d of a text that compresses\n" % number for number in range(20_000))
ENCODED = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT, quality=3),
    "zstd": zstd.compress(TEXT),
}


def decoded(encoding: str, data: bytes, step: int) -> bytes:
    decoder = decoder_for(encoding)
    assert decoder is not None
    pieces = [
        piece
        for start in range(0, len(data), step)
        for piece in decoder.feed(data[start : start + step])
    ]
    assert decoder.complete
    return b"".join(pieces)


@pytest.mark.parametrize("step", [1, 1000, 1 << 20])
@pytest.mark.parametrize("encoding", ENCODED)
def test_what_comes_in_pieces_of_any_size_is_decoded(encoding: str, step: int) -> None:
    """Where the network cuts a body makes no difference."""
    assert decoded(encoding, ENCODED[encoding], step) == TEXT


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_deflate_without_a_frame_is_understood(step: int) -> None:
    """Some servers send it bare."""
    assert decoded("deflate", ENCODED["deflate"][2:-4], step) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_joined_files_are_one_body(encoding: str, step: int) -> None:
    """Both formats may be concatenated."""
    assert decoded(encoding, ENCODED[encoding] * 2, step) == TEXT * 2


def test_what_follows_a_gzip_file_is_no_part_of_it() -> None:
    """Padding after the trailer is ignored, in the same piece and in later ones."""
    decoder = decoder_for("gzip")
    assert decoder is not None
    assert b"".join(decoder.feed(ENCODED["gzip"] + b"\0\0")) == TEXT
    assert list(decoder.feed(b"\0")) == []
    assert decoder.complete


@pytest.mark.parametrize("encoding", ENCODED)
def test_what_is_cut_off_is_not_complete(encoding: str) -> None:
    """The end of a body that lacks a part of its encoding is told from a real one."""
    decoder = decoder_for(encoding)
    assert decoder is not None
    assert decoder.complete
    whole = b"".join(decoder.feed(ENCODED[encoding][:-6]))
    assert TEXT.startswith(whole)
    assert not decoder.complete


@pytest.mark.parametrize("encoding", ENCODED)
def test_what_is_not_encoded_so_is_an_error(encoding: str) -> None:
    """Garbage is the server's fault, in words for the tenant."""
    decoder = decoder_for(encoding)
    assert decoder is not None
    with pytest.raises(OpError, match="encoding is broken") as raised:
        list(decoder.feed(b"this is nothing of the kind" * 100))
    assert raised.value.name == "TypeError"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "zstd, gzip"])
def test_a_bomb_gives_one_small_piece_at_a_time(encoding: str) -> None:
    """64 MB from a few KB are never in memory at once."""
    bomb = {
        "gzip": gzip.compress(bytes(64 << 20)),
        "deflate": zlib.compress(bytes(64 << 20)),
        "br": brotli.compress(bytes(64 << 20), quality=1),
        "zstd": zstd.compress(bytes(64 << 20)),
        "zstd, gzip": gzip.compress(zstd.compress(bytes(64 << 20))),
    }[encoding]
    decoder = decoder_for(encoding)
    assert decoder is not None
    largest = total = 0
    for piece in decoder.feed(bomb):
        largest = max(largest, len(piece))
        total += len(piece)
    assert total == 64 << 20
    assert largest <= 2 * STREAM_CHUNK_BYTES


def test_a_window_larger_than_allowed_is_refused() -> None:
    """A server can not make us take memory for a window of 128 MB."""
    level = {int(zstd.CompressionParameter.window_log): 27}
    compressor = zstd.ZstdCompressor(options=level)
    data = compressor.compress(TEXT, zstd.ZstdCompressor.FLUSH_BLOCK)
    decoder = decoder_for("zstd")
    assert decoder is not None
    with pytest.raises(OpError, match="encoding is broken"):
        list(decoder.feed(data))


def test_names_are_read_as_http_has_them() -> None:
    """Case and lists do not matter, unknown ones are left to workers, and there is an end to layers."""
    assert encoding_of(["X-GZIP"]) == "x-gzip"
    assert encoding_of([" gzip ,identity", "br"]) == "gzip, br"
    assert encoding_of(["gzip", "compress"]) == ""
    assert encoding_of(["identity", ""]) == ""
    with pytest.raises(OpError, match="5 encodings"):
        encoding_of(["gzip, gzip, gzip", "gzip, gzip"])


def test_what_is_whole_and_small_is_decoded_at_once() -> None:
    """Too much, too little or something else is no answer: it is for who reads it to find out, piece by piece."""
    packed = gzip.compress(brotli.compress(b"x" * 1000))
    assert whole(packed, "br, gzip", 1000) == b"x" * 1000
    assert whole(packed, "br, gzip", 999) is None
    assert whole(packed[:-1], "br, gzip", 1000) is None
    assert whole(b"no gzip", "gzip", 1000) is None
    assert whole(b"plain", "", 1) == b"plain"
