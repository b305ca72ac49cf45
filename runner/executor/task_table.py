"""A table of tasks as it is found: its name, its columns, and what they allow.

Names of tables are a user's text: the database alone reads them. Must not know what is done with tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
from psycopg import sql

from runner.errors import NotFoundError
from runner.executor.errors import TaskTableError
from runner.store.named_queries import load_queries

if TYPE_CHECKING:
    from runner.store.pool import Connection

NEEDED: Final = (
    "id", "script", "payload", "status", "result", "error", "created_at", "started_at", "completed_at"
)  # fmt: skip
LEASES: Final = ("lease_id", "leased_until", "attempts")
_KINDS: Final = frozenset("rpvf")
"""Tables, partitioned ones, views, foreign tables."""
_MAX_CHANNEL: Final = 63


class TaskTable(NamedTuple):
    """``name`` is quoted SQL; ``columns`` are types by name."""

    name: str
    shown: str
    columns: dict[str, str]
    channels: tuple[str, ...]
    """Where its trigger may say that there is a task."""
    engine: bool
    """It is the durable queue's own."""

    @property
    def leased(self) -> bool:
        """A task whose executor is lost is found again."""
        return all(column in self.columns for column in LEASES)


async def find_table(connection: Connection, name: str) -> TaskTable:
    """Return the table that a name means.

    Raises
    ------
    NotFoundError
        There is none.
    TaskTableError
        It is none from which tasks can be taken.

    """
    row = None
    for candidate in _readings(name):
        row = await _find(connection, candidate)
        if row is not None:
            break
    if row is None:
        raise NotFoundError("table", name)
    oid, schema, relation, kind, allowed, engine = row
    if kind not in _KINDS:
        raise TaskTableError(name, "it is no table")
    if not allowed:
        raise TaskTableError(name, "this user may not read and change it (SELECT, UPDATE)")
    queries = load_queries("task_rows")
    cursor = await connection.execute(queries["rows_columns"].encode(), {"table": oid})
    columns: dict[str, str] = dict(await cursor.fetchall())
    if missing := [column for column in NEEDED if column not in columns]:
        raise TaskTableError(
            name, f"it has no column {', '.join(missing)}; needed are {', '.join(NEEDED)}"
        )
    quoted = sql.Identifier(schema, relation).as_string(connection)
    return TaskTable(quoted, name, columns, _channels(name, relation), engine)


def _readings(name: str) -> list[str]:
    """Return what a name may mean: SQL, else a name that has to be quoted, with or without a schema."""
    if not name or "\0" in name:
        return []
    quoted = '"{}"'.format(name.replace('"', '""'))
    readings = [name, quoted]
    schema, dot, rest = name.partition(".")
    if dot and schema and rest:
        readings.append('"{}"."{}"'.format(schema.replace('"', '""'), rest.replace('"', '""')))
    return readings


async def _find(connection: Connection, name: str) -> tuple[Any, ...] | None:
    try:
        query = load_queries("task_rows")["rows_find"]
        cursor = await connection.execute(query.encode(), {"name": name})
        return await cursor.fetchone()
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except (psycopg.Error, UnicodeEncodeError):
        # It is no name as SQL writes them.
        return None


def _channels(name: str, relation: str) -> tuple[str, ...]:
    """Return the channels in question: the table may have been named with its schema, or as SQL folds it."""
    names = dict.fromkeys((relation, name, name.replace(".", "_")))
    channels = (f"{each}_created" for each in names)
    return tuple(channel for channel in channels if len(channel.encode()) <= _MAX_CHANNEL)
