"""The database as the runner uses it: a pool, the named statements, and errors in our words.

Must not know what is asked.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.rows import class_row
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from runner.errors import ConflictError, DatabaseUnavailableError, RefusedError
from runner.store.named_queries import load_queries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from runner.store.pool import Connection, Pool

T = TypeVar("T")

TOPICS = ("tenants", "workers", "versions", "assets", "environments", "configs", "routing", "crons")


class Statements:
    """The named statements on one connection. Rows come as whatever class takes their columns by name."""

    def __init__(self, connection: Connection, queries: Mapping[str, str]) -> None:
        self.connection = connection
        self._queries = queries

    async def all(self, row: type[T], query: str, /, **values: Any) -> list[T]:
        async with self.connection.cursor(row_factory=class_row(row)) as cursor:
            await cursor.execute(self._queries[query], values)
            return await cursor.fetchall()

    async def first(self, row: type[T], query: str, /, **values: Any) -> T | None:
        async with self.connection.cursor(row_factory=class_row(row)) as cursor:
            await cursor.execute(self._queries[query], values)
            return await cursor.fetchone()

    async def value(self, query: str, /, **values: Any) -> Any:
        """Return the only column of the first row; None when there is no row."""
        cursor = await self.connection.execute(self._queries[query], values)
        row = await cursor.fetchone()
        return row[0] if row is not None else None

    async def run(self, query: str, /, **values: Any) -> int:
        """Return how many rows it concerned."""
        cursor = await self.connection.execute(self._queries[query], values)
        return cursor.rowcount


class Database:
    """Lends connections; ``place`` names it in messages."""

    def __init__(self, pool: Pool, place: str, *topics: str) -> None:
        self._pool = pool
        self._place = place
        self._queries = load_queries(*topics)

    @asynccontextmanager
    async def statements(self) -> AsyncIterator[Statements]:
        """Lend a connection in autocommit mode.

        Raises
        ------
        DatabaseUnavailableError
            There is none in time, or it was cut.

        """
        try:
            async with self._pool.connection() as connection:
                yield Statements(connection, self._queries)
        except (PoolTimeout, PoolClosed, TooManyRequests) as error:
            raise DatabaseUnavailableError(self._place, str(error)) from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailableError(self._place, _said(error)) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Lend a connection for one transaction, which ends with the block.

        Raises
        ------
        DatabaseUnavailableError
            There is none in time, or it was cut; nothing was done.
        ConflictError
            Something has the name already.
        RefusedError
            A value is too long, has bytes that text can not have, or leads to another tenant.

        """
        async with self.statements() as statements:
            try:
                async with statements.connection.transaction():
                    yield statements
            except errors.UniqueViolation as error:
                raise ConflictError(_said(error)) from error
            except (psycopg.IntegrityError, psycopg.DataError, errors.RaiseException) as error:
                raise RefusedError(_said(error)) from error


def _said(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip()
