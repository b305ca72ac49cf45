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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]
Pool: TypeAlias = AsyncConnectionPool[Connection]

_CONNECT_WITHIN_S: Final = 5
# A request that can not get a connection in this time is answered with 503.
_WAIT_S: Final = 5.0
# Whoever asks for a connection starts another attempt at once. The pool's own attempts would come ever more rarely while the
# server is away, and who asks would wait for them after it is back.
_GIVE_UP_S: Final = 0.5
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
    """Open ``least`` to ``most`` connections in autocommit mode; each is tested before it is lent.

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
        kwargs={"autocommit": True, **_OPTIONS},
        check=AsyncConnectionPool.check_connection,
        name="store",
    )
    try:
        await pool.open(wait=True, timeout=_CONNECT_WITHIN_S)
    except PoolTimeout as error:
        await pool.close()
        # The pool keeps why to itself: ask once more.
        async with connect(url):
            pass
        raise DatabaseUnavailableError(describe(url), "it takes too long to connect") from error
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Connection]:
    """Open one connection in autocommit mode.

    Raises
    ------
    DatabaseUnavailableError
        It could not be made.

    """
    try:
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, **_OPTIONS)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise DatabaseUnavailableError(describe(url), str(error).strip()) from error
    async with connection:
        yield connection
