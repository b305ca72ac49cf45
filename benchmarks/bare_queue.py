"""The least that a queue on PostgreSQL does: rows are claimed and completed over psycopg, with no leases, limits or errors.

What a durable queue reaches of its rate is what it costs. Must not know Isolane's queue.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import psycopg

from benchmarks.errors import WrongAnswerError

if TYPE_CHECKING:
    from typing import Any

_TABLE: Final = """
DROP TABLE IF EXISTS bare_tasks;
CREATE TABLE bare_tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb, status text NOT NULL DEFAULT 'pending', result jsonb,
    created_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz
);
CREATE INDEX ON bare_tasks (id) WHERE status = 'pending';
"""
# The limit is a constant: for one that it does not know, the planner would read the whole table.
_CLAIM: Final = """
UPDATE bare_tasks SET status = 'running' WHERE id IN (
    SELECT id FROM bare_tasks WHERE status = 'pending' ORDER BY id LIMIT {batch} FOR UPDATE SKIP LOCKED
) RETURNING id, payload
"""
_COMPLETE: Final = "UPDATE bare_tasks SET status = 'completed', result = '{}', completed_at = now() WHERE id = ANY (%s)"
_SETTINGS: Final = "SET synchronous_commit = on; SET jit = off; SET enable_hashjoin = off; SET enable_seqscan = off"


async def drain_bare(url: str, tasks: int, *, connections: int, batch: int) -> float:
    """Claim and complete so many tasks; return the seconds that it takes.

    Raises
    ------
    WrongAnswerError
        One was not claimed exactly once.

    """
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(connections):
            connection = await psycopg.AsyncConnection.connect(
                url, autocommit=True, prepare_threshold=0
            )
            opened.append(await stack.enter_async_context(connection))
            await connection.execute(_SETTINGS, prepare=False)
        await opened[0].execute(_TABLE, prepare=False)
        await opened[0].execute(
            "INSERT INTO bare_tasks (payload) SELECT jsonb_build_object('n', n) FROM generate_series(1, %s) AS n",
            [tasks],
        )
        await opened[0].execute("VACUUM ANALYZE bare_tasks")
        began = time.perf_counter()
        claimed = sum(await asyncio.gather(*(_loop(one, batch) for one in opened)))
        took_s = time.perf_counter() - began
        cursor = await opened[0].execute(
            "SELECT count(*) FROM bare_tasks WHERE status = 'completed'"
        )
        row = await cursor.fetchone()
    if claimed != tasks or row is None or row[0] != tasks:
        raise WrongAnswerError("the bare queue", f"{claimed} claimed, {row} completed of {tasks}")
    return took_s


async def _loop(connection: psycopg.AsyncConnection[Any], batch: int) -> int:
    claim, claimed = _CLAIM.format(batch=batch).encode(), 0
    while rows := await (await connection.execute(claim)).fetchall():
        claimed += len(rows)
        await connection.execute(_COMPLETE, [[row[0] for row in rows]])
    return claimed
