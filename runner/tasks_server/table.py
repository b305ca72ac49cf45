"""HTTP tasks as rows: registered, found, listed, and led from state to state by their owners.

Every method concerns one owner's tasks, and raises ``DatabaseUnavailableError`` when the database is away. Must not know HTTP, nor what is
sealed in the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from runner.store.named_queries import load_queries
from runner.tasks.events import TaskEvent
from runner.tasks_server.batches import Batches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.tasks.events import EventKind, TaskEvents
    from runner.tasks.lines import Lines
    from runner.tasks_server.parameters import Order, Sort

MOST_LIVE: Final = 1000
"""Tasks of one owner that wait, run or are paused."""
HTTP_QUEUE: Final = "http"
Step: TypeAlias = Literal["execute", "pause", "revoke", "delete"]
_COLUMNS: Final[Mapping[Order, str]] = {
    "createdAt": "created_at",
    "estimateEndAt": "completed_at",
    "estimateExecutionAt": "scheduled_at",
}


class NewRow(NamedTuple):
    """A task to be registered: at a time of its own (ms since 1970), or after a delay (ms)."""

    owner: UUID
    id: UUID
    options: str
    delay_ms: int
    at_ms: int | None


class Registered(NamedTuple):
    """When it was, and for when; ms since 1970."""

    created_ms: int
    scheduled_ms: int


class HttpRow(NamedTuple):
    """A task as it is read. ``ended_ms``: or since when it is paused; 0 for all others. ``options`` and ``result`` are JSON."""

    id: UUID
    status: str
    created_ms: int
    ended_ms: int
    scheduled_ms: int
    options: str
    result: str | None


class HttpLine(NamedTuple):
    """A task in a list."""

    id: UUID
    status: str
    status_code: int
    created_ms: int
    ended_ms: int
    scheduled_ms: int


class Edit(NamedTuple):
    """What replaces the ``before`` of a task, which is JSON as it was read; with a time (ms since 1970) it is scheduled anew."""

    before: str
    options: str
    at_ms: int | None = None


def tasks_server_queries() -> dict[str, str]:
    """Return the statements for :class:`runner.tasks.lines.Lines`; there is one to list for each order and direction."""
    queries = dict(load_queries("tasks_server"))
    pattern = queries.pop("http_list")
    for order, column in _COLUMNS.items():
        for way in ("asc", "desc"):
            queries[_list_name(order, way)] = pattern.format(column=column, way=way)
    return queries


def _list_name(order: str, way: str) -> str:
    return f"http_list_{order}_{way}"


class HttpTaskTable:
    """``lines`` have :func:`tasks_server_queries`; ``events`` are told what comes and what is revoked."""

    def __init__(self, lines: Lines, events: TaskEvents) -> None:
        self._lines = lines
        self._events = events
        # One at a time: commits that notify somebody wait for each other, and so it is more that go along.
        self._registering = Batches(self._register_many, at_once=1)
        self._finding = Batches(self._find_many)

    async def close(self) -> None:
        await self._registering.close()
        await self._finding.close()

    async def register(self, row: NewRow) -> Registered | None:
        """Return None when the owner has as many live tasks as one may have."""
        registered = await self._registering.ask(row)
        if registered is not None and self._events.heard:
            self._tell("created", row.owner, row.id)
        return registered

    async def find(self, owner: UUID, task: UUID) -> HttpRow | None:
        return await self._finding.ask((owner, task))

    async def page(
        self,
        owner: UUID,
        statuses: Sequence[str],
        order: Order,
        way: Sort,
        *,
        limit: int,
        offset: int,
    ) -> list[HttpLine]:
        """Return a page of those in one of the statuses; of equals the order is that of their ids."""
        async with self._lines.lend() as line:
            rows = await line.rows(
                _list_name(order, way),
                owner=owner,
                statuses=list(statuses),
                limit=limit,
                offset=offset,
            )
        return [HttpLine(*row) for row in rows]

    async def step(self, step: Step, owner: UUID, task: UUID) -> bool:
        """Lead a task on; return whether it is there, in a state that allows it."""
        done = bool(await self._rows(f"http_{step}", owner=owner, id=task))
        if done and step == "revoke" and self._events.heard:
            self._tell("cancelled", owner, task)
        return done

    async def resume(self, owner: UUID, task: UUID) -> HttpRow | None:
        """Let a paused task go on; return None when it is not there, or not paused."""
        return _first(await self._rows("http_resume", owner=owner, id=task))

    async def edit(self, owner: UUID, task: UUID, edit: Edit) -> HttpRow | None:
        """Change a task; return None when it is not there, is executed or over, or was changed meanwhile."""
        return _first(
            await self._rows(
                "http_edit",
                owner=owner,
                id=task,
                before=edit.before,
                options=edit.options,
                at=edit.at_ms,
            )
        )

    def _tell(self, event: EventKind, owner: UUID, task: UUID) -> None:
        self._events.tell(
            TaskEvent(event=event, task_id=task, tenant=owner, queue=HTTP_QUEUE, kind="http")
        )

    async def _rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        async with self._lines.lend() as line:
            return await line.rows(query, **values)

    async def _register_many(self, rows: Sequence[NewRow]) -> list[Registered | None]:
        done = await self._rows(
            "http_register",
            owners=[row.owner for row in rows],
            ids=[row.id for row in rows],
            options=[row.options for row in rows],
            delays=[row.delay_ms for row in rows],
            ats=[row.at_ms for row in rows],
            most=MOST_LIVE,
        )
        registered = {task: Registered(*times) for task, *times in done}
        return [registered.get(row.id) for row in rows]

    async def _find_many(self, asked: Sequence[tuple[UUID, UUID]]) -> list[HttpRow | None]:
        # The same one may be asked for by several.
        distinct = list(dict.fromkeys(asked))
        owners, ids = [owner for owner, _ in distinct], [task for _, task in distinct]
        rows = await self._rows("http_find", ids=ids, owners=owners)
        found = {(row[1], row[0]): HttpRow(row[0], *row[2:]) for row in rows}
        return [found.get(one) for one in asked]


def _first(rows: list[tuple[Any, ...]]) -> HttpRow | None:
    return HttpRow(*rows[0][:7]) if rows else None
