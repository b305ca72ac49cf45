"""One session: statements with limits on rows, bytes and time, and the end of what does not keep them.

It drives libpq itself, below psycopg's cursors: rows come in chunks, and bytes are counted before libpq sees them, so that neither
a million rows nor one of a gigabyte gets into the runner. The extended protocol takes one statement at a time. Must not know
ops or pools.
"""

from __future__ import annotations

import asyncio
import logging
import select
from typing import TYPE_CHECKING, Any, Final

import msgspec
import psycopg
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus

from runner.databases.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from psycopg.pq.abc import PGconn, PGresult

    from runner.bindings import DatabaseBinding

_log = logging.getLogger(__name__)

MAX_RESULT_BYTES: Final = 8 << 20
"""Of a result as JSON, and of what the server sends for it."""
_MAX_ROWS: Final = 100_000
_MAX_SECONDS: Final = 300
_ROWS_AT_ONCE: Final = 100
_GRACE_S: Final = 1.0
"""What a statement gets beyond its time limit, which the server should keep."""
_CANCEL_S: Final = 2.0
_IN_TRANSACTION: Final = frozenset({TransactionStatus.INTRANS, TransactionStatus.INERROR})
_QUIET: Final = _IN_TRANSACTION | {TransactionStatus.IDLE}
_COPIES: Final = frozenset({ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH})
_ROWS: Final = frozenset({ExecStatus.TUPLES_CHUNK, ExecStatus.TUPLES_OK, ExecStatus.SINGLE_TUPLE})
_DONE: Final = frozenset({ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY})
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


class Session:
    """A connection that is the tenant's for now. ``end`` ends it on the server when it heeds nothing else.

    One statement at a time. ``queries`` are those of ``tenant_sessions.sql``.
    """

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        queries: Mapping[str, str],
        end: Callable[[Session], Awaitable[None]] | None,
    ) -> None:
        self._connection = connection
        self._end = end
        self._pgconn: PGconn = connection.pgconn
        self._queries = queries
        self._meter = Meter(connection.pgconn.socket, self._exceeded)
        self._full = False
        self._reading = False
        self._waiter: asyncio.Future[None] | None = None
        self._settings: Sequence[bytes] = ()
        self.binding: DatabaseBinding
        self.limits: Limits
        self.pid = connection.pgconn.backend_pid

    @property
    def status(self) -> TransactionStatus:
        return TransactionStatus(self._pgconn.transaction_status)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing runs in it."""
        return self.status in _QUIET

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a statement, outside of a transaction, with nothing unread."""
        if self.status != TransactionStatus.IDLE:
            return False
        # Whatever can be read now is the end, or something nobody asked for.
        waiting = select.poll()
        waiting.register(self._pgconn.socket, select.POLLIN)
        return not waiting.poll(0)

    async def settle(self, binding: DatabaseBinding) -> None:
        """Give a new session its settings.

        Raises
        ------
        psycopg.Error
            It was cut.

        """
        self.binding = binding
        self.limits = limits_of(binding)
        milliseconds = b"%d" % (self.limits.seconds * 1000)
        self._settings = (milliseconds, milliseconds, binding.schema.encode())
        try:
            async with asyncio.timeout(_CANCEL_S):
                await self._say("settle", self._settings)
        except (StatementError, TimeoutError) as error:
            raise psycopg.OperationalError("the session can not be set up") from error

    async def run(self, text: str, values: Sequence[bytes | None]) -> Result:
        """Run one statement. Outside of a transaction it is one: with an error, nothing was changed.

        After an error, :attr:`status` tells whether it is still going on.

        Raises
        ------
        StatementError
            PostgreSQL refused it, or it reached a limit.

        """
        try:
            async with asyncio.timeout(self.limits.seconds + _GRACE_S):
                if self.status in _IN_TRANSACTION:
                    return await self._run(text.encode(), values, self.limits.rows)
                return await self._run_alone(text.encode(), values)
        except TimeoutError:
            raise StatementError(
                f"the statement took longer than {self.limits.seconds} s", code="57014"
            ) from None
        except psycopg.Error:
            raise StatementError("the connection to the database was lost", code="08006") from None

    def interrupt(self) -> None:
        """Have the statement that is running fail here; the server does not know yet."""
        self._fail(StatementError("the transaction was ended while this ran", code="57014"))

    async def begin(self) -> None:
        await self._within("begin")

    async def commit(self) -> None:
        """Commit.

        Raises
        ------
        StatementError
            PostgreSQL rolled it back instead.

        """
        if self.status == TransactionStatus.INERROR:
            await self.rollback()
            raise StatementError(
                "the transaction was rolled back: one of its statements had failed", code="25P02"
            )
        await self._within("commit")

    async def rollback(self) -> None:
        await self._within("rollback")

    async def clean(self) -> bool:
        """Bring the session back to what it was when it was new; false when it had to be closed."""
        try:
            if self.status != TransactionStatus.ACTIVE:
                async with asyncio.timeout(_CANCEL_S):
                    if self.status in _IN_TRANSACTION:
                        await self._say("rollback")
                    await self._say("forget")
                    await self._say("settle", self._settings)
                    if self.is_idle:
                        return True
        except (TimeoutError, StatementError, psycopg.Error):
            pass
        await self.close()
        return False

    async def close(self) -> None:
        """Cut the connection. What runs is cancelled; what does not heed that on our server is ended there."""
        stops = self.status != TransactionStatus.ACTIVE or await self._cancel()
        # A statement alone that was not confirmed is undone with its connection.
        await self._connection.close()
        self._meter.close()
        if not stops and self._end is not None:
            try:
                await self._end(self)
            except Exception:  # noqa: BLE001 - a seam: the connection is gone whatever comes of this
                _log.exception("a session that does not end could not be ended")

    # --- libpq ----------------------------------------------------------------------------------------------------

    async def _within(self, name: str) -> None:
        try:
            async with asyncio.timeout(self.limits.seconds + _GRACE_S):
                await self._say(name)
        except TimeoutError:
            raise StatementError(f"{name} took too long", code="57014") from None
        except psycopg.Error:
            raise StatementError("the connection to the database was lost", code="08006") from None

    async def _say(self, name: str, values: Sequence[bytes | None] = ()) -> None:
        await self._run(self._queries[name].encode(), values, 1)

    async def _run_alone(self, text: bytes, values: Sequence[bytes | None]) -> Result:
        """Run a statement that counts only once its result was read and is within the limits.

        In a pipeline, PostgreSQL commits when it is told to synchronise.
        """
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        pgconn.send_query_params(text, values or None)
        pgconn.set_chunked_rows_mode(_ROWS_AT_ONCE)
        pgconn.send_flush_request()
        result: Result | None = None
        failure: StatementError | None = None
        try:
            result = await self._read(self.limits.rows)
        except StatementError as error:
            if self._reading:
                raise
            failure = error
        pgconn.pipeline_sync()
        await self._flush()
        while (end := await self._next_result()) is None or (
            ExecStatus(end.status) != ExecStatus.PIPELINE_SYNC
        ):
            if end is not None and failure is None:
                failure = _failure(end)
        pgconn.exit_pipeline_mode()
        if failure is not None:
            raise failure
        assert result is not None
        return result

    async def _run(self, text: bytes, values: Sequence[bytes | None], max_rows: int) -> Result:
        self._pgconn.send_query_params(text, values or None)
        self._pgconn.set_chunked_rows_mode(_ROWS_AT_ONCE)
        return await self._read(max_rows)

    async def _read(self, max_rows: int) -> Result:
        """Read the result of what was sent; :attr:`_reading` stays true when it was not read to its end."""
        self._meter.reset(2 * MAX_RESULT_BYTES)
        self._reading = True
        await self._flush()
        rows = _Rows(max_rows)
        failure: StatementError | None = None
        while (result := await self._next_result()) is not None:
            status = ExecStatus(result.status)
            if status in _ROWS:
                rows.add(result)
            elif status in _DONE:
                rows.finish(result)
            elif status in _COPIES:
                raise StatementError("COPY can not be used here", code="0A000")
            else:
                failure = _failure(result)
        while self._pgconn.notifies() is not None:
            pass
        self._reading = False
        if failure is not None:
            raise failure
        return rows.result()

    async def _flush(self) -> None:
        while self._pgconn.flush() != 0:
            await self._ready(write=True)
            self._pgconn.consume_input()

    async def _next_result(self) -> PGresult | None:
        while self._pgconn.is_busy():
            await self._ready()
            self._pgconn.consume_input()
        return self._pgconn.get_result()

    def _exceeded(self) -> None:
        """Too much came: whoever waits for it hears of it, and nothing more comes."""
        self._full = True
        self._fail(_too_large())

    def _fail(self, error: StatementError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    async def _ready(self, *, write: bool = False) -> None:
        if self._full:
            raise _too_large()
        loop = asyncio.get_running_loop()
        ready = loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        socket = self._pgconn.socket
        loop.add_reader(socket, wake)
        if write:
            loop.add_writer(socket, wake)
        self._waiter = ready
        try:
            await ready
        finally:
            self._waiter = None
            loop.remove_reader(socket)
            if write:
                loop.remove_writer(socket)

    async def _cancel(self) -> bool:
        """Ask the server to stop, and tell whether it does."""
        try:
            async with asyncio.timeout(_CANCEL_S):
                await self._connection.cancel_safe(timeout=_CANCEL_S)
                while (result := await self._next_result()) is not None:
                    if ExecStatus(result.status) in _COPIES:
                        return False
        except (TimeoutError, StatementError):
            return False
        except psycopg.Error:
            pass
        return True


class _Rows:
    """Rows as they come, as JSON."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._columns: list[tuple[str, int]] | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._count = 0
        self._changed: int | None = None

    def add(self, result: PGresult) -> None:
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
            raise _too_large()
        self._parts.append(part[1:-1])

    def finish(self, result: PGresult) -> None:
        self._changed = result.command_tuples

    def result(self) -> Result:
        # Written without brackets, part by part.
        rows = msgspec.Raw(b"[%b]" % b",".join(self._parts))
        count = self._count if self._columns is not None else self._changed or 0
        return Result(columns=self._columns, rows=rows, count=count)


def _too_large() -> StatementError:
    return StatementError(
        f"the result is larger than {MAX_RESULT_BYTES >> 20} MiB: ask for less at once",
        code="54000",
    )


def _failure(result: PGresult) -> StatementError:
    def said(field: DiagnosticField) -> str:
        return (result.error_field(field) or b"").decode("utf-8", "replace")

    fields = {name: text for name, field in _FIELDS.items() if (text := said(field))}
    message = said(DiagnosticField.MESSAGE_PRIMARY) or "the database refused the statement"
    return StatementError(message, **fields)
