"""``/v1/tenants``: who owns workers, and how many of what they may have."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec

from runner.api.endpoint import Endpoint, Model
from runner.api.errors import conflict
from runner.api.scope import Name, view, views

if TYPE_CHECKING:
    from runner.api.scope import Scope

Limit = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class TenantView(Model, frozen=True, kw_only=True):
    """A tenant."""

    id: UUID
    name: str
    limit_workers: int
    limit_databases: int
    limit_kv: int
    limit_storage: int
    created_at: datetime


class TenantLimits(Model, frozen=True, kw_only=True):
    """How many of what a tenant may have; what is not there stays."""

    workers: Limit | None = None
    databases: Limit | None = None
    kv: Limit | None = None
    storage: Limit | None = None


class TenantsApi:
    """Answers for tenants."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def endpoints(self) -> list[Endpoint]:
        one = "/v1/tenants/{tenant}"
        return [
            Endpoint("GET", "/v1/tenants", self.list_all),
            Endpoint("GET", one, self.show),
            Endpoint("PUT", one, self.make),
            Endpoint("PATCH", one, self.limit),
            Endpoint("DELETE", one, self.remove),
        ]

    async def list_all(self) -> list[TenantView]:
        """List tenants."""
        async with self._scope.store.session() as session:
            return views(await session.tenants.all(), TenantView)

    async def show(self, tenant: Name) -> TenantView:
        """Show a tenant."""
        async with self._scope.of(tenant) as (session, owner):
            return view(await session.tenants.get(str(owner)), TenantView)

    async def make(self, tenant: Name) -> TenantView:
        """Make a tenant, if it is not there."""
        async with self._scope.store.session() as session:
            return view(await session.tenants.ensure(tenant), TenantView)

    async def limit(self, tenant: Name, body: TenantLimits) -> TenantView:
        """Change how many of what a tenant may have."""
        async with self._scope.of(tenant) as (session, owner):
            await session.tenants.limit(owner, **msgspec.structs.asdict(body))
            return view(await session.tenants.get(str(owner)), TenantView)

    async def remove(self, tenant: Name) -> None:
        """Remove a tenant with all it has, but not while it has databases on our server."""
        async with self._scope.of(tenant) as (session, owner):
            databases = await session.configs.list_databases(owner)
            if ours := [one.name for one in databases if one.provider == "platform"]:
                raise conflict(
                    f"the tenant has databases: {', '.join(ours)}",
                    "remove them first, if that is meant",
                )
            for worker in await session.workers.all(owner):
                await session.workers.delete(owner, str(worker.id))
            for environment in await session.environments.all(owner):
                await session.environments.delete(owner, environment.id)
            await session.tenants.delete(owner)
