"""One session: statements with limits on rows, bytes and time, and the end of what does not keep them.

Rows come in chunks, and bytes are counted before libpq sees them, so that neither a million rows nor one of a gigabyte
gets into the runner. The extended protocol takes one statement at a time. Must not know ops or pools.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from runner.databases.results import (
    MAX_RESULT_BYTES,
    Limits,
    Result,
    Rows,
    StatementError,
    failure,
    limits_of,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from runner.bindings import DatabaseBinding
    from runner.databases.wire import Wire

_log = logging.getLogger(__name__)

_GRACE_S: Final = 1.0
"""What a statement gets beyond its time limit, which the server should keep."""
_CANCEL_S: Final = 2.0
_END_S: Final = 2.0
_IN_TRANSACTION: Final = frozenset({TransactionStatus.INTRANS, TransactionStatus.INERROR})
_QUIET: Final = _IN_TRANSACTION | {TransactionStatus.IDLE}
_COPIES: Final = frozenset({ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH})
_ROWS: Final = frozenset({ExecStatus.TUPLES_CHUNK, ExecStatus.TUPLES_OK})
_DONE: Final = frozenset({ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY})


class Session:
    """A connection that is the tenant's for now. ``end`` ends it on the server when it heeds nothing else.

    One statement at a time. ``queries`` are those of ``tenant_sessions.sql``.
    """

    def __init__(
        self,
        wire: Wire,
        binding: DatabaseBinding,
        queries: Mapping[str, str],
        end: Callable[[Session], Awaitable[None]] | None,
    ) -> None:
        self._wire = wire
        self._end = end
        self._queries = queries
        self._reading = False
        self.binding = binding
        self.limits: Limits = limits_of(binding)
        self.pid = wire.pgconn.backend_pid

    @property
    def status(self) -> TransactionStatus:
        return self._wire.status

    @property
    def is_quiet(self) -> bool:
        """Whether nothing runs in it."""
        return self.status in _QUIET

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a statement, outside of a transaction, with nothing unread."""
        return self.status == TransactionStatus.IDLE and self._wire.is_silent

    async def settle(self) -> None:
        """Give a new session its settings.

        Raises
        ------
        psycopg.Error
            It was cut, or the server does not take them.

        """
        try:
            async with asyncio.timeout(_CANCEL_S):
                await self._settle()
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
        self._wire.fail(StatementError("the transaction was ended while this ran", code="57014"))

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
                    await self._settle()
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
        self._wire.close()
        if not stops and self._end is not None:
            try:
                async with asyncio.timeout(_END_S):
                    await self._end(self)
            except TimeoutError:
                _log.warning(
                    "a session that does not end was not ended: the server does not answer"
                )
            except Exception:  # noqa: BLE001 - a seam: the connection is gone whatever comes of this
                _log.exception("a session that does not end could not be ended")

    # --- the protocol ---------------------------------------------------------------------------------------------

    async def _within(self, name: str) -> None:
        try:
            async with asyncio.timeout(self.limits.seconds + _GRACE_S):
                await self._say(name)
        except TimeoutError:
            raise StatementError(
                f"{name} took longer than {self.limits.seconds} s", code="57014"
            ) from None
        except psycopg.Error:
            raise StatementError("the connection to the database was lost", code="08006") from None

    async def _settle(self) -> None:
        milliseconds = b"%d" % (self.limits.seconds * 1000)
        await self._say("settle", (milliseconds, milliseconds, self.binding.schema.encode()))

    async def _say(self, name: str, values: Sequence[bytes | None] = ()) -> None:
        await self._run(self._queries[name].encode(), values, 1)

    async def _run_alone(self, text: bytes, values: Sequence[bytes | None]) -> Result:
        """Run a statement that counts only once its result was read and is within the limits.

        In a pipeline, PostgreSQL commits when it is told to synchronise.
        """
        pgconn = self._wire.pgconn
        pgconn.enter_pipeline_mode()
        self._wire.send(text, values)
        pgconn.send_flush_request()
        result: Result | None = None
        failed: StatementError | None = None
        try:
            result = await self._read(self.limits.rows)
        except StatementError as error:
            if self._reading:
                raise
            failed = error
        pgconn.pipeline_sync()
        await self._wire.flush()
        while (end := await self._wire.next_result()) is None or (
            ExecStatus(end.status) != ExecStatus.PIPELINE_SYNC
        ):
            if end is not None and failed is None:
                failed = failure(end)
        pgconn.exit_pipeline_mode()
        if failed is not None:
            raise failed
        assert result is not None
        return result

    async def _run(self, text: bytes, values: Sequence[bytes | None], max_rows: int) -> Result:
        self._wire.send(text, values)
        return await self._read(max_rows)

    async def _read(self, max_rows: int) -> Result:
        """Read the result of what was sent; ``_reading`` stays true when it was not read to its end."""
        self._wire.allow(2 * MAX_RESULT_BYTES)
        self._reading = True
        await self._wire.flush()
        rows = Rows(max_rows)
        failed: StatementError | None = None
        while (result := await self._wire.next_result()) is not None:
            status = ExecStatus(result.status)
            if status in _ROWS:
                rows.add(result)
            elif status in _DONE:
                rows.finish(result)
            elif status in _COPIES:
                raise StatementError("COPY can not be used here", code="0A000")
            else:
                failed = failure(result)
        self._wire.drop_notifications()
        self._reading = False
        if failed is not None:
            raise failed
        return rows.result()

    async def _cancel(self) -> bool:
        """Ask the server to stop, and tell whether it does."""
        try:
            async with asyncio.timeout(_CANCEL_S):
                await self._wire.cancel()
                while (result := await self._wire.next_result()) is not None:
                    if ExecStatus(result.status) in _COPIES:
                        return False
        except (TimeoutError, StatementError):
            return False
        except psycopg.Error:
            pass
        return True
