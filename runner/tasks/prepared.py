"""Statements that are prepared once for each connection, asked over libpq without a cursor.

A cursor takes psycopg a third of the time that a short statement takes us: for each one it looks for the dumper of each value, for the
statement among those that it has prepared by itself, and describes what came back. Here values are written as PostgreSQL reads them
from text, so that a statement has to say their types; rows are read by psycopg's loaders. Must not know what is asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import errors, generators
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format

from runner.tasks.arrays import array_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.pq.abc import PGresult

    from runner.store.pool import Connection

_PARAMETER: Final = re.compile(r"%\((\w+)\)s")


class Statement:
    """A named statement as the server takes it: read once, as it would cost more to read than to run."""

    __slots__ = ("names", "text")

    def __init__(self, text: str) -> None:
        self.names = tuple(dict.fromkeys(_PARAMETER.findall(text)))
        places = {name: f"${place}" for place, name in enumerate(self.names, 1)}
        self.text = _PARAMETER.sub(lambda match: places[match[1]], text).encode()


class Prepared:
    """The statements of one connection, each prepared when it is first asked.

    The connection is used by nobody else meanwhile.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._names: dict[Statement, bytes] = {}
        self._rows = Transformer(connection)

    async def rows(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows; none of a statement that has none.

        Raises
        ------
        psycopg.Error
            What the server says, or that it is away.

        """
        result = await self._ask(statement, values, Format.BINARY)
        if result.status != ExecStatus.TUPLES_OK:
            return []
        self._rows.set_pgresult(result)
        try:
            return self._rows.load_rows(0, result.ntuples, tuple)
        finally:
            self._rows.set_pgresult(None)

    async def count(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Return how many rows it concerned. Raises what ``rows`` raises."""
        result = await self._ask(statement, values, Format.TEXT)
        tuples = result.command_tuples
        return -1 if tuples is None else tuples

    async def _ask(
        self, statement: Statement, values: Mapping[str, Any], shape: Format
    ) -> PGresult:
        pgconn = self._connection.pgconn
        name = self._names.get(statement)
        if name is None:
            name = b"q%d" % len(self._names)
            pgconn.send_prepare(name, statement.text)
            await self._answer()
            self._names[statement] = name
        given = [values[key] for key in statement.names]
        formats = [Format.BINARY if type(one) is bytes else Format.TEXT for one in given]
        pgconn.send_query_prepared(name, [_written(one) for one in given], formats, shape)
        return await self._answer()

    async def _answer(self) -> PGresult:
        results: list[PGresult] = await self._connection.wait(
            generators.execute(self._connection.pgconn)
        )
        result = results[-1]
        if result.status in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
            return result
        raise errors.error_from_result(result)


def _written(value: Any) -> bytes | None:
    """Return a value as it is sent: bytes as they are, all else as text."""
    if value is None or isinstance(value, bytes):
        return value
    text = array_of(value) if isinstance(value, list) else text_of(value)
    if "\0" in text:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text.encode()
