"""``.../storage``: where bindings to object storage lead. Credentials can be written, never read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.api.endpoint import Endpoint, Model
from runner.api.scope import Name, view, views
from runner.store.configs import NewStorage

if TYPE_CHECKING:
    from runner.api.scope import Scope

_STORAGE: Final = "/v1/tenants/{tenant}/storage"


class StorageView(Model, frozen=True, kw_only=True):
    """A bucket, or what begins with ``prefix`` in it."""

    id: UUID
    name: str
    bucket: str
    prefix: str | None
    endpoint: str | None
    region: str | None
    access_key_id: str
    public_url: str | None
    created_at: datetime


class StorageSettings(Model, frozen=True, kw_only=True):
    """Where a bucket is, and how to get in."""

    bucket: Name
    access_key_id: Name
    secret_access_key: Name
    prefix: Name | None = None
    endpoint: Name | None = None
    region: Name | None = None
    public_url: Name | None = None


class StorageApi:
    """Answers for storage."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", _STORAGE, self.list_all),
            Endpoint("PUT", _STORAGE + "/{name}", self.put),
            Endpoint("DELETE", _STORAGE + "/{name}", self.remove),
        ]

    async def list_all(self, tenant: Name) -> list[StorageView]:
        """List a tenant's storages."""
        async with self._scope.of(tenant) as (session, owner):
            return views(await session.configs.list_storage(owner), StorageView)

    async def put(self, tenant: Name, name: Name, body: StorageSettings) -> StorageView:
        """Make a storage, or change the one of this name."""
        new = NewStorage(**msgspec.structs.asdict(body))
        async with self._scope.of(tenant) as (session, owner):
            return view(await session.configs.put_storage(owner, name, new), StorageView)

    async def remove(self, tenant: Name, name: Name) -> None:
        """Forget a storage; what is in it stays."""
        async with self._scope.of(tenant) as (session, owner):
            await session.configs.delete_storage(owner, name)
