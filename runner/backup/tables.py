"""Which tables and sequences of a database are ours, and so in its backups: those that ``migrations/`` makes.

What others have beside them (a table for ``db-listen``, another program's) is not: nobody would know how to make it again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from psycopg import sql

from runner.backup.manifest import SequenceValue
from runner.store.named_queries import load_queries

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

    from runner.store.migrate import Migration
    from runner.store.pool import Connection

_CREATED: Final = re.compile(
    r'^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(?:public\.)?"?([a-z_][a-z0-9_]*)',
    re.MULTILINE,
)
Row: TypeAlias = bytes | bytearray | memoryview
_SEALED: Final = re.compile(r"(.*_)?sealed")
MIGRATIONS: Final = "isolane_migrations"


class Table(NamedTuple):
    """One of ours."""

    name: str
    columns: list[str]
    about_rows: int
    """As many as there were when the server counted last."""


class Catalog:
    """Asks one connection of its tables, which are known from files of migrations."""

    def __init__(self, connection: Connection, migrations: Sequence[Migration]) -> None:
        self.connection = connection
        self.ours = [name for one in migrations for name in _CREATED.findall(one.sql)]
        self._queries = load_queries("backup")

    async def ask(
        self, query: str, names: Mapping[str, sql.Composable] | None = None, **values: Any
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a named statement; ``names`` stand in its braces."""
        cursor = await self.connection.execute(self.text(query, names), values or None)
        return await cursor.fetchall() if cursor.description else []

    def text(
        self, query: str, names: Mapping[str, sql.Composable] | None = None
    ) -> sql.Composed | bytes:
        text = self._queries[query]
        return sql.SQL(text).format(**names) if names else text.encode()

    async def tables(self) -> list[Table]:
        return [Table(*row) for row in await self.ask("tables_of_ours", ours=self.ours)]

    async def others(self) -> list[tuple[str, str]]:
        """Return schema and name of each table that is not ours."""
        ours = [*self.ours, MIGRATIONS]
        return [(row[0], row[1]) for row in await self.ask("tables_of_others", ours=ours)]

    async def sequences(self) -> list[SequenceValue]:
        values = []
        for (name,) in await self.ask("sequences_of_ours", ours=self.ours):
            ((value, called),) = await self.ask(
                "sequence_value", {"sequence": sql.Identifier(name)}
            )
            values.append(SequenceValue(sequence=name, value=value, is_called=called))
        return values

    async def secret_keys(self, tables: Iterable[Table]) -> list[int]:
        """Return the ids of the keys that something is sealed with."""
        found: set[int] = set()
        for table in tables:
            for column in table.columns:
                if _SEALED.fullmatch(column):
                    names = {"table": sql.Identifier(table.name), "column": sql.Identifier(column)}
                    found |= {row[0] for row in await self.ask("keys_of_column", names)}
            if table.name == "tasks":
                found |= {row[0] for row in await self.ask("keys_of_tasks")}
        return sorted(found)

    async def rows(self, table: str, columns: Sequence[str]) -> AsyncGenerator[Row]:
        """Yield the rows of a table, one by one, as COPY writes them."""
        async with (
            self.connection.cursor() as cursor,
            cursor.copy(self.text("copy_out", named(table, columns))) as copy,
        ):
            async for row in copy:
                yield row


def named(table: str, columns: Iterable[str] = ()) -> dict[str, sql.Composable]:
    """Return a table, and its columns with commas between, for the braces of a statement."""
    names: dict[str, sql.Composable] = {"table": sql.Identifier(table)}
    if columns:
        names["columns"] = sql.SQL(", ").join(map(sql.Identifier, columns))
    return names
