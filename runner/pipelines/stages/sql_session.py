"""One connection of a stage ``sql``: opened when it is needed, statements in, rows out.

Must not know events, nor what becomes of a statement whose connection is lost.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from runner.errors import RunnerError
from runner.pipelines.errors import EventError, StageStartError
from runner.pipelines.stages.sql_values import decoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.pipelines.stage import StageContext

_CONNECT_WITHIN_S: Final = 5
_LOST: Final = ("08", "57P01", "57P02", "57P03", "53300")
"""SQLSTATEs of a connection that is, or can not be: shutdown, start, too many of them."""
_SSL: Final = {
    "true": "require",
    "1": "require",
    "no-verify": "require",
    "false": "disable",
    "0": "disable",
}
_PORT: Final = 5432


class LostConnectionError(RunnerError):
    """There is no connection, or there is none any more: what it was asked for may have been done or not."""


def read_place(url: str, context: StageContext) -> dict[str, Any]:
    """Return the parameters of a connection for a URL as node-postgres takes it.

    Raises
    ------
    StageStartError
        It is none. The text does not show it: it may have a password.

    """
    if not url.startswith(("postgres://", "postgresql://")):
        raise StageStartError("config.connection must be a URL: postgres://HOST/DATABASE")
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if (ssl := options.pop("ssl", None)) is not None:
            options.setdefault("sslmode", _SSL.get(ssl, "require"))
        place: dict[str, Any] = conninfo_to_dict(
            urlunsplit(parts._replace(query=urlencode(options)))
        )
        host, port = str(place.get("host") or "localhost"), str(place.get("port") or _PORT)
        if not re.fullmatch(r"[0-9]+(,[0-9]*)*", port):
            # A password with a slash ends the host.
            raise ValueError("its port is no number")
    except (ValueError, psycopg.ProgrammingError) as error:
        # What libpq quotes, behind a colon, may be of the password.
        why = str(error).partition(": ")[0]
        raise StageStartError(f"config.connection is no URL of a database: {why}") from None
    if port.isdigit():
        place["host"], place["port"] = context.place(host, int(port))
    return place


class SqlSession:
    """``place``: libpq's parameters. ``execute`` is called by one at a time."""

    def __init__(self, place: dict[str, Any], name: str) -> None:
        self._place = place
        self._name = name
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None

    async def open(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        """Return the connection; it is made if there is none.

        Raises
        ------
        LostConnectionError
            It can not be made.

        """
        if self._connection is not None and not self._connection.closed:
            return self._connection
        try:
            connection = await psycopg.AsyncConnection.connect(
                **{
                    "connect_timeout": _CONNECT_WITHIN_S,
                    "application_name": f"isolane {self._name}"[:63],
                    "keepalives_idle": 10,
                    "keepalives_interval": 5,
                    "keepalives_count": 3,
                    **self._place,
                    "client_encoding": "UTF8",
                },
                autocommit=True,
                prepare_threshold=None,
                cursor_factory=psycopg.AsyncRawCursor,
            )
            if not (connection.info.parameter_status("DateStyle") or "ISO").startswith("ISO"):
                await connection.execute("SET datestyle TO 'ISO'")
        except psycopg.Error as error:
            raise LostConnectionError(
                f"can not connect to {self._shown}: {_words(error)}"
            ) from error
        self._connection = connection
        return connection

    @property
    def _shown(self) -> str:
        database = self._place.get("dbname", "the database")
        return f"{database} at {self._place.get('host')}:{self._place.get('port')}"

    async def execute(self, text: str, values: Sequence[str | None]) -> list[dict[str, Any]]:
        """Return the rows of a statement; without values there may be several statements, and the rows are those of all.

        Raises
        ------
        LostConnectionError
            See there.
        EventError
            PostgreSQL refuses it.

        """
        connection = await self.open()
        rows: list[dict[str, Any]] = []
        try:
            cursor = await connection.execute(text, values or None)
            while True:
                rows += _rows(cursor)
                if not cursor.nextset():
                    break
        except psycopg.Error as error:
            state = error.sqlstate or ""
            if connection.closed or state.startswith(_LOST):
                await self.close()
                raise LostConnectionError(f"{self._shown}: {_words(error)}") from error
            name = "".join(part for part in type(error).__name__.split("_"))
            raise EventError(_words(error), name=name) from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise EventError(f"the statement is no text: {error}", name="DataError") from error
        finally:
            await self._end_transaction(connection)
        return rows

    async def _end_transaction(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """A transaction that a statement left open is nobody's: the next event has nothing to do with it."""
        if connection.info.transaction_status in {
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        }:
            with suppress(psycopg.Error):
                await connection.rollback()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, asyncio.TimeoutError):
                await connection.close()


def _rows(cursor: psycopg.AsyncCursor[Any]) -> list[dict[str, Any]]:
    result = cursor.pgresult
    if result is None or not result.nfields:
        return []
    columns = [
        (number, (result.fname(number) or b"").decode(), decoder(result.ftype(number)))
        for number in range(result.nfields)
    ]
    rows = []
    for row in range(result.ntuples):
        values = {}
        for number, name, read in columns:
            data = result.get_value(row, number)
            values[name] = None if data is None else read(data.decode())
        rows.append(values)
    return rows


def _words(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip() or type(error).__name__
