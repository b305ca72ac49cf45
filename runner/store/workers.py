"""Workers: rows of one tenant, found by name or id."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from runner.errors import NotFoundError, RefusedError
from runner.store.tenants import Tenants, as_id

if TYPE_CHECKING:
    from runner.store.database import Statements

WORKER_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,253}[A-Za-z0-9])?")
"""What the database takes; whatever else stands before a worker domain is no worker."""
_MOST: Final = 1000


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``workers``. Limits of None are the runner's."""

    id: UUID
    name: str | None
    tenant: UUID
    tenant_name: str
    environment: UUID | None
    project: UUID | None
    version: int | None
    public: bool
    cpu_ms: int | None
    wall_ms: int | None
    context_reuse: Literal["off", "warm"] | None
    managed_by: str | None
    created_at: datetime
    updated_at: datetime


class WorkerChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a worker; None sets back to the runner's default."""

    public: bool | UnsetType = UNSET
    cpu_ms: int | UnsetType | None = UNSET
    wall_ms: int | UnsetType | None = UNSET
    context_reuse: Literal["off", "warm"] | UnsetType | None = UNSET


class Workers:
    """Reads, makes, changes and deletes workers."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def all(self, tenant: UUID | None = None, limit: int = _MOST) -> list[Worker]:
        """Return a tenant's workers, or all."""
        return await self._statements.all(Worker, "workers", tenant=tenant, limit=limit)

    async def get(self, tenant: UUID, name_or_id: str) -> Worker:
        """Return a worker of a tenant.

        Raises
        ------
        NotFoundError
            It has none of this name or id.

        """
        worker = await self._find(tenant, name_or_id)
        if worker is None:
            raise NotFoundError("worker", name_or_id)
        return worker

    async def ensure(self, tenant: UUID, name: str, number: UUID | None = None) -> Worker:
        """Return the tenant's worker of this name, made when there is none, then with the id ``number`` if given.

        Raises
        ------
        ConflictError
            Another tenant's worker or project has the name.
        RefusedError
            It is no name.
        TenantLimitError
            The tenant has as many workers as it may have.

        """
        if not WORKER_NAME.fullmatch(name) or as_id(name) is not None:
            raise RefusedError(
                f"{name[:64]!r} is no name for a worker: letters, digits and '-' between them are allowed"
            )
        worker = await self._find(tenant, name)
        if worker is None:
            await Tenants(self._statements).make_room(tenant, "workers")
            # Somebody else may have made it while we waited for room.
            if await self._find(tenant, name) is None:
                await self._statements.run("add_worker", id=number, name=name, tenant=tenant)
            worker = await self.get(tenant, name)
        return worker

    async def change(self, tenant: UUID, name_or_id: str, change: WorkerChange) -> Worker:
        """Change limits, reuse or publication; return the worker as it is then."""
        worker = await self.get(tenant, name_or_id)
        fields = msgspec.structs.asdict(change)
        values = {name: None if value is UNSET else value for name, value in fields.items()} | {
            f"with_{name}": value is not UNSET for name, value in fields.items()
        }
        await self._statements.run("set_worker", id=worker.id, tenant=tenant, **values)
        return await self.get(tenant, str(worker.id))

    async def delete(self, tenant: UUID, name_or_id: str) -> Worker:
        """Remove a worker with its deployments, domains, routes and schedules; return what it was."""
        worker = await self.get(tenant, name_or_id)
        await self._statements.run("delete_worker", id=worker.id, tenant=tenant)
        return worker

    async def manage(self, worker: UUID, managed_by: str | None) -> None:
        """Note who keeps a worker in step with something else."""
        await self._statements.run("manage_worker", id=worker, managed_by=managed_by)

    async def managed(self, tenant: UUID, managed_by: str) -> set[str]:
        """Return the names of the workers that somebody keeps in step."""
        cursor = await self._statements.all(
            _Name, "managed_workers", tenant=tenant, managed_by=managed_by
        )
        return {row.name for row in cursor}

    async def _find(self, tenant: UUID, name_or_id: str) -> Worker | None:
        return await self._statements.first(
            Worker, "worker", tenant=tenant, id=as_id(name_or_id), name=name_or_id
        )


class _Name(msgspec.Struct, frozen=True):
    name: str
