"""Reads a backup from its first byte to its last, and believes nothing of it.

Whatever the file says of sizes, no more than a few megabytes of it are in memory. Must not know where it is kept, nor databases.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from backports import zstd

from runner.backup.archive import (
    BLOCK,
    EMPTY_BYTES,
    END,
    HEAD,
    MANIFEST,
    padding,
    read_end,
    read_header,
    table_of,
)
from runner.backup.errors import DamagedBackupError, NewerBackupError
from runner.backup.manifest import FORMAT, Head, Manifest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

_Said = TypeVar("_Said", Head, Manifest)

PIECE: Final = 1 << 20
_MAX_HEAD: Final = 1 << 16
_MAX_MANIFEST: Final = 1 << 26


class _Bytes:
    """Exact amounts of a stream, with the sum of what was taken."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.taken = 0
        self.sum = hashlib.sha256()
        self._chunks = chunks
        self._chunk = memoryview(b"")

    async def _next(self, most: int) -> memoryview:
        while not self._chunk:
            try:
                self._chunk = memoryview(await anext(self._chunks))
            except StopAsyncIteration:
                raise ValueError("it ends too early: it was cut off") from None
        piece, self._chunk = self._chunk[:most], self._chunk[most:]
        self.taken += len(piece)
        self.sum.update(piece)
        return piece

    async def exactly(self, size: int) -> bytes:
        taken = bytearray()
        while len(taken) < size:
            taken += await self._next(size - len(taken))
        return bytes(taken)

    async def pieces(self, size: int) -> AsyncIterator[memoryview]:
        while size:
            piece = await self._next(min(size, PIECE))
            size -= len(piece)
            yield piece

    async def at_end(self) -> bool:
        if self._chunk:
            return False
        async for chunk in self._chunks:
            if chunk:
                return False
        return True


class BackupReader:
    """One pass over a file; ``name`` is for messages. First :meth:`parts` to its end, then :attr:`manifest` is there."""

    manifest: Manifest
    head: Head

    def __init__(self, chunks: AsyncIterator[bytes], name: str) -> None:
        self._bytes = _Bytes(chunks)
        self._name = name

    async def parts(self) -> AsyncGenerator[tuple[str, bytes]]:
        """Yield table and bytes, some at a time, table after table. It is not over before the whole sum was found to be right.

        Raises
        ------
        DamagedBackupError
            It is no backup, or not as it was written.
        NewerBackupError
            Its form is not known here.

        """
        try:
            async for part in self._parts():
                yield part
        except ValueError as error:
            raise DamagedBackupError(self._name, str(error)) from None

    async def _parts(self) -> AsyncIterator[tuple[str, bytes]]:
        try:
            name, size, mtime = read_header(await self._bytes.exactly(BLOCK))
        except ValueError:
            name, size, mtime = "", 0, 0
        if name != HEAD or size > _MAX_HEAD:
            raise ValueError("it is no backup of Isolane")
        self.head = self._decoded(await self._content(size), Head)
        if self.head.format > FORMAT:
            raise NewerBackupError(self._name, f"its format is {self.head.format}, not {FORMAT}")
        if self.head.format != FORMAT:
            raise ValueError("its format is none")
        last = ("", 0)
        seen: set[str] = set()
        while True:
            name, size, time = read_header(await self._bytes.exactly(BLOCK))
            if time != mtime:
                raise ValueError("it is put together of several")
            if name == MANIFEST:
                await self._finish(size, mtime)
                return
            found = table_of(name)
            if found is None:
                raise ValueError(f"it has a member {name[:100]!r}, which no backup has")
            table, number = found
            if number != (last[1] + 1 if table == last[0] else 1) or (
                table != last[0] and table in seen
            ):
                raise ValueError(f"the parts of table {table} are not in order")
            last = found
            seen.add(table)
            async for raw in self._decompressed(size):
                yield table, raw

    async def _content(self, size: int) -> bytes:
        content = await self._bytes.exactly(size)
        await self._pad(size)
        return content

    async def _pad(self, size: int) -> None:
        filling = padding(size)
        if await self._bytes.exactly(len(filling)) != filling:
            raise ValueError("there is something between its members")

    async def _decompressed(self, size: int) -> AsyncIterator[bytes]:
        decompressor = zstd.ZstdDecompressor()
        try:
            async for piece in self._bytes.pieces(size):
                if decompressor.eof:
                    raise ValueError("a part of it has something behind its end")
                for raw in _inflate(decompressor, piece):
                    yield raw
        except zstd.ZstdError:
            raise ValueError("a part of it can not be decompressed") from None
        if not decompressor.eof or decompressor.unused_data:
            raise ValueError("a part of it is not whole")
        await self._pad(size)

    async def _finish(self, size: int, mtime: int) -> None:
        if size > _MAX_MANIFEST:
            raise ValueError("its manifest is too large")
        at = self._bytes.taken
        manifest = await self._content(size)
        whole = self._bytes.sum.hexdigest()
        name, size_of_end, time = read_header(await self._bytes.exactly(BLOCK))
        if name != END or size_of_end > BLOCK or time != mtime:
            raise ValueError("its end is missing")
        end = read_end(await self._content(size_of_end))
        if await self._bytes.exactly(EMPTY_BYTES) != bytes(EMPTY_BYTES):
            raise ValueError("its end is damaged")
        if not await self._bytes.at_end():
            raise ValueError("there is something behind its end")
        if (end.sha256, end.manifest_at, end.manifest_bytes) != (whole, at, size):
            raise ValueError("it was changed: its checksum is another")
        self.manifest = self._decoded(manifest, Manifest)

    def _decoded(self, content: bytes, shape: type[_Said]) -> _Said:
        try:
            return msgspec.json.decode(content, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ValueError("what it says of itself can not be read") from None


def _inflate(decompressor: zstd.ZstdDecompressor, piece: memoryview) -> Iterator[bytes]:
    """Yield what a piece comes to, some at a time: a small one may be a bomb."""
    raw = decompressor.decompress(piece, PIECE)
    while raw:
        yield raw
        if decompressor.eof or decompressor.needs_input:
            return
        raw = decompressor.decompress(b"", PIECE)
