"""With 50,000 HTTP tasks of one owner each statement finds what it needs by an index, and looks at little more than it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from runner.tasks.lines import Lines
from runner.tasks_server.table import tasks_server_queries
from tests.integration.tasks.test_plans import ANALYZE, buffers, most_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

OWNER = UUID(int=0xABC)
ALL = ["pending", "running", "paused", "completed", "failed", "cancelled"]


@pytest.fixture(scope="module")
def full(create_database: Callable[[str], str], template: str) -> str:
    """Tasks of an owner who has been here for long, and of others."""
    url = create_database(template)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tasks_owners (id, name, key_hash) SELECT %s, 'alice', sha256('x')", [OWNER]
        )
        connection.execute(
            """
            INSERT INTO tasks (id, tenant, queue, kind, status, created_at, scheduled_at, completed_at, options, result)
            SELECT gen_random_uuid(), CASE WHEN n %% 5 = 0 THEN lpad(to_hex(n %% 300), 32, '0')::uuid ELSE %s END, 'http', 'http',
                CASE WHEN n > 49000 AND n %% 3 = 0 THEN 'pending' WHEN n %% 10 = 0 THEN 'failed' WHEN n %% 100 = 1 THEN 'cancelled'
                    ELSE 'completed' END,
                now() - n * interval '1 s', now() - (n::bigint * 7919 %% 50000) * interval '1 s', now() - (n::bigint * 104729 %% 50000) * interval '1 s',
                to_jsonb(repeat('x', 300)), '{"statusCode": 200, "response": null}'
            FROM generate_series(1, 50000) AS n
            """,
            [OWNER],
        )
        connection.execute("VACUUM ANALYZE tasks")
    return url


@pytest.fixture
async def lines(full: str) -> AsyncIterator[Lines]:
    async with Lines(full, queries=tasks_server_queries()) as lines:
        yield lines


async def explain(lines: Lines, name: str, /, **values: Any) -> str:
    """Return the plan of a statement as the server has it: prepared once, whatever its values."""
    async with lines.lend() as line:
        statement = line._statements[name]
        connection = line.connection
        async with connection.transaction(force_rollback=True):
            await psycopg.AsyncRawCursor(connection).execute(b"PREPARE asked AS " + statement.text)
            literals = [sql.Literal(values[one]) for one in statement.names]
            cursor = await connection.execute(
                sql.SQL(ANALYZE + "EXECUTE asked ({})").format(sql.SQL(", ").join(literals))
            )
            plan = "\n".join(row[0] for row in await cursor.fetchall())
            await connection.execute("DEALLOCATE asked")
        return plan


@pytest.mark.parametrize("way", ["asc", "desc"])
@pytest.mark.parametrize(
    ("order", "index"),
    [
        ("createdAt", "tasks_http_created"),
        ("estimateEndAt", "tasks_http_ended"),
        ("estimateExecutionAt", "tasks_http_scheduled"),
    ],
)
async def test_a_page_looks_at_what_may_be_on_it(
    lines: Lines, order: str, index: str, way: str
) -> None:
    """At as many tasks of each way to end as the page goes, and at those that live, which are few."""
    for statuses, offset in ((ALL, 0), (ALL, 90), (["completed"], 0), (["failed"], 90)):
        values = {"owner": OWNER, "statuses": statuses, "limit": 10, "offset": offset}
        plan = await explain(lines, f"http_list_{order}_{way}", **values)
        assert "Seq Scan on tasks" not in plan
        assert index in plan
        assert most_rows(plan) <= 1000
        assert buffers(plan) <= 1500
    nothing = {"owner": UUID(int=1 << 120), "statuses": ALL, "limit": 10, "offset": 0}
    assert buffers(await explain(lines, f"http_list_{order}_{way}", **nothing)) < 50


async def test_of_one_state_only_its_tasks_are_looked_at(lines: Lines) -> None:
    values = {"owner": OWNER, "statuses": ["cancelled"], "limit": 10, "offset": 0}
    plan = await explain(lines, "http_list_createdAt_desc", **values)
    assert most_rows(plan) <= 10
    assert buffers(plan) <= 60
    assert plan.count("never executed") >= 3


async def test_one_task_is_found_by_its_id(lines: Lines) -> None:
    async with lines.lend() as line:
        cursor = await line.connection.execute(
            "SELECT id FROM tasks WHERE tenant = %s AND status = 'pending' LIMIT 20", [OWNER]
        )
        ids = [row[0] for row in await cursor.fetchall()]
    found = await explain(lines, "http_find", ids=ids, owners=[OWNER] * len(ids))
    assert "tasks_pkey" in found
    assert buffers(found) <= 5 * len(ids)
    for name in ("execute", "pause", "resume", "revoke", "delete"):
        plan = await explain(lines, f"http_{name}", id=ids[0], owner=OWNER)
        assert "tasks_pkey" in plan
        assert "tasks_http_live" not in plan
    edit = await explain(
        lines, "http_edit", id=ids[0], owner=OWNER, options="", before='""', at=None
    )
    assert "tasks_pkey" in edit


async def test_an_owner_is_counted_by_its_live_tasks(lines: Lines) -> None:
    plan = await explain(lines, "owner_get", owner=OWNER)
    assert "tasks_http_live" in plan
    assert "Seq Scan on tasks " not in plan
    assert most_rows(plan) <= 1000
