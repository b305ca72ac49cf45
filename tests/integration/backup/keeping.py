"""Backups as tests make and restore them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import psycopg

from runner.backup.folder import BackupFolder
from runner.backup.making import Backup, make_backup
from runner.backup.place import name_of
from runner.backup.progress import Unwatched
from runner.backup.restoring import Restore, Restored
from runner.backup.verifying import verify
from runner.store.migrate import read_migrations
from runner.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from runner.backup.manifest import Manifest
    from runner.backup.place import Place
    from runner.store.migrate import Migration

NAME = "isolane-20260101T000000.000Z.backup"


def query(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


async def keep(url: str, folder: Path, at: datetime | None = None) -> Path:
    """Make a backup of a database in a folder."""
    name = name_of(at) if at else NAME
    await make_backup(url, BackupFolder(folder), name, Unwatched())
    return folder / name


async def keep_as(url: str, folder: Path, migrations: Sequence[Migration]) -> Path:
    """Make one with other migrations than ours."""
    async with connect(url) as connection:
        async with aclosing(Backup(connection, migrations, Unwatched()).blocks()) as blocks:
            await BackupFolder(folder).put(NAME, blocks)
    return folder / NAME


async def look(path: Path) -> Manifest:
    place = BackupFolder(path.parent)
    async with aclosing(place.read(path.name)) as chunks:
        return await verify(chunks, path.name, path.stat().st_size, Unwatched())


async def bring_back(
    path: Path,
    url: str,
    migrations: Sequence[Migration] | None = None,
    *,
    at_once: bool | None = None,
    place: Place | None = None,
) -> Restored:
    """Verify a backup, and restore it into a database."""
    place = place or BackupFolder(path.parent)
    async with aclosing(place.read(path.name)) as chunks:
        manifest = await verify(chunks, path.name, 0, Unwatched())
    async with connect(url) as connection:
        known = read_migrations() if migrations is None else migrations
        restore = Restore(connection, manifest, path.name, known, Unwatched(), at_once=at_once)
        await restore.check()
        async with aclosing(place.read(path.name)) as chunks:
            return await restore.run(chunks)
