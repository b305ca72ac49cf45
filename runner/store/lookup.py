"""The questions that resolution asks the database. Must not know what is remembered of the answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import msgspec

from runner.errors import DatabaseUnavailableError
from runner.store.database import Database
from runner.store.versions import CodeRow, FileRow, code_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.store.database import Statements
    from runner.store.pool import Pool
    from runner.store.versions import Code

T = TypeVar("T")

_WITHIN_S: Final = 5.0
"""How long a request may wait for the database."""
_AWAY_WITHIN_S: Final = 1.0
"""The same while the database is known to be away."""


class TargetRow(msgspec.Struct, frozen=True):
    """What a name or a host leads to: a worker, or a project."""

    worker: UUID | None
    project: UUID | None


class RouteRow(msgspec.Struct, frozen=True):
    """A route of a project; no worker: its files."""

    pattern: str
    backend: str
    worker: UUID | None
    priority: int


class ProjectRow(msgspec.Struct, frozen=True):
    """A project whose files are served; its environment says where they are, or they were deployed with its main worker."""

    id: UUID
    name: str
    tenant: UUID
    environment: UUID | None
    version: int | None
    """Of the main worker, whose id is the project's."""
    hash: str | None
    assets_binding: str | None


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A worker with the entry of its current version, if it has one."""

    id: UUID
    name: str
    tenant: UUID
    public: bool
    cpu_ms: int | None
    wall_ms: int | None
    context_reuse: str | None
    project: UUID | None
    environment: UUID | None
    version: int | None
    hash: str | None
    assets_binding: str | None
    code_type: str | None
    code: bytes | None
    main: str | None
    stripped: bytes | None


class ValueRow(msgspec.Struct, frozen=True, kw_only=True):
    """A value of an environment with what it leads to, credentials as they are stored."""

    id: UUID
    key: str
    type: str
    value: str
    sealed: bytes | None
    by_hand: bool
    """False: a manifest said so."""
    kv: UUID | None
    service: UUID | None
    tasks: UUID | None
    storage: UUID | None
    bucket: str | None
    prefix: str | None
    endpoint: str | None
    region: str | None
    access_key_id: str | None
    secret_access_key: str | None
    secret_access_key_sealed: bytes | None
    database: UUID | None
    provider: str | None
    schema_name: str | None
    connection_string: str | None
    connection_string_sealed: bytes | None
    max_rows: int | None
    timeout_seconds: int | None


class WorkerRecord(msgspec.Struct, frozen=True):
    """All that it takes to run a worker; no code: it has none that we run."""

    row: WorkerRow
    code: Code | None
    values: list[ValueRow]


class ProjectRecord(msgspec.Struct, frozen=True):
    """All that it takes to serve a project's files."""

    row: ProjectRow
    values: list[ValueRow]


class Lookup:
    """Asks; each answer takes one connection for a moment.

    All of it raises ``DatabaseUnavailableError`` when there is none, or no answer in time.
    """

    def __init__(self, pool: Pool, place: str) -> None:
        self._database = Database(pool, place, "resolution", "versions")
        self._place = place
        self._asking: set[asyncio.Task[Any]] = set()
        self.away: Callable[[], bool] = lambda: False
        """Tells whether the database is known to be away."""

    async def target(self, host: str | None, name: str | None) -> TargetRow | None:
        """Return what a host (lower case, no port) or a name (lower case) leads to."""
        return await self._ask(
            lambda ask: ask.first(TargetRow, "find_target", host=host, name=name)
        )

    async def routes(self, project: UUID) -> list[RouteRow]:
        return await self._ask(lambda ask: ask.all(RouteRow, "routes_of_project", project=project))

    async def route(self, project: UUID, path: str) -> RouteRow | None:
        return await self._ask(
            lambda ask: ask.first(RouteRow, "route_of_path", project=project, path=path)
        )

    async def worker(self, worker: UUID) -> WorkerRecord | None:
        return await self._ask(lambda ask: _worker(ask, worker))

    async def project(self, project: UUID) -> ProjectRecord | None:
        return await self._ask(lambda ask: _project(ask, project))

    async def _ask(self, question: Callable[[Statements], Awaitable[T]]) -> T:
        """Return the answer, if it comes in time.

        A question to a server that says nothing takes ten seconds to be taken back (psycopg asks the server to stop, and waits): who
        asked does not wait for that.
        """
        within_s = _AWAY_WITHIN_S if self.away() else _WITHIN_S
        asking = asyncio.create_task(self._put(question), name="ask the database")
        self._asking.add(asking)
        asking.add_done_callback(self._forget)
        try:
            await asyncio.wait({asking}, timeout=within_s)
            if asking.done():
                return asking.result()
        finally:
            asking.cancel()
        raise DatabaseUnavailableError(self._place, "it does not answer")

    async def _put(self, question: Callable[[Statements], Awaitable[T]]) -> T:
        async with self._database.statements() as statements:
            return await question(statements)

    def _forget(self, asking: asyncio.Task[Any]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            # Nobody may have waited for it.
            asking.exception()


async def _worker(ask: Statements, worker: UUID) -> WorkerRecord | None:
    row = await ask.first(WorkerRow, "worker_to_run", worker=worker)
    if row is None:
        return None
    code = None
    if row.code is not None and row.code_type is not None:
        values = {"worker": worker, "version": row.version}
        files = await ask.all(FileRow, "files", **values)
        code = code_of(CodeRow(row.code_type, row.code, row.main, row.stripped), files)
    return WorkerRecord(row, code, await _values(ask, row.tenant, row.environment))


async def _project(ask: Statements, project: UUID) -> ProjectRecord | None:
    row = await ask.first(ProjectRow, "project_to_serve", project=project)
    if row is None:
        return None
    return ProjectRecord(row, await _values(ask, row.tenant, row.environment))


async def _values(ask: Statements, tenant: UUID, environment: UUID | None) -> list[ValueRow]:
    if environment is None:
        return []
    return await ask.all(ValueRow, "values_to_run", tenant=tenant, environment=environment)
