"""Undoes ``content-encoding`` piece by piece, so that a small bomb stays small.

Must not know HTTP beyond the names of the encodings.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from pools.protocol import STREAM_CHUNK_BYTES
from runner.errors import OpError

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED: Final = "gzip, deflate"


class Decoder:
    """One layer: gzip (also its old name) or deflate (with zlib's frame, or bare as some servers send it)."""

    def __init__(self, encoding: str) -> None:
        self._gzip = encoding in {"gzip", "x-gzip"}
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16 if self._gzip else zlib.MAX_WBITS)
        self._first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` holds, at most 64 KiB at a time.

        Raises
        ------
        OpError
            It is not encoded like that.

        """
        while data:
            try:
                piece = self._inflate.decompress(data, STREAM_CHUNK_BYTES)
            except zlib.error:
                if self._first and not self._gzip:
                    self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
                    self._first = False
                    continue
                raise OpError(
                    "TypeError", "fetch failed: the response's encoding is broken"
                ) from None
            self._first = False
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                data = self._inflate.unused_data
                if not (self._gzip and data):
                    return
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)  # gzip files may be joined

    @property
    def complete(self) -> bool:
        return self._inflate.eof or self._first


def decoder_for(content_encoding: str) -> Decoder | None:
    """Return what undoes the encoding; ``None`` for one that workers have to undo themselves."""
    encoding = content_encoding.strip().lower()
    return Decoder(encoding) if encoding in {"gzip", "x-gzip", "deflate"} else None
