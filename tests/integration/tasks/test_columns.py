"""What the table itself refuses, whoever writes to it: see migrations/0018_task_claims.sql."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from runner.store.pool import connect

if TYPE_CHECKING:
    from tests.integration.tasks.conftest import Queue

_RULES = [
    ("queue", "", "queue_has_1_to_100_characters"),
    ("queue", "q" * 101, "queue_has_1_to_100_characters"),
    ("kind", "python", "kind_is_script_worker_or_http"),
    ("type", "", "type_has_1_to_100_characters"),
    ("key", "k" * 256, "key_has_255_characters_at_most"),
    ("concurrency_key", "k" * 256, "key_has_255_characters_at_most"),
    ("priority", 101, "priority_is_from_minus_100_to_100"),
    ("status", "done", "status_is_known"),
    ("max_attempts", 0, "max_attempts_are_from_1_to_1000"),
    ("timeout_ms", 0, "timeout_ms_is_positive"),
]


@pytest.mark.parametrize(("column", "value", "rule"), _RULES)
async def test_sql_can_not_write_what_no_executor_could_use(
    queue: Queue, database: str, column: str, value: str | int, rule: str
) -> None:
    """Neither a new row nor a change; the error names the rule, and the row stays as it was."""
    there = await queue.add()
    named = sql.Identifier(column)
    insert = sql.SQL("INSERT INTO tasks (script, {}) VALUES ('a.js', %s)").format(named)
    update = sql.SQL("UPDATE tasks SET {} = %s").format(named)
    async with connect(database) as connection:
        for statement in (insert, update):
            with pytest.raises(psycopg.errors.CheckViolation, match=rule):
                await connection.execute(statement, [value])

    assert (await queue.engine.get(there)).status == "pending"
    assert (await queue.engine.stats()).pending == 1


@pytest.mark.parametrize("kind", ["script", "worker"])
async def test_a_task_needs_the_program_of_its_kind(queue: Queue, database: str, kind: str) -> None:
    async with connect(database) as connection:
        with pytest.raises(psycopg.errors.CheckViolation, match=f"needs its {kind}") as refused:
            await connection.execute("INSERT INTO tasks (kind) VALUES (%s)", [kind])
        await connection.execute("INSERT INTO tasks (kind) VALUES ('http')")

    assert refused.value.diag.constraint_name == "tasks_has_a_program"
    assert (await queue.engine.stats()).pending == 1
