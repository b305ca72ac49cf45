"""The state of compression streams, which is zlib's and so not V8's to keep.

A table belongs to one context and goes with it: numbers mean nothing anywhere else, and what a context forgets to close does
not outlive it. Must not know V8.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST: Final = 32
"""So many at a time in one context: one that compresses takes 268 kB, which no heap limit sees."""
PIECE_BYTES: Final = 1 << 16

_NUMBERS: Final = 1 << 30
"""V8 takes integers of 32 bits."""

_WINDOW_BITS: Final = {
    "gzip": zlib.MAX_WBITS | 16,
    "deflate": zlib.MAX_WBITS,
    "deflate-raw": -zlib.MAX_WBITS,
}


class _Codec(Protocol):
    def feed(self, data: memoryview) -> bytes: ...

    def more(self) -> bytes: ...

    def finish(self) -> bytes: ...


class _Compressor:
    def __init__(self, window_bits: int) -> None:
        self._deflate = zlib.compressobj(wbits=window_bits)

    def feed(self, data: memoryview) -> bytes:
        return self._deflate.compress(data)

    def more(self) -> bytes:
        return b""

    def finish(self) -> bytes:
        return self._deflate.flush()


class _Expander:
    def __init__(self, window_bits: int) -> None:
        self._inflate = zlib.decompressobj(window_bits)

    def feed(self, data: memoryview) -> bytes:
        if self._inflate.eof:
            raise ValueError("there is something after the end of the compressed data")
        return self._expand(data)

    def more(self) -> bytes:
        inflate = self._inflate
        if inflate.unused_data:
            raise ValueError("there is something after the end of the compressed data")
        return self._expand(inflate.unconsumed_tail) if not inflate.eof else b""

    def _expand(self, data: memoryview | bytes) -> bytes:
        try:
            return self._inflate.decompress(data, PIECE_BYTES)
        except zlib.error:
            raise ValueError("the data is not compressed like that") from None

    def finish(self) -> bytes:
        if not self._inflate.eof:
            raise ValueError("the compressed data is cut off")
        return b""


class Codecs:
    """The open compressors and decompressors of a context, by their number.

    Numbers are those of the whole process, so that one of another context is never found here.
    """

    def __init__(self, numbers: Iterator[int]) -> None:
        self._open: dict[int, _Codec] = {}
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._open)

    def open(self, direction: str, encoding: str) -> int:
        """Make one: ``compress`` or ``expand``, and the encoding's name in the Compression standard.

        Raises
        ------
        ValueError
            There are too many.

        """
        if len(self._open) >= MOST:
            raise ValueError(f"more than {MOST} streams are being compressed or decompressed")
        make: Callable[[int], _Codec] = _Compressor if direction == "compress" else _Expander
        number = next(self._numbers) % _NUMBERS
        self._open[number] = make(_WINDOW_BITS[encoding])
        return number

    def feed(self, number: int, data: memoryview) -> bytes:
        """Take input; returns output, after which :meth:`more` is to be asked until it has none.

        Raises
        ------
        ValueError
            The input is not what it should be.

        """
        return self._open[number].feed(data)

    def more(self, number: int) -> bytes:
        """Return further output for what was fed; an expander gives at most 64 KiB."""
        return self._open[number].more()

    def finish(self, number: int) -> bytes:
        """Return the last output, and close it."""
        return self._open.pop(number).finish()

    def close(self, number: int) -> None:
        """Forget one, if it is there."""
        self._open.pop(number, None)
