"""Brings a database to the schema of ``migrations/``: each file once, in order, in a transaction of its own.

A file that was applied must not change: its checksum is kept. Files that start with ``-- baseline`` are what a database of the
original's has already.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from runner.errors import MigrationConflictError, MigrationError
from runner.store.named_queries import load_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from runner.store.pool import Connection

FOLDER: Final = Path(__file__).parents[2] / "migrations"
_NAME: Final = re.compile(r"(?P<number>[0-9]{4})_[a-z0-9_]+\.sql")
_BASELINE: Final = "-- baseline\n"


class State(StrEnum):
    """How a file and a database agree."""

    APPLIED = "applied"
    PENDING = "pending"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    """Applied, and not among our files: the database is of a newer version."""


@dataclass(frozen=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str
    checksum: str
    baseline: bool


@dataclass(frozen=True)
class Standing:
    """One file or one row, and how it stands."""

    name: str
    state: State
    baseline: bool = False
    applied_at: datetime | None = None


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the files of a folder in order.

    Raises
    ------
    MigrationError
        A name is not ``NNNN_name.sql``, or a number is there twice.

    """
    migrations: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNN_name.sql")
        number, sql = int(match["number"]), path.read_text(encoding="utf-8")
        if number in migrations:
            raise MigrationError(f"{path.name} and {migrations[number].name} have one number")
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        migrations[number] = Migration(
            number, path.stem, sql, checksum, baseline=sql.startswith(_BASELINE)
        )
    return list(migrations.values())


class Migrator:
    """Compares files with one database, and applies them. The connection is in autocommit mode."""

    def __init__(
        self, connection: Connection, migrations: Sequence[Migration] | None = None
    ) -> None:
        self._connection = connection
        self._migrations = read_migrations() if migrations is None else migrations
        self._queries = load_queries("migrations")

    async def status(self) -> list[Standing]:
        """Return how each file and each row stands, in order. Changes nothing."""
        rows = await self._applied()
        standings: list[tuple[int, Standing]] = []
        for migration in self._migrations:
            row = rows.pop(migration.number, None)
            if row is None:
                standing = Standing(migration.name, State.PENDING, migration.baseline)
            else:
                _, _, checksum, baseline, applied_at = row
                state = State.APPLIED if checksum == migration.checksum else State.CHANGED
                standing = Standing(migration.name, state, baseline, applied_at)
            standings.append((migration.number, standing))
        standings += [
            (number, Standing(row[1], State.UNKNOWN, row[3], row[4]))
            for number, row in rows.items()
        ]
        return [standing for _, standing in sorted(standings, key=lambda pair: pair[0])]

    async def up(
        self, *, dry_run: bool = False, tell: Callable[[str], None] | None = None
    ) -> list[str]:
        """Apply what is pending; return the names, and ``tell`` each as it is done.

        Raises
        ------
        MigrationConflictError
            A file was changed after it was applied, or the database is of a newer version. Nothing is applied.
        MigrationError
            A file failed; it is undone, those before it stay.

        """
        done: list[str] = []
        async with _Lock(self._connection, self._queries):
            pending = await self._pending()
            for migration in pending:
                if not dry_run:
                    await self._apply(migration)
                done.append(migration.name)
                if tell is not None:
                    tell(migration.name)
        return done

    async def baseline(self, *, dry_run: bool = False) -> list[str]:
        """Note the files that a database made by the original needs no more; return their names.

        Raises
        ------
        MigrationConflictError
            It is none, or was migrated by us before.

        """
        async with _Lock(self._connection, self._queries):
            if await self._applied():
                raise MigrationConflictError("this database was migrated by Isolane before: use up")
            missing = [str(row[0]) for row in await self._fetch("missing_of_the_original")]
            if missing:
                names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
                raise MigrationConflictError(
                    f"this is no database of OpenWorkers with all its migrations; it lacks {names}."
                    " For an empty database use up"
                )
            there = [migration for migration in self._migrations if migration.baseline]
            if not dry_run:
                async with self._connection.transaction():
                    await self._connection.execute(self._queries["create_table"])
                    for migration in there:
                        await self._record(migration, baseline=True)
            return [migration.name for migration in there]

    async def _pending(self) -> list[Migration]:
        standings = await self.status()
        for state, advice in (
            (State.CHANGED, "was changed after it was applied: restore it and add a new file"),
            (State.UNKNOWN, "is not known here: the database is of a newer version of Isolane"),
        ):
            if names := [one.name for one in standings if one.state is state]:
                raise MigrationConflictError(f"{', '.join(names)} {advice}")
        pending = {one.name for one in standings if one.state is State.PENDING}
        return [migration for migration in self._migrations if migration.name in pending]

    async def _apply(self, migration: Migration) -> None:
        try:
            async with self._connection.transaction():
                await self._connection.execute(self._queries["create_table"])
                await self._connection.execute(migration.sql)
                await self._record(migration, baseline=False)
        except psycopg.Error as error:
            raise MigrationError(f"{migration.name} failed and was undone: {error}") from error

    async def _record(self, migration: Migration, *, baseline: bool) -> None:
        values = {
            "number": migration.number,
            "name": migration.name,
            "checksum": migration.checksum,
            "baseline": baseline,
        }
        await self._connection.execute(self._queries["record"], values)

    async def _applied(self) -> dict[int, tuple[Any, ...]]:
        if (await self._fetch("table_exists")) == [(False,)]:
            return {}
        return {row[0]: row for row in await self._fetch("applied")}

    async def _fetch(self, name: str) -> list[tuple[Any, ...]]:
        cursor = await self._connection.execute(self._queries[name])
        return await cursor.fetchall()


class _Lock:
    """One process at a time; the others wait, and find nothing left to do."""

    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def __aenter__(self) -> None:
        await self._connection.execute(self._queries["lock"])

    async def __aexit__(self, *error: object) -> None:
        if not self._connection.broken:
            await self._connection.execute(self._queries["unlock"])
