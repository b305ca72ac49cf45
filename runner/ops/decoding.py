"""Undoes ``content-encoding`` piece by piece, so that a small bomb stays small.

Each piece is asked for when the one before was taken: what a bomb holds is decoded as fast as somebody reads it, and no faster.
Must not know HTTP beyond the names of the encodings.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from pools.protocol import STREAM_CHUNK_BYTES
from runner.errors import OpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from backports.zstd import ZstdDecompressor

ACCEPTED: Final = "gzip, deflate, br, zstd"
_MAX_LAYERS: Final = 4
# Of both libraries: they give a little more than they are asked for, or take memory for all of it at once.
_PIECE_BYTES: Final = STREAM_CHUNK_BYTES // 2
_ZSTD_WINDOW_LOG: Final = 23
"""8 MB, the most that RFC 9659 lets a server use."""
_GZIP_MAGIC: Final = b"\x1f"


class Decoder(Protocol):
    """Undoes one encoding, or several."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` holds, about 64 KiB at a time.

        Raises
        ------
        OpError
            It is not encoded like that.

        """

    @property
    def complete(self) -> bool:
        """Whether the encoding has come to its end; nothing at all is complete, too."""


class _Zlib:
    """gzip (also its old name) or deflate (with zlib's frame, or bare as some servers send it)."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16 if gzip else zlib.MAX_WBITS)
        self._first = True
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inflate.eof:
            data = self._next_member(data)
        elif self._first:
            # It takes two bytes to tell a frame from none.
            self._head += data
            data = self._head if len(self._head) > 1 else b""
        while data:
            try:
                piece = self._inflate.decompress(data, STREAM_CHUNK_BYTES)
            except zlib.error:
                if self._first and not self._gzip:
                    self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
                    self._first = False
                    continue
                raise _broken() from None
            self._first = False
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                data = self._next_member(self._inflate.unused_data)

    def _next_member(self, data: bytes) -> bytes:
        """Files of gzip may be joined; whatever else follows is no part of the body, as everywhere."""
        if not (self._gzip and data.startswith(_GZIP_MAGIC)):
            return b""
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        return data

    @property
    def complete(self) -> bool:
        return self._inflate.eof or (self._first and not self._head)


class _Brotli:
    def __init__(self) -> None:
        import brotli

        self._error: type[Exception] = brotli.error
        self._decompressor = brotli.Decompressor()
        self._first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        decompressor = self._decompressor
        self._first = self._first and not data
        while not decompressor.is_finished():
            try:
                piece: bytes = decompressor.process(data, output_buffer_limit=_PIECE_BYTES)
            except self._error:
                raise _broken() from None
            data = b""
            if piece:
                yield piece
            elif decompressor.can_accept_more_data():
                return

    @property
    def complete(self) -> bool:
        return self._first or bool(self._decompressor.is_finished())


class _Zstandard:
    def __init__(self) -> None:
        from backports import zstd

        options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
        self._error = zstd.ZstdError
        self._make: Callable[[], ZstdDecompressor] = partial(zstd.ZstdDecompressor, options=options)
        self._decompressor = self._make()
        self._first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._first = self._first and not data
        while True:
            if self._decompressor.eof:
                if not data:
                    return
                self._decompressor = self._make()  # frames may be joined
            try:
                piece = self._decompressor.decompress(data, _PIECE_BYTES)
            except self._error:
                raise _broken() from None
            if piece:
                yield piece
            data = b""
            if self._decompressor.eof:
                data = self._decompressor.unused_data
            elif self._decompressor.needs_input:
                return

    @property
    def complete(self) -> bool:
        return self._first or self._decompressor.eof


class _Layers:
    """Encodings that were applied one after the other; the last of them is undone first."""

    def __init__(self, decoders: list[Decoder]) -> None:
        self._decoders = decoders

    def feed(self, data: bytes) -> Iterator[bytes]:
        return self._through(len(self._decoders) - 1, data)

    def _through(self, index: int, data: bytes) -> Iterator[bytes]:
        if index < 0:
            yield data
            return
        for piece in self._decoders[index].feed(data):
            yield from self._through(index - 1, piece)

    @property
    def complete(self) -> bool:
        return all(decoder.complete for decoder in self._decoders)


_DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "gzip": lambda: _Zlib(gzip=True),
    "x-gzip": lambda: _Zlib(gzip=True),
    "deflate": lambda: _Zlib(gzip=False),
    "br": _Brotli,
    "zstd": _Zstandard,
}


def encoding_of(values: Iterable[str]) -> str:
    """Return the encodings that the values of ``content-encoding`` name, as one value; empty when there is nothing to undo, or
    what workers have to undo themselves.

    Raises
    ------
    OpError
        More encodings are said to be on top of each other than anybody uses.

    """
    names = [name.strip().lower() for value in values for name in value.split(",")]
    names = [name for name in names if name not in {"", "identity"}]
    if len(names) > _MAX_LAYERS:
        raise OpError("TypeError", f"fetch failed: the response has {len(names)} encodings")
    return "" if any(name not in _DECODERS for name in names) else ", ".join(names)


def decoder_for(encoding: str) -> Decoder | None:
    """Return what undoes an encoding of :func:`encoding_of`; ``None`` when there is none."""
    if not encoding:
        return None
    decoders = [_DECODERS[name]() for name in encoding.split(", ")]
    return decoders[0] if len(decoders) == 1 else _Layers(decoders)


def decoded(data: bytes, encoding: str, most: int) -> bytes | None:
    """Return what ``data`` holds when that is all, sound, and at most about so many bytes; else ``None``."""
    decoder = decoder_for(encoding)
    if decoder is None:
        return data
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in decoder.feed(data):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                return None
    except OpError:
        return None
    return b"".join(pieces) if decoder.complete else None


def _broken() -> OpError:
    return OpError("TypeError", "fetch failed: the response's encoding is broken")
