"""What is known of rows on their way: how many, how long, and two sums over them.

Must not know where they come from or go.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

CHUNK: Final = 4 << 20
_BITS: Final = 256


class Tally:
    """Of the rows of one table."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self._stream = hashlib.sha256()
        self._content = 0

    @property
    def sha256(self) -> str:
        """Of all bytes, in their order."""
        return self._stream.hexdigest()

    @property
    def content(self) -> str:
        """The sum of each row's SHA-256: of :meth:`chunks` only."""
        return f"{self._content % (1 << _BITS):064x}"

    def add(self, raw: bytes) -> None:
        """Count whole rows, or pieces of some."""
        # A line feed inside of a value is written as \n.
        self.rows += raw.count(b"\n")
        self.bytes += len(raw)
        self._stream.update(raw)

    async def chunks(
        self, rows: AsyncIterable[bytes | bytearray | memoryview]
    ) -> AsyncGenerator[bytes]:
        """Yield rows together, about :data:`CHUNK` bytes at a time, and count them."""
        digest, number = hashlib.sha256, int.from_bytes
        chunk = bytearray()
        content = 0
        async for row in rows:
            content += number(digest(row).digest(), "big")
            chunk += row
            if len(chunk) >= CHUNK:
                whole, chunk = bytes(chunk), bytearray()
                self._content, content = self._content + content, 0
                self.add(whole)
                yield whole
        self._content += content
        if chunk:
            self.add(bytes(chunk))
            yield bytes(chunk)
