"""Connections of the durable queue: few, kept, and set up for it.

Nothing is asked before one is lent, as that would cost as much as most statements here; a line that has something to say while nobody
asked is tried first. Must not know what is asked.
"""

from __future__ import annotations

import asyncio
import select
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import errors

from runner.errors import ConflictError, DatabaseUnavailableError, RefusedError, RunnerError
from runner.store.connection import ANSWER_WITHIN_S
from runner.store.named_queries import load_queries
from runner.store.pool import connect, describe
from runner.tasks.prepared import Prepared, Statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Self

    from runner.store.pool import Connection

# An outcome that was committed stays. Plans must not change with statistics that a queue outdates every minute: each statement has
# the index it was written for.
_SETTINGS: Final = (
    "SET synchronous_commit = on; SET plan_cache_mode = force_generic_plan; SET jit = off; "
    "SET max_parallel_workers_per_gather = 0"
)
_BY_INDEX: Final = "; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
TOPICS: Final = ("tasks", "tasks_claims", "tasks_rules", "tasks_schedules")


class Line:
    """A connection in autocommit mode, with the statements by name."""

    def __init__(self, connection: Connection, statements: Mapping[str, Statement]) -> None:
        self.connection = connection
        self._statements = statements
        self._prepared = Prepared(connection)

    async def rows(self, query: str, /, **values: Any) -> list[tuple[Any, ...]]:
        return await self._prepared.rows(self._statements[query], values)

    async def first(self, query: str, /, **values: Any) -> tuple[Any, ...] | None:
        rows = await self._prepared.rows(self._statements[query], values)
        return rows[0] if rows else None

    async def run(self, query: str, /, **values: Any) -> int:
        """Return how many rows it concerned."""
        return await self._prepared.count(self._statements[query], values)

    def text(self, query: str) -> bytes:
        return self._statements[query].text


class Lines:
    """Lends up to ``most`` lines; ``async with`` closes them. ``by_index``: plans use indexes wherever there is one.

    ``queries`` are the statements by name: those of the queue, if nothing is said.
    """

    def __init__(
        self,
        url: str,
        *,
        most: int = 4,
        by_index: bool = True,
        queries: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url
        named = load_queries(*TOPICS) if queries is None else queries
        self._statements = {name: Statement(text) for name, text in named.items()}
        self._settings = _SETTINGS + (_BY_INDEX if by_index else "")
        self._free: list[tuple[Line, AbstractAsyncContextManager[Connection]]] = []
        self._places = asyncio.Semaphore(most)
        self.place = describe(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close what is not lent."""
        while self._free:
            _, opening = self._free.pop()
            await opening.__aexit__(None, None, None)

    def lend(self) -> AbstractAsyncContextManager[Line]:
        """Lend a line; who asks first gets the first.

        Raises
        ------
        DatabaseUnavailableError
            There is none now, or it was cut: what was asked may be done, or not.
        ConflictError
            Something is there already.
        RefusedError
            A value is one that the database can not have.

        """
        return _Loan(self)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Line]:
        """Lend a line for one transaction, which ends with the block. Raises what ``lend`` raises."""
        async with self.lend() as line, line.connection.transaction():
            yield line

    async def take(self) -> tuple[Line, AbstractAsyncContextManager[Connection]]:
        """Return a line and what closes it, once a place is free; :meth:`give_back` has to follow."""
        await self._places.acquire()
        try:
            return await self._open()
        except BaseException:
            self._places.release()
            raise

    async def give_back(
        self, line: Line, opening: AbstractAsyncContextManager[Connection], *, sound: bool
    ) -> None:
        """Keep the line for whoever comes next; in doubt (a statement was cut off half-way) close it."""
        try:
            if sound and not line.connection.closed:
                self._free.append((line, opening))
            else:
                await opening.__aexit__(None, None, None)
        finally:
            self._places.release()

    async def _open(self) -> tuple[Line, AbstractAsyncContextManager[Connection]]:
        while self._free:
            line, opening = self._free.pop()
            if await _alive(line.connection):
                return line, opening
            await opening.__aexit__(None, None, None)
        opening = connect(self._url, answer_within_s=ANSWER_WITHIN_S)
        connection = await opening.__aenter__()
        try:
            await connection.execute(self._settings)
        except psycopg.Error as error:
            await opening.__aexit__(None, None, None)
            raise DatabaseUnavailableError(self.place, _said(error)) from error
        connection.prepare_threshold = 0
        return Line(connection, self._statements), opening


class _Loan:
    """A line for one block. A class of its own, as a generator would take a few microseconds more for each statement."""

    __slots__ = ("_line", "_lines", "_opening")

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def __aenter__(self) -> Line:
        self._line, self._opening = await self._lines.take()
        return self._line

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        known = error is not None and _meaning(error, self._lines.place)
        refused = isinstance(known, ConflictError | RefusedError)
        await self._lines.give_back(self._line, self._opening, sound=error is None or refused)
        if known:
            raise known from error


def _meaning(error: BaseException, place: str) -> RunnerError | None:
    """Return what an error of the driver means here; None for those that mean what they say."""
    match error:
        case errors.UniqueViolation():
            return ConflictError(_said(error))
        # Some count as operational errors, and yet it is the value that is too much.
        case (
            psycopg.DataError()
            | psycopg.IntegrityError()
            | errors.ProgramLimitExceeded()
            | errors.StatementTooComplex()
        ):
            return RefusedError(_said(error))
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return DatabaseUnavailableError(place, _said(error))
        case _:
            return None


async def _alive(connection: Connection) -> bool:
    if connection.closed:
        return False
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return True
        # A notice, or the end.
        await connection.execute("SELECT")
    except (psycopg.Error, OSError):
        return False
    return True


def _said(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip()
