"""Restores a backup that was verified: into an empty database, in one transaction, and proves it equal before that ends.

The schema is first that of the backup's time, then it is migrated: what a migration does to rows is done to these, too. Foreign keys and
the indexes that no constraint needs are made when the rows are there, which is fast, has the server check each reference, and needs no
superuser as long as we own the tables.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg
from psycopg import errors, sql

from runner.backup.errors import BackupError, DamagedBackupError, NewerBackupError, NotEmptyError
from runner.backup.reader import BackupReader
from runner.backup.tables import MIGRATIONS, Catalog, named
from runner.backup.tally import Tally
from runner.backup.verifying import compare
from runner.store.migrate import Migrator, State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from runner.backup.manifest import Manifest, TablePart
    from runner.backup.progress import Progress
    from runner.store.migrate import Migration
    from runner.store.pool import Connection

ENUMS_AT_ONCE: Final = 170000
"""From this version of PostgreSQL on, a value that was added to an enumeration may be used in the same transaction."""


class Restored(NamedTuple):
    """What was done beside the rows."""

    migrated: list[str]
    """Migrations that the backup did not have."""
    tasks_released: int
    """Tasks that were running: they are pending now."""
    events_released: int
    """Scheduled events that were running."""


class Restore:
    """One restore of a verified backup over a connection of its own, in autocommit mode."""

    def __init__(
        self,
        connection: Connection,
        manifest: Manifest,
        name: str,
        migrations: Sequence[Migration],
        progress: Progress,
        *,
        at_once: bool | None = None,
    ) -> None:
        self._connection = connection
        self._manifest = manifest
        self._name = name
        self._migrations = migrations
        self._progress = progress
        self._catalog = Catalog(connection, migrations)
        version = connection.info.server_version
        self._at_once = version >= ENUMS_AT_ONCE if at_once is None else at_once

    async def check(self) -> None:
        """See whether it can be done, without doing anything.

        Raises
        ------
        NewerBackupError
            The backup's schema is not known here.
        NotEmptyError
            The database has rows, or a newer schema than the backup.

        """
        self._of_its_time()
        await self._check_schema()
        await self._check_empty()

    async def run(self, chunks: AsyncIterator[bytes]) -> Restored:
        """Load the rows from another pass over the file, prove them equal, migrate, release.

        Raises
        ------
        BackupError
            The rows do not fit, or are not equal; nothing was done.
        NotEmptyError
            Somebody was there meanwhile.

        """
        try:
            return await self._run(chunks)
        except errors.LockNotAvailable as error:
            raise NotEmptyError("the database is in use: stop the runners on it first") from error
        except psycopg.Error as error:
            raise BackupError(
                f"{self._name} can not be restored, and no row of it was: {error}"
            ) from error

    async def _run(self, chunks: AsyncIterator[bytes]) -> Restored:
        await self._catalog.ask("settle_session")
        async with AsyncExitStack() as stack:
            if self._at_once:
                await stack.enter_async_context(self._connection.transaction())
            await Migrator(self._connection, self._of_its_time()).up()
            async with self._connection.transaction():
                await self._load(chunks)
            migrated = await Migrator(self._connection, self._migrations).up()
            async with self._connection.transaction():
                return await self._release(migrated)

    # --- may it be done -------------------------------------------------------------------------------------------

    def _of_its_time(self) -> list[Migration]:
        """Return the migrations that the backup had."""
        known = {one.number: one for one in self._migrations}
        for applied in self._manifest.migrations:
            one = known.get(applied.number)
            if one is None:
                raise NewerBackupError(
                    self._name, f"its schema has {applied.name}, which is not known here"
                )
            if one.checksum != applied.checksum:
                raise NewerBackupError(self._name, f"its schema has another {applied.name}")
        return [known[applied.number] for applied in self._manifest.migrations]

    async def _check_schema(self) -> None:
        of_its_time = {one.name for one in self._of_its_time()}
        for one in await Migrator(self._connection, self._migrations).status():
            if one.state in {State.CHANGED, State.UNKNOWN} or (
                one.state is State.APPLIED and one.name not in of_its_time
            ):
                raise NotEmptyError(
                    f"the database has {one.name}, which the backup has not: restore it into a new database"
                    " (CREATE DATABASE); it is migrated after that"
                )

    async def _check_empty(self) -> None:
        tables = [
            *[(name, sql.Identifier(name)) for name in await self._ours_there()],
            *[(table, sql.Identifier(*names)) for table, names in await self._others()],
        ]
        for name, table in tables:
            ((there,),) = await self._catalog.ask("some_row", {"table": table})
            if there:
                raise NotEmptyError(
                    f"the database is not empty: it has rows in table {name}; restore into a new one"
                    " (CREATE DATABASE)"
                )

    async def _ours_there(self) -> list[str]:
        return [table.name for table in await self._catalog.tables() if table.name != MIGRATIONS]

    async def _others(self) -> list[tuple[str, tuple[str, str]]]:
        return [(".".join(names), names) for names in await self._catalog.others()]

    # --- rows -----------------------------------------------------------------------------------------------------

    async def _load(self, chunks: AsyncIterator[bytes]) -> None:
        catalog = self._catalog
        await catalog.ask("settle_restore")
        parts = {part.table: part for part in self._manifest.tables}
        there = await self._ours_there()
        for table in there:
            await catalog.ask("lock_alone", named(table))
        # Nobody can write any more: what was empty stays so.
        await self._check_empty()
        if unknown := sorted(parts.keys() - set(there)):
            raise DamagedBackupError(self._name, f"its schema has no table {unknown[0]}")
        keys = await catalog.ask("foreign_keys", tables=there)
        indexes = await catalog.ask("free_indexes", tables=there)
        for table, name, _ in keys:
            await catalog.ask("drop_foreign_key", {"table": sql.SQL(table), "name": sql.SQL(name)})
        for name, _ in indexes:
            await catalog.ask("drop_index", {"name": sql.SQL(name)})
        for table in there:
            await catalog.ask("triggers_off", named(table))
        self._progress.begin("loading", self._manifest.rows, "rows")
        async with aclosing(BackupReader(chunks, self._name).parts()) as pieces:
            await self._copy(pieces, parts)
        await self._prove()
        self._progress.begin("indexing", 0, "rows")
        for _, definition in indexes:
            await self._connection.execute(definition.encode())
        for table, name, definition in keys:
            names = {"table": table, "name": name, "definition": definition}
            await catalog.ask(
                "add_foreign_key", {name: sql.SQL(text) for name, text in names.items()}
            )
        for table in there:
            await catalog.ask("triggers_on", named(table))
        for one in self._manifest.sequences:
            await catalog.ask(
                "set_sequence", sequence=one.sequence, value=one.value, is_called=one.is_called
            )

    async def _copy(
        self, pieces: AsyncIterator[tuple[str, bytes]], parts: dict[str, TablePart]
    ) -> None:
        """Write each table's rows by one COPY; what differs from the first pass over the file undoes all of it."""
        following = await anext(pieces, None)
        while following is not None:
            part = parts[following[0]]
            tally = Tally()
            async with (
                self._connection.cursor() as cursor,
                cursor.copy(self._catalog.text("copy_in", named(part.table, part.columns))) as copy,
            ):
                while following is not None and following[0] == part.table:
                    before = tally.rows
                    tally.add(following[1])
                    await copy.write(following[1])
                    self._progress.advance(tally.rows - before)
                    following = await anext(pieces, None)
            compare(part, tally, self._name)

    async def _prove(self) -> None:
        """Read all tables back: each has the rows that it had."""
        self._progress.begin("comparing", self._manifest.rows, "rows")
        for part in self._manifest.tables:
            tally = Tally()
            rows = 0
            async with (
                aclosing(self._catalog.rows(part.table, part.columns)) as source,
                aclosing(tally.chunks(source)) as chunks,
            ):
                async for _ in chunks:
                    self._progress.advance(tally.rows - rows)
                    rows = tally.rows
            if (tally.rows, tally.content) != (part.rows, part.content):
                raise BackupError(
                    f"{self._name} was not restored: table {part.table} would not be as it was"
                )

    # --- afterwards -----------------------------------------------------------------------------------------------

    async def _release(self, migrated: list[str]) -> Restored:
        """Nobody runs what ran when the backup was made."""
        catalog = self._catalog
        ((tasks,),) = await catalog.ask("release_tasks")
        ((events,),) = await catalog.ask("release_events")
        await catalog.ask("release_backups")
        for part in self._manifest.tables:
            if part.rows:
                await catalog.ask("analyze", named(part.table))
        if self._manifest.tenant_databases:
            database = sql.Identifier(self._connection.info.dbname)
            await catalog.ask("close_database", {"database": database})
        await catalog.ask("tell_all")
        return Restored(migrated, tasks, events)
