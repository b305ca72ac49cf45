"""With 50,000 rows each frequent statement finds what it needs by its index, and looks at little more than it takes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from runner.tasks.engine import open_engine
from runner.tasks.task import NOBODY, Completed
from tests.integration.tasks.conftest import Queue, new_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ANALYZE = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) "
NO_RIDERS: dict[str, Any] = {"ids": [], "leases": [], "results": []}


@pytest.fixture(scope="module")
def full(create_database: Callable[[str], str], template: str) -> str:
    """A queue as it may look on a bad day: due, later, running and ended tasks of many tenants, and of one that floods."""
    url = create_database(template)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO tasks (script, tenant, queue, type, priority, status, scheduled_at, created_at, completed_at, lease_id,
                leased_until, concurrency_key, attempts)
            SELECT 's',
                CASE WHEN n % 2 = 0 THEN '00000000-0000-0000-0000-00000000ffff'::uuid
                    ELSE lpad(to_hex(n % 500), 32, '0')::uuid END,
                'default', CASE WHEN n % 10 = 0 THEN 'email:' || n % 7 END, n % 3,
                CASE n % 20 WHEN 0 THEN 'completed' WHEN 1 THEN 'failed' WHEN 2 THEN 'running' ELSE 'pending' END,
                now() + CASE WHEN n % 4 = 3 THEN interval '1 day' ELSE interval '-1 day' END + n * interval '1 ms',
                now() - interval '2 days',
                CASE WHEN n % 20 < 2 THEN now() - interval '1 hour' END,
                CASE WHEN n % 20 = 2 THEN gen_random_uuid() END,
                CASE WHEN n % 20 = 2 THEN now() + interval '1 day' END,
                CASE WHEN n % 25 = 5 THEN 'key' || n % 9 END, 0
            FROM generate_series(1, 50000) AS n
            """
        )
        connection.execute("VACUUM ANALYZE tasks")
    return url


@pytest.fixture
async def queue(full: str) -> AsyncIterator[Queue]:
    async with open_engine(full) as engine:
        yield Queue(engine)


async def explain(asked: Queue, name: str, /, **values: Any) -> str:
    """Return the plan of a statement as executors have it: prepared once, whatever its values."""
    async with asked.engine.lines.lend() as line:
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


def most_rows(plan: str) -> float:
    """Return how many rows one run of one step had, with those that it looked at in vain."""
    actual = [float(number) for number in re.findall(r"actual rows=([\d.]+)", plan)]
    removed = [float(number) for number in re.findall(r"Rows Removed by [\w ]+: (\d+)", plan)]
    return max(actual + removed)


def buffers(plan: str) -> int:
    """Return the pages that the whole statement touched."""
    first = next(line for line in plan.splitlines() if "Buffers:" in line)
    return sum(map(int, re.findall(r"(?:hit|read)=(\d+)", first)))


def claiming(**values: Any) -> dict[str, Any]:
    return {
        "kind": "script", "queues": None, "after_queue": "", "after_tenant": NOBODY, "walk": 64, "most": 10,
        "lease_s": 6, "executor": "x", "draw": uuid4(), "now": None, "full": [], **NO_RIDERS, **values,
    }  # fmt: skip


async def test_a_claim_looks_at_what_it_takes(queue: Queue) -> None:
    """By the index of pending tasks alone, from whatever tenant on."""
    for after in (NOBODY, UUID(int=0xFFFF), UUID(int=77)):
        plan = await explain(queue, "claim", **claiming(after_queue="default", after_tenant=after))
        assert "Seq Scan on tasks" not in plan
        assert "tasks_pending" in plan
        assert most_rows(plan) <= 64
        assert buffers(plan) < 600


async def test_a_streak_looks_behind_what_it_has_claimed(queue: Queue) -> None:
    flows = {"flow_queues": ["default"], "flow_tenants": [UUID(int=0xFFFF)], "priorities": [1]}
    since = datetime.now(UTC) - timedelta(days=1)
    plan = await explain(queue, "claim_again", **claiming(**flows, sinces=[since]))
    assert "Seq Scan on tasks" not in plan
    assert most_rows(plan) <= 10
    assert buffers(plan) < 250


async def test_a_flood_costs_a_claim_no_more_than_a_trickle(queue: Queue) -> None:
    flood = await explain(
        queue, "claim", **claiming(after_queue="default", after_tenant=UUID(int=0xFFFE), walk=1)
    )
    trickle = await explain(
        queue, "claim", **claiming(after_queue="default", after_tenant=UUID(int=0x10), walk=1)
    )
    assert buffers(flood) <= 2 * buffers(trickle)


async def test_a_claim_by_type_looks_at_types_not_at_tasks(queue: Queue) -> None:
    values = {
        "typed_queue": "", "typed_tenant": NOBODY, "typed_name": "", "keyed_queue": "", "keyed_tenant": NOBODY, "keyed_name": "",
    }  # fmt: skip
    plan = await explain(queue, "claim_ruled", **claiming(types=["email:%"], **values))
    assert "Seq Scan on tasks" not in plan
    assert "tasks_pending_typed" in plan
    assert "tasks_pending_keyed" in plan
    assert most_rows(plan) <= 1 + 4 * 64 * 10
    plan = await explain(queue, "claim_ruled", **claiming(types=None, **values))
    assert "Seq Scan on tasks" not in plan
    assert most_rows(plan) <= 1 + 4 * 64 * 10


@pytest.mark.parametrize("name", ["renew", "complete", "settle"])
async def test_who_holds_a_lease_finds_its_row_by_the_primary_key(queue: Queue, name: str) -> None:
    ids = [uuid4() for _ in range(50)]
    values: dict[str, Any] = {
        "ids": ids, "leases": ids, "results": [None] * 50, "statuses": ["failed"] * 50, "errors": ["x"] * 50,
        "entries": [None] * 50, "uncounted": [0] * 50, "agains": [None] * 50, "afters": [None] * 50, "lease_s": 6, "now": None,
    }  # fmt: skip
    plan = await explain(queue, name, **values)
    assert "tasks_pkey" in plan
    assert "tasks_running" not in plan
    assert buffers(plan) <= 50 * 4


async def test_looks_and_rescues_touch_few_pages(queue: Queue) -> None:
    """The outlook reads one row; a rescue reads what runs, and nothing else."""
    look = await explain(queue, "look", kinds=["script"], back_s=0.0, now=None)
    assert "tasks_later" in look
    assert buffers(look) < 50
    rescue = await explain(queue, "rescue", most=100, max_attempts=3, now=None)
    assert "tasks_running" in rescue
    assert "Seq Scan on tasks" not in rescue


async def test_retention_and_keys_have_their_indexes(queue: Queue) -> None:
    clean = await explain(
        queue, "clean", status="completed", older_s=60, tenant=None, most=100, now=None
    )
    assert "tasks_ended" in clean
    assert most_rows(clean) <= 101
    by_key = await explain(queue, "by_key", tenant=[NOBODY], key=["k"])
    assert "tasks_live_key" in by_key
    page: dict[str, Any] = {
        "queue": None, "status": None, "kind": None, "type": None, "key": None, "before_at": None, "before_id": None,
    }  # fmt: skip
    mine = await explain(queue, "leaf", tenant=UUID(int=7), most=20, **page)
    assert "tasks_of_tenant" in mine
    assert most_rows(mine) <= 200
    everybodys = await explain(queue, "leaf_all", most=20, **page)
    assert "Seq Scan on tasks" not in everybodys
    assert most_rows(everybodys) <= 252 * 20


async def test_a_renewed_lease_changes_no_index(queue: Queue) -> None:
    """It stays on its page: who holds long tasks leaves nothing to be swept."""
    await queue.engine.enqueue_many([new_task(queue="hot") for _ in range(20)])
    tasks = await queue.claim(20, queues=["hot"])
    before = await queue.execute("SELECT pg_stat_get_xact_tuples_hot_updated('tasks'::regclass)")
    async with queue.engine.lines.transaction() as line:
        rows = await line.rows(
            "renew",
            ids=[task.id for task in tasks],
            leases=[task.lease_id for task in tasks],
            lease_s=6,
            now=None,
        )
        cursor = await line.connection.execute(
            "SELECT pg_stat_get_xact_tuples_hot_updated('tasks'::regclass)"
        )
        hot = await cursor.fetchone()
    assert before == [(0,)]
    assert len(rows) == 20
    assert hot is not None
    assert hot[0] >= 15
    await queue.settle(*(part for task in tasks for part in (task, Completed())))


async def test_who_counts_what_waits_jumps_from_queue_to_queue(queue: Queue) -> None:
    for tenant, counted in ((UUID(int=0xFFFF), 100), (UUID(int=0x10), 100), (UUID(int=0xFFFE), 0)):
        plan = await explain(queue, "count_pending", tenant=tenant, most=counted or 100)
        assert "Seq Scan on tasks" not in plan
        assert most_rows(plan) <= 100
        assert buffers(plan) < 300
