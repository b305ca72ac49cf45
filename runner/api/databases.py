"""``.../databases``: what bindings to databases lead to, on our own server or the tenant's. Addresses can be written, never read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple
from uuid import UUID

import msgspec

from runner.api.endpoint import Endpoint, Model
from runner.api.errors import conflict, invalid
from runner.api.scope import Name, view, views
from runner.errors import NotFoundError
from runner.service_settings import parse_database_url
from runner.store.tenant_databases import create_platform_database, drop_platform_database

if TYPE_CHECKING:
    from runner.api.scope import Scope, TenantSession
    from runner.store.pool import Pool
    from runner.store.secrets import SecretBox

_DATABASES: Final = "/v1/tenants/{tenant}/databases"
_PLATFORM: Final = "platform"


class DatabaseServer(NamedTuple):
    """Our own server, on which tenants get databases."""

    pool: Pool
    url: str
    box: SecretBox


class DatabaseView(Model, frozen=True, kw_only=True):
    """A database. Its provider is ``platform`` (ours), or the tenant's own server."""

    id: UUID
    name: str
    provider: str
    max_rows: int
    timeout_seconds: int
    created_at: datetime


class NewDatabase(Model, frozen=True, kw_only=True):
    """A database on our server, or with ``url`` one of the tenant's own."""

    url: Name | None = None
    max_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1000
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 30


class DatabasesApi:
    """Answers for databases."""

    def __init__(self, scope: Scope, server: DatabaseServer) -> None:
        self._scope = scope
        self._server = server

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", _DATABASES, self.list_all),
            Endpoint("POST", _DATABASES + "/{name}", self.make, status=201),
            Endpoint("DELETE", _DATABASES + "/{name}", self.remove),
        ]

    async def list_all(self, tenant: Name) -> list[DatabaseView]:
        """List a tenant's databases."""
        async with self._scope.of(tenant) as (session, owner):
            return views(await session.configs.list_databases(owner), DatabaseView)

    async def make(self, tenant: Name, name: Name, body: NewDatabase) -> DatabaseView:
        """Make a database."""
        async with self._scope.of(tenant) as scoped:
            session, owner = scoped
            if body.url is None:
                await self._make_ours(scoped, name, body)
            else:
                await session.configs.add_database(
                    owner,
                    name,
                    url=_checked(body.url),
                    max_rows=body.max_rows,
                    timeout_seconds=body.timeout_seconds,
                )
        async with self._scope.of(tenant) as (session, owner):
            return view(await session.configs.get_database(owner, name), DatabaseView)

    async def remove(self, tenant: Name, name: Name) -> None:
        """Remove a database: one of ours with all that is in it, of the tenant's own server only our knowledge."""
        async with self._scope.of(tenant) as (session, owner):
            config = await session.configs.get_database(owner, name)
            if config.provider != _PLATFORM:
                await session.configs.delete_database(owner, str(config.id))
                return
        server = self._server
        await drop_platform_database(server.pool, server.url, tenant=owner, config=config.id)

    async def _make_ours(self, scoped: TenantSession, name: str, body: NewDatabase) -> None:
        """Make it on another connection, while this one keeps the tenant from making more than it may have."""
        session, owner = scoped
        try:
            await session.configs.get_database(owner, name)
        except NotFoundError:
            pass
        else:
            raise conflict(f"there is a database {name[:64]!r} already")
        await session.tenants.make_room(owner, "databases")
        server = self._server
        await create_platform_database(
            server.pool,
            server.url,
            server.box,
            tenant=owner,
            name=name,
            max_rows=body.max_rows,
            timeout_s=body.timeout_seconds,
        )


def _checked(url: str) -> str:
    try:
        return parse_database_url(url)
    except ValueError as error:
        raise invalid(f"the url can not be used: {error}") from None
