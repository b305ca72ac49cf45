"""Claims and outcomes of tasks in one table. Whoever has a row no more changes nothing.

Must not know how tasks are run.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg

from runner.errors import DatabaseUnavailableError
from runner.executor.table_statements import statements_for
from runner.store.dedicated import DedicatedConnection
from runner.store.pool import describe
from runner.tasks.globs import like_patterns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from runner.executor.task_table import TaskTable

LEASE_S: Final = 6.0
REFUSED: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    # They count as operational errors, and yet it is the value that is too much.
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)
"""What is raised when the table can not have an outcome."""


class Row(NamedTuple):
    """A task that is ours while its row has the same ``fence``. The fields are those that ``rows_claim`` returns."""

    id: str
    fence: str
    script: str | None
    payload: str | None
    """JSON."""
    attempts: int
    max_attempts: int | None
    timeout_ms: int | None
    retry: str | None
    type: str | None
    key: str | None
    queue: str | None
    scheduled_at: datetime | None


class Finish(NamedTuple):
    """What a row is to say from now on; ``pending`` puts it back."""

    row: Row
    status: str
    result: str | None = None
    """JSON."""
    error: str | None = None
    uncounted: int = 0
    """Attempts that do not count."""
    after_s: float = 0.0


class TableRows:
    """``async with`` closes its connections. Every method raises ``DatabaseUnavailableError`` when the database is away.

    ``types``: globs of the tasks that are taken, of a table that has types; none: all.
    """

    def __init__(
        self, url: str, table: TaskTable, executor: str, types: Sequence[str] = ()
    ) -> None:
        self.table = table
        self._types = like_patterns(types)
        self._statements = statements_for(table)
        self._executor = executor
        self._place = describe(url)
        # Outcomes do not wait for claims.
        self._claiming = DedicatedConnection(url)
        self._writing = DedicatedConnection(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._claiming.__aexit__(*error)
        await self._writing.__aexit__(*error)

    async def claim(self, most: int) -> list[Row]:
        """Take up to ``most`` tasks that are due, the oldest first."""
        rows = await self._ask(
            self._claiming,
            "rows_claim",
            most=most,
            lease_s=LEASE_S,
            executor=self._executor,
            types=self._types,
        )
        return [Row(*row) for row in rows]

    async def finish(self, ends: Sequence[Finish]) -> set[str]:
        """Write outcomes, all or none; return the ids of those that were still ours.

        Raises
        ------
        REFUSED
            The table can not have one of them.

        """
        rows = await self._ask(
            self._writing,
            "rows_finish",
            ids=[end.row.id for end in ends],
            fences=[end.row.fence for end in ends],
            statuses=[end.status for end in ends],
            results=[end.result for end in ends],
            errors=[end.error for end in ends],
            uncounted=[end.uncounted for end in ends],
            afters=[end.after_s for end in ends],
        )
        return {row[0] for row in rows}

    async def renew(self, held: Sequence[Row]) -> set[str]:
        """Return the ids of those that are still ours, and are so for a while."""
        ids, fences = [row.id for row in held], [row.fence for row in held]
        rows = await self._ask(self._writing, "rows_renew", ids=ids, fences=fences, lease_s=LEASE_S)
        return {row[0] for row in rows}

    async def rescue(self) -> list[tuple[str, str]]:
        """Put back what lost executors had; return ids and states."""
        return [(row[0], row[1]) for row in await self._ask(self._writing, "rows_rescue")]

    async def _ask(
        self, connections: DedicatedConnection, query: str, **values: Any
    ) -> list[tuple[Any, ...]]:
        try:
            async with connections.lend() as connection:
                cursor = await connection.execute(self._statements[query], values)
                return await cursor.fetchall()
        except REFUSED:
            raise
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailableError(self._place, str(error).strip()) from error
