"""Whether a backup is as it was written, from its first byte to its last: asked before anything is done with it.

Must not know databases.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from runner.backup.errors import DamagedBackupError
from runner.backup.reader import BackupReader
from runner.backup.tally import Tally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.backup.manifest import Manifest, TablePart
    from runner.backup.progress import Progress


async def verify(
    chunks: AsyncIterator[bytes], name: str, size: int, progress: Progress
) -> Manifest:
    """Read all ``size`` bytes of a backup, and return what it says of itself.

    Raises
    ------
    DamagedBackupError
        It is none, or not as it was written.
    NewerBackupError
        Its form is not known here.

    """
    progress.begin("verifying", size, "bytes")
    reader = BackupReader(_counted(chunks, progress), name)
    tallies: dict[str, Tally] = {}
    async with aclosing(reader.parts()) as parts:
        async for table, raw in parts:
            tallies.setdefault(table, Tally()).add(raw)
    manifest = reader.manifest
    said = {part.table for part in manifest.tables}
    if len(said) != len(manifest.tables) or not tallies.keys() <= said:
        raise DamagedBackupError(name, "its manifest is of other tables")
    for part in manifest.tables:
        compare(part, tallies.get(part.table, Tally()), name)
    return manifest


def compare(part: TablePart, tally: Tally, name: str) -> None:
    """Hold what was read of a table against what is said of it.

    Raises
    ------
    DamagedBackupError
        They differ.

    """
    if (part.rows, part.bytes, part.sha256) != (tally.rows, tally.bytes, tally.sha256):
        raise DamagedBackupError(name, f"its rows of table {part.table} are not those it had")


async def _counted(chunks: AsyncIterator[bytes], progress: Progress) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        progress.advance(len(chunk))
        yield chunk
