"""The ``database`` op: SQL in a database that the tenant named, one statement at a time or in transactions.

What SQL may do is PostgreSQL's to decide, not this module's: it is not looked at. Must not know how sessions are made.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec
from psycopg.pq import TransactionStatus

from runner.bindings import DatabaseBinding
from runner.databases.results import Result, StatementError, limits_of
from runner.databases.session import Session
from runner.errors import OpError
from runner.ops.granted import granted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.databases.pool import SessionPool
    from runner.execution import Execution
    from runner.ops.registry import OpCall

_MAX_STATEMENT_BYTES: Final = 4 << 20
"""With its parameters."""
_MAX_PARAMETERS: Final = 65_535
_MAX_OPEN: Final = 2
"""Transactions of one execution at once."""


class Asked(msgspec.Struct, frozen=True):
    """What all have: a binding's name, and what to do."""

    binding: str
    action: str


class Query(msgspec.Struct, frozen=True):
    """A statement, in a transaction if there is a number of one. Parameters are text, or nothing for NULL."""

    sql: str
    params: list[str | None] = []
    transaction: int = 0


class End(msgspec.Struct, frozen=True):
    """Of a transaction."""

    transaction: int


class Transaction:
    """A session that is one execution's until the transaction ends."""

    def __init__(self, execution: Execution, session: Session) -> None:
        self.execution = execution
        self.session = session
        self.lock = asyncio.Lock()
        """Held by whoever speaks; what was waited for it has to be looked up again."""
        self.ended = False
        self.timer: asyncio.TimerHandle | None = None


class Database:
    """The op, over a pool of sessions."""

    def __init__(self, pool: SessionPool) -> None:
        self._pool = pool
        self._transactions: dict[int, Transaction] = {}
        self._number = 0

    @property
    def open_transactions(self) -> int:
        return len(self._transactions)

    async def __call__(self, call: OpCall) -> None:
        asked = call.args(Asked)
        binding = granted(call, asked.binding, DatabaseBinding)
        try:
            match asked.action:
                case "query":
                    query = call.args(Query)
                    call.resolve(_answer(await self._query(call, binding, query)))
                case "begin":
                    call.resolve({"transaction": await self._begin(call, binding)})
                case "commit":
                    await self._commit(call, binding, call.args(End).transaction)
                    call.resolve({})
                case "rollback":
                    number = call.args(End).transaction
                    self._find(call, binding, number)
                    self._drop(number)
                    call.resolve({})
                case action:
                    raise OpError("TypeError", f"database has no action {action[:64]!r}")
        except StatementError as error:
            call.resolve({"error": {"message": error.message, **error.fields}})

    async def close(self) -> None:
        """Roll back what is open, and close all sessions."""
        for number in tuple(self._transactions):
            self._drop(number)
        await self._pool.close()

    # --- statements -----------------------------------------------------------------------------------------------

    async def _query(self, call: OpCall, binding: DatabaseBinding, query: Query) -> Result:
        values = _encoded(query)
        if query.transaction:
            return await self._query_within(call, binding, query, values)
        session = await self._pool.take(binding, call.execution.deployment.tenant)
        try:
            result = await session.run(query.sql, values)
            if session.status != TransactionStatus.IDLE:
                raise StatementError(
                    "a transaction is begun with transaction(async tx => ...), not with SQL",
                    code="25001",
                )
            return result
        finally:
            self._pool.give_back(session)

    async def _query_within(
        self, call: OpCall, binding: DatabaseBinding, query: Query, values: Sequence[bytes | None]
    ) -> Result:
        number = query.transaction
        transaction = self._find(call, binding, number)
        async with transaction.lock:
            session = self._find(call, binding, number).session
            keep = False
            try:
                result = await session.run(query.sql, values)
                keep = session.status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}
                if not keep:
                    raise StatementError(
                        "a transaction is ended by its function, not with SQL", code="25000"
                    )
                return result
            except StatementError:
                keep = session.status == TransactionStatus.INERROR
                raise
            finally:
                if transaction.ended or not keep:
                    self._forget(number)
                    self._pool.give_back(session)

    # --- transactions ---------------------------------------------------------------------------------------------

    async def _begin(self, call: OpCall, binding: DatabaseBinding) -> int:
        execution = call.execution
        mine = sum(one.execution is execution for one in self._transactions.values())
        if mine >= _MAX_OPEN:
            raise OpError("Error", f"database: more than {_MAX_OPEN} transactions at once")
        session = await self._pool.take(binding, execution.deployment.tenant)
        try:
            await session.begin()
        except BaseException:
            self._pool.give_back(session)
            raise
        self._number += 1
        number = self._number
        transaction = self._transactions[number] = Transaction(execution, session)
        loop = asyncio.get_running_loop()
        transaction.timer = loop.call_later(session.limits.seconds, self._drop, number)
        execution.on_end.append(lambda _: self._drop(number))
        if execution.outcome is not None:
            self._drop(number)
        return number

    def _find(self, call: OpCall, binding: DatabaseBinding, number: int) -> Transaction:
        """Return a transaction of this execution with this database.

        Raises
        ------
        OpError
            It has ended, or is none.

        """
        transaction = self._transactions.get(number)
        if (
            transaction is None
            or transaction.execution is not call.execution
            or transaction.session.binding != binding
        ):
            raise OpError(
                "Error",
                f"database: the transaction has ended (it may take {limits_of(binding).seconds} s)",
            )
        return transaction

    async def _commit(self, call: OpCall, binding: DatabaseBinding, number: int) -> None:
        transaction = self._find(call, binding, number)
        async with transaction.lock:
            session = self._find(call, binding, number).session
            self._forget(number)
            try:
                await session.commit()
            finally:
                self._pool.give_back(session)

    def _drop(self, number: int) -> None:
        """Have a transaction rolled back, if it is still open; what runs in it fails."""
        transaction = self._forget(number)
        if transaction is None:
            return
        if transaction.lock.locked():
            # Who speaks in it gives it back.
            transaction.session.interrupt()
        else:
            self._pool.give_back(transaction.session)

    def _forget(self, number: int) -> Transaction | None:
        transaction = self._transactions.pop(number, None)
        if transaction is not None:
            transaction.ended = True
            if transaction.timer is not None:
                transaction.timer.cancel()
        return transaction


def _encoded(query: Query) -> list[bytes | None]:
    """Return the parameters as PostgreSQL takes them.

    Raises
    ------
    OpError
        They are too many or too large, or have what no text in PostgreSQL has.

    """
    if len(query.params) > _MAX_PARAMETERS:
        raise OpError("RangeError", f"database: more than {_MAX_PARAMETERS} parameters")
    values = [None if value is None else value.encode() for value in query.params]
    size = len(query.sql.encode()) + sum(len(value) for value in values if value is not None)
    if size > _MAX_STATEMENT_BYTES:
        raise OpError(
            "RangeError", f"database: a statement of more than {_MAX_STATEMENT_BYTES >> 20} MiB"
        )
    if "\0" in query.sql or any(value is not None and b"\0" in value for value in values):
        raise OpError("TypeError", "database: text can not have the character U+0000")
    return values


def _answer(result: Result) -> dict[str, Any]:
    return {"columns": result.columns, "rows": result.rows, "count": result.count}
