"""Connections to PostgreSQL: one pool, opened in one place.

Must not know what is asked. Messages name host and database, never the password.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from runner.errors import DatabaseUnavailableError
from runner.store.connection import ANSWER_WITHIN_S, BoundedConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]
Pool: TypeAlias = AsyncConnectionPool[BoundedConnection]

_CONNECT_WITHIN_S: Final = 5
# A request that can not get a connection in this time is answered with 503.
_WAIT_S: Final = 5.0
# Whoever asks for a connection starts another attempt at once. The pool's own attempts would come ever more rarely while the
# server is away, and who asks would wait for them after it is back.
_GIVE_UP_S: Final = 0.5
_CLOSE_WITHIN_S: Final = 1.0
_CHECK_WITHIN_S: Final = 3.0
_OPTIONS: Final[dict[str, Any]] = {
    "application_name": "isolane",
    "connect_timeout": _CONNECT_WITHIN_S,
    # A line that went dead without a word is noticed within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def describe(url: str) -> str:
    """Return where a database is, in words that may be shown."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "the database"
    return f"{parts.get('dbname', 'the database')} at {parts.get('host', 'localhost')}:{parts.get('port', 5432)}"


@asynccontextmanager
async def open_pool(url: str, *, least: int = 1, most: int = 10) -> AsyncIterator[Pool]:
    """Open ``least`` to ``most`` connections in autocommit mode; each is tested before it is lent, and answers in time or is closed.

    Raises
    ------
    DatabaseUnavailableError
        None could be made.

    """
    pool: Pool = AsyncConnectionPool(
        url,
        open=False,
        min_size=least,
        max_size=most,
        timeout=_WAIT_S,
        reconnect_timeout=_GIVE_UP_S,
        connection_class=BoundedConnection,
        configure=_bound,
        kwargs={"autocommit": True, **_OPTIONS},
        check=_check,
        name="store",
    )
    try:
        await pool.open(wait=True, timeout=_CONNECT_WITHIN_S)
    except PoolTimeout as error:
        await pool.close(_CLOSE_WITHIN_S)
        # The pool keeps why to itself: ask once more.
        async with connect(url):
            pass
        raise DatabaseUnavailableError(describe(url), "it takes too long to connect") from error
    try:
        yield pool
    finally:
        await pool.close(_CLOSE_WITHIN_S)


async def _bound(connection: BoundedConnection) -> None:
    connection.answer_within_s = ANSWER_WITHIN_S


async def _check(connection: BoundedConnection) -> None:
    """Raise what psycopg raises when a connection is of no use."""
    connection.answer_within_s = _CHECK_WITHIN_S
    await AsyncConnectionPool.check_connection(connection)
    connection.answer_within_s = ANSWER_WITHIN_S


@asynccontextmanager
async def connect(url: str, *, answer_within_s: float | None = None) -> AsyncIterator[Connection]:
    """Open one connection in autocommit mode; see ``BoundedConnection`` for ``answer_within_s``.

    Raises
    ------
    DatabaseUnavailableError
        It could not be made.

    """
    try:
        connection = await BoundedConnection.connect(url, autocommit=True, **_OPTIONS)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise DatabaseUnavailableError(describe(url), str(error).strip()) from error
    connection.answer_within_s = answer_within_s
    async with connection:
        yield connection
