"""The form of the file: a tar (ustar) of ``isolane-backup.json``, the parts of each table, ``manifest.json`` and ``end``.

A part is a Zstandard frame of whole rows, ``tables/TABLE/000001.copy.zst``, of some megabytes, so that the length of each member is
known when it is written and nothing is ever sought. ``end`` has the SHA-256 of all that is before it, and where the manifest is; it
and the two empty blocks after it are the last :data:`TAIL_BYTES`. Each byte is covered by that sum, or has one value that it may have.
Must not know files, PostgreSQL or tables.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from typing import Final, NamedTuple

HEAD: Final = "isolane-backup.json"
MANIFEST: Final = "manifest.json"
END: Final = "end"
BLOCK: Final = 512
EMPTY_BYTES: Final = 2 * BLOCK
"""What a tar ends with."""
TAIL_BYTES: Final = 2 * BLOCK + EMPTY_BYTES
_PART: Final = re.compile(
    r"tables/(?P<table>[a-z_][a-z0-9_]{0,62})/(?P<number>[0-9]{6,9})\.copy\.zst"
)
_END: Final = re.compile(
    rb"sha256=(?P<sha>[0-9a-f]{64}) manifest=(?P<offset>[0-9]{20}) size=(?P<size>[0-9]{12})\n"
)


class End(NamedTuple):
    """What the last member says."""

    sha256: str
    manifest_at: int
    """Where the manifest's content begins, in bytes from the file's beginning."""
    manifest_bytes: int


def part_name(table: str, number: int) -> str:
    return f"tables/{table}/{number:06}.copy.zst"


def table_of(name: str) -> tuple[str, int] | None:
    """Return the table and the number of a member that is a part."""
    match = _PART.fullmatch(name)
    return (match["table"], int(match["number"])) if match else None


def header(name: str, size: int, mtime: int) -> bytes:
    """Return the one header that a member may have."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, mtime, 0o600
    return info.tobuf(tarfile.USTAR_FORMAT)


def read_header(block: bytes) -> tuple[str, int, int]:
    """Return name, size and time of a member.

    Raises
    ------
    ValueError
        It is no header of ours.

    """
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        found = (info.name, info.size, int(info.mtime))
        if info.size < 0 or header(*found) != block:
            raise ValueError
    except (tarfile.TarError, ValueError, UnicodeError, OverflowError):
        raise ValueError("a member of it has a header that no backup has") from None
    return found


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def read_end(content: bytes) -> End:
    """Return what the content of the last member says.

    Raises
    ------
    ValueError
        It is none.

    """
    match = _END.fullmatch(content)
    if match is None:
        raise ValueError("its end is damaged")
    return End(match["sha"].decode(), int(match["offset"]), int(match["size"]))


def read_tail(tail: bytes) -> End:
    """Return what the last :data:`TAIL_BYTES` of a file say.

    Raises
    ------
    ValueError
        They are none of a backup.

    """
    if len(tail) != TAIL_BYTES:
        raise ValueError("it is too short")
    name, size, _ = read_header(tail[:BLOCK])
    if name != END or any(tail[BLOCK + size :]):
        raise ValueError("its end is missing")
    return read_end(tail[BLOCK : BLOCK + size])


class ArchiveWriter:
    """Makes the bytes of a file, member by member; whoever calls writes them. ``mtime`` is in seconds since 1970."""

    def __init__(self, mtime: int) -> None:
        self.written = 0
        self._mtime = mtime
        self._sum = hashlib.sha256()

    def member(self, name: str, content: bytes) -> bytes:
        whole = header(name, len(content), self._mtime) + content + padding(len(content))
        self._sum.update(whole)
        self.written += len(whole)
        return whole

    def end(self, manifest: bytes) -> bytes:
        """Return the manifest and the end."""
        at = self.written + BLOCK
        whole = self.member(MANIFEST, manifest)
        said = (
            f"sha256={self._sum.hexdigest()} manifest={at:020} size={len(manifest):012}\n".encode()
        )
        return whole + self.member(END, said) + bytes(EMPTY_BYTES)
