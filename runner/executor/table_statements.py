"""The statements for one table: the columns it has decide what they say.

Must not know connections. Nothing of a user's is put in but quoted names and types from the catalogue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runner.store.named_queries import load_queries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.executor.task_table import TaskTable

_RETURNED: Final = (
    ("attempts", "int", "1"),
    ("max_attempts", "int", "NULL::int"),
    ("timeout_ms", "int", "NULL::int"),
    ("retry", "text", "NULL::text"),
    ("type", "text", "NULL::text"),
    ("key", "text", "NULL::text"),
    ("queue", "text", "NULL::text"),
    ("scheduled_at", "timestamptz", "NULL::timestamptz"),
)
MOST_LOST: Final = 3
"""Executors that one task may lose, if it does not say itself how often it may be tried."""


def statements_for(table: TaskTable) -> Mapping[str, bytes]:
    """Return the statements by name, ready to be executed."""
    has = table.columns.__contains__
    fence = "lease_id" if table.leased else "started_at"
    due, ours, order, claimed, finished = "", "", "created_at", "", ""
    if has("kind"):
        due += " AND kind = 'script'"
        ours += " AND kind = 'script'"
    if has("type"):
        due += " AND (%(types)s::text[] IS NULL OR type LIKE ANY (%(types)s::text[]))"
    if has("scheduled_at"):
        due += " AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())"
        order = f"scheduled_at, {order}"
        finished += (
            ", scheduled_at = CASE WHEN done.status = 'pending'"
            " THEN clock_timestamp() + make_interval(secs => done.after_s) ELSE task.scheduled_at END"
        )
    if has("priority"):
        order = f"priority DESC, {order}"
    if table.leased:
        claimed += (
            ", lease_id = gen_random_uuid(), attempts = coalesce(task.attempts, 0) + 1"
            ", leased_until = clock_timestamp() + make_interval(secs => %(lease_s)s::float8)"
        )
        finished += (
            ", lease_id = NULL, leased_until = NULL, attempts = task.attempts - done.uncounted"
        )
        if has("leased_by"):
            claimed += ", leased_by = %(executor)s::text"
    if has("updated_at"):
        claimed += ", updated_at = clock_timestamp()"
        finished += ", updated_at = clock_timestamp()"
    most = f"coalesce(task.max_attempts, {MOST_LOST})" if has("max_attempts") else f"{MOST_LOST}"
    slots = {
        "table": table.name,
        "due": due,
        "ours": ours,
        "order": order,
        "claimed": claimed,
        "finished": finished,
        "fence": f"task.{fence}",
        "fence_type": table.columns[fence],
        "id_type": table.columns["id"],
        "status_type": table.columns["status"],
        "result_type": table.columns["result"],
        "spent": f"task.attempts >= {most}",
        "returned": ", ".join(
            f"task.{column}::{kind}" if has(column) else nothing
            for column, kind, nothing in _RETURNED
        ),
    }
    # Names may have what formats and parameters are written with.
    return {
        name: _filled(text, slots).encode()
        for name, text in load_queries("task_rows").items()
        if name not in {"rows_find", "rows_columns"}
    }


def _filled(text: str, slots: Mapping[str, str]) -> str:
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    escaped = {**slots, "table": slots["table"].replace("%", "%%")}
    parts = text.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        slot, _, rest = part.partition("}")
        filled += [escaped[slot], rest]
    return "".join(filled)
