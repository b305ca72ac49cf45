"""Makes a backup: one snapshot of the database, however much is written meanwhile, as a stream of bytes.

What is in memory has a bound: a chunk that is read, one that is compressed, one that is written. Must not know where they go.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import msgspec
import psycopg
from backports import zstd

from runner.backup.archive import EMPTY_BYTES, HEAD, ArchiveWriter, part_name
from runner.backup.errors import BackupError
from runner.backup.manifest import AppliedMigration, Head, Manifest, TablePart
from runner.backup.tables import Catalog, named
from runner.backup.tally import Tally
from runner.store.migrate import Migrator, State, read_migrations
from runner.store.pool import connect
from runner.store.tenant_databases import role_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from runner.backup.place import Place
    from runner.backup.progress import Progress
    from runner.backup.tables import Table
    from runner.store.migrate import Migration
    from runner.store.pool import Connection

_LEVEL: Final = 3


async def make_backup(url: str, place: Place, name: str, progress: Progress) -> Backup:
    """Make a backup of the database at ``url``, and keep it in a place under a name.

    Raises
    ------
    BackupError
        It can not be made; nothing is kept.
    DatabaseUnavailableError
        The database can not be reached.

    """
    async with connect(url) as connection:
        backup = Backup(connection, read_migrations(), progress)
        async with aclosing(backup.blocks()) as blocks:
            await place.put(name, blocks)
    return backup


class Backup:
    """One on its way; iterate over :meth:`blocks`, then :attr:`manifest` is there. The connection is used by nobody else."""

    manifest: Manifest
    size: int
    """Of the file, in bytes."""

    def __init__(
        self, connection: Connection, migrations: Sequence[Migration], progress: Progress
    ) -> None:
        self._connection = connection
        self._migrations = migrations
        self._progress = progress
        self._catalog = Catalog(connection, migrations)

    async def blocks(self) -> AsyncGenerator[bytes]:
        """Yield the bytes of the file.

        Raises
        ------
        BackupError
            The schema is not one of ours, or the database failed.

        """
        try:
            applied = await self._applied()
            connection = self._connection
            await self._catalog.ask("settle_session")
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            tables = await self._catalog.tables()
            async with connection.transaction():
                # Before the snapshot, which the first question takes: nobody changes or empties a table between them and us.
                for table in tables:
                    await self._catalog.ask("lock_shared", named(table.name))
                async with aclosing(self._written(applied)) as blocks:
                    async for block in blocks:
                        yield block
        except psycopg.Error as error:
            raise BackupError(f"the database failed while it was read: {error}") from error

    async def _applied(self) -> list[AppliedMigration]:
        standings = await Migrator(self._connection, self._migrations).status()
        for one in standings:
            if one.state in {State.CHANGED, State.UNKNOWN}:
                raise BackupError(
                    f"the schema is not one that this version knows: {one.name} is {one.state};"
                    " make the backup with the version that the database is of"
                )
        there = {one.name for one in standings if one.state is State.APPLIED}
        if not there:
            raise BackupError("this is no database of Isolane: it has no schema of ours")
        return [
            AppliedMigration(one.number, one.name, one.checksum)
            for one in self._migrations
            if one.name in there
        ]

    async def _written(self, applied: list[AppliedMigration]) -> AsyncGenerator[bytes]:
        catalog = self._catalog
        ((server, created_at),) = await catalog.ask("about_source")
        isolane = version("isolane")
        tables = await catalog.tables()
        archive = ArchiveWriter(int(created_at.timestamp()))
        head = Head(isolane=isolane, created_at=created_at)
        yield archive.member(HEAD, msgspec.json.encode(head))
        self._progress.begin("reading", sum(table.about_rows for table in tables), "rows")
        parts: list[TablePart] = []
        for table in tables:
            tally = Tally()
            async with aclosing(self._compressed(table, tally)) as frames:
                number = 0
                async for frame in frames:
                    number += 1
                    yield archive.member(part_name(table.name, number), frame)
            parts.append(
                TablePart(
                    table=table.name,
                    columns=table.columns,
                    rows=tally.rows,
                    bytes=tally.bytes,
                    sha256=tally.sha256,
                    content=tally.content,
                )
            )
        self.manifest = Manifest(
            isolane=isolane,
            created_at=created_at,
            postgresql=server,
            migrations=applied,
            tables=parts,
            sequences=await catalog.sequences(),
            secret_keys=await catalog.secret_keys(tables),
            tenant_databases=[role_of(row[0]) for row in await catalog.ask("tenant_databases")],
            left_out=[".".join(names) for names in await catalog.others()],
        )
        end = archive.end(msgspec.json.encode(self.manifest))
        self.size = archive.written + EMPTY_BYTES
        yield end

    async def _compressed(self, table: Table, tally: Tally) -> AsyncGenerator[bytes]:
        """Yield frames; while one is compressed by another thread the next is read."""
        under_way: asyncio.Task[bytes] | None = None
        rows = 0
        try:
            async with (
                aclosing(self._catalog.rows(table.name, table.columns)) as source,
                aclosing(tally.chunks(source)) as chunks,
            ):
                async for chunk in chunks:
                    before, under_way = under_way, _compress(chunk)
                    if before is not None:
                        yield await before
                    self._progress.advance(tally.rows - rows)
                    rows = tally.rows
            if under_way is not None:
                yield await under_way
        finally:
            if under_way is not None and not under_way.done():
                under_way.cancel()
                await asyncio.wait([under_way])


def _compress(chunk: bytes) -> asyncio.Task[bytes]:
    return asyncio.create_task(
        asyncio.to_thread(zstd.compress, chunk, level=_LEVEL), name="compress"
    )
