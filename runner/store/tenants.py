"""Tenants, and how many of what they may have."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import msgspec

from runner.errors import NotFoundError, RefusedError, TenantLimitError

if TYPE_CHECKING:
    from runner.store.database import Statements

Counted = Literal["workers", "databases", "kv", "storage"]


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``users``."""

    id: UUID
    name: str
    limit_workers: int
    limit_environments: int
    limit_databases: int
    limit_kv: int
    limit_storage: int
    created_at: datetime


class _Limits(msgspec.Struct, frozen=True):
    workers: int
    databases: int
    kv: int
    storage: int


def as_id(text: str) -> UUID | None:
    """Return the UUID that a text is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


class Tenants:
    """Reads and makes tenants."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def all(self) -> list[Tenant]:
        return await self._statements.all(Tenant, "tenants")

    async def get(self, name_or_id: str) -> Tenant:
        """Return a tenant.

        Raises
        ------
        NotFoundError
            There is none.

        """
        tenant = None
        if (number := as_id(name_or_id)) is not None:
            tenant = await self._statements.first(Tenant, "tenant_by_id", id=number)
        tenant = tenant or await self._statements.first(Tenant, "tenant_by_name", name=name_or_id)
        if tenant is None:
            raise NotFoundError("tenant", name_or_id)
        return tenant

    async def ensure(self, name: str) -> Tenant:
        """Return the tenant of this name, made when there is none."""
        if not name.strip() or not name.isprintable():
            raise RefusedError(f"{name[:64]!r} is no name for a tenant")
        await self._statements.run("add_tenant", name=name)
        return await self.get(name)

    async def limit(
        self,
        tenant: UUID,
        *,
        workers: int | None = None,
        databases: int | None = None,
        kv: int | None = None,
        storage: int | None = None,
    ) -> None:
        """Change how many of what a tenant may have; None leaves it."""
        await self._statements.run(
            "limit_tenant", id=tenant, workers=workers, databases=databases, kv=kv, storage=storage
        )

    async def delete(self, tenant: UUID) -> None:
        """Remove a tenant with all it has."""
        if await self._statements.run("delete_tenant", id=tenant) == 0:
            raise NotFoundError("tenant", str(tenant))

    async def make_room(self, tenant: UUID, kind: Counted) -> None:
        """Refuse one more of a kind when the tenant has all it may have.

        Raises
        ------
        TenantLimitError
            It has.
        NotFoundError
            There is no such tenant.

        """
        limits = await self._statements.first(_Limits, "lock_limits", tenant=tenant)
        if limits is None:
            raise NotFoundError("tenant", str(tenant))
        limit = getattr(limits, kind)
        if await self._statements.value(f"count_{kind}", tenant=tenant) >= limit:
            raise TenantLimitError(kind, limit)
