"""What a statement gives: rows as they come, within limits, or why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from psycopg.pq import DiagnosticField

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

    from runner.bindings import DatabaseBinding

MAX_RESULT_BYTES: Final = 8 << 20
"""Of a result as JSON."""
_MAX_ROWS: Final = 100_000
_MAX_SECONDS: Final = 300
_FIELDS: Final = {
    "code": DiagnosticField.SQLSTATE,
    "detail": DiagnosticField.MESSAGE_DETAIL,
    "hint": DiagnosticField.MESSAGE_HINT,
    "position": DiagnosticField.STATEMENT_POSITION,
    "schema": DiagnosticField.SCHEMA_NAME,
    "table": DiagnosticField.TABLE_NAME,
    "column": DiagnosticField.COLUMN_NAME,
    "constraint": DiagnosticField.CONSTRAINT_NAME,
}


class StatementError(Exception):
    """PostgreSQL, or a limit, refused a statement; ``fields`` are the tenant's to read."""

    def __init__(self, message: str, **fields: str) -> None:
        self.message = message
        self.fields = fields
        super().__init__(message)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement gave."""

    columns: list[tuple[str, int]] | None
    """Names and types (OIDs); ``None`` when the statement gives no rows."""
    rows: msgspec.Raw
    """An array of arrays, of text and null."""
    count: int
    """Rows that were read, or changed."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one statement may take."""

    rows: int
    seconds: int


def limits_of(binding: DatabaseBinding) -> Limits:
    """Return a binding's limits; a row that says nothing sensible has the nearest that is."""
    return Limits(
        rows=min(max(binding.max_rows, 1), _MAX_ROWS),
        seconds=min(max(binding.timeout_s, 1), _MAX_SECONDS),
    )


class Rows:
    """Rows as they come, as JSON."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._columns: list[tuple[str, int]] | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._count = 0
        self._changed: int | None = None

    def add(self, result: PGresult) -> None:
        """Take a chunk of rows.

        Raises
        ------
        StatementError
            They are too many, or too large.

        """
        columns = range(result.nfields)
        if self._columns is None:
            self._columns = [
                ((result.fname(column) or b"").decode("utf-8", "replace"), result.ftype(column))
                for column in columns
            ]
        count = result.ntuples
        if count == 0:
            return
        self._count += count
        if self._count > self._most:
            raise StatementError(
                f"the result has more than {self._most} rows: use LIMIT, or raise max_rows",
                code="54000",
            )
        value = result.get_value
        rows = [
            [
                None if (text := value(row, column)) is None else text.decode("utf-8", "replace")
                for column in columns
            ]
            for row in range(count)
        ]
        part = msgspec.json.encode(rows)
        self._size += len(part)
        if self._size > MAX_RESULT_BYTES:
            raise too_large()
        # Without brackets: the parts are one array.
        self._parts.append(part[1:-1])

    def finish(self, result: PGresult) -> None:
        """Take the end of a statement that gives no rows."""
        self._changed = result.command_tuples

    def result(self) -> Result:
        rows = msgspec.Raw(b"[%b]" % b",".join(self._parts))
        count = self._count if self._columns is not None else self._changed or 0
        return Result(columns=self._columns, rows=rows, count=count)


def too_large() -> StatementError:
    return StatementError(
        f"the result is larger than {MAX_RESULT_BYTES >> 20} MiB: ask for less at once",
        code="54000",
    )


def failure(result: PGresult) -> StatementError:
    """Return what PostgreSQL said."""

    def said(field: DiagnosticField) -> str:
        return (result.error_field(field) or b"").decode("utf-8", "replace")

    fields = {name: text for name, field in _FIELDS.items() if (text := said(field))}
    message = said(DiagnosticField.MESSAGE_PRIMARY) or "the database refused the statement"
    return StatementError(message, **fields)
