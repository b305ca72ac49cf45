"""What bindings lead to: key-value namespaces, object storage, databases. Credentials are sealed and never read back here."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID, uuid4

import msgspec

from runner.errors import NotFoundError, RefusedError
from runner.store.secrets import SecretPlace
from runner.store.tenants import Tenants, as_id

if TYPE_CHECKING:
    from runner.store.database import Statements
    from runner.store.secrets import SecretBox

T = TypeVar("T")


class KvConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace."""

    id: UUID
    name: str
    description: str | None
    created_at: datetime


class StorageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket, or a part of one."""

    id: UUID
    name: str
    description: str | None
    bucket: str
    prefix: str | None
    access_key_id: str
    endpoint: str | None
    region: str | None
    public_url: str | None
    created_at: datetime


class DatabaseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A schema of our server, or a server of the tenant's."""

    id: UUID
    name: str
    description: str | None
    provider: str
    schema_name: str | None
    max_rows: int
    timeout_seconds: int
    created_at: datetime


class NewStorage(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of a bucket."""

    bucket: str
    access_key_id: str
    secret_access_key: str
    prefix: str | None = None
    endpoint: str | None = None
    region: str | None = None
    public_url: str | None = None


class Configs:
    """Reads, makes and deletes them, of one tenant each time."""

    def __init__(self, statements: Statements, box: SecretBox) -> None:
        self._statements = statements
        self._box = box

    async def list_kv(self, tenant: UUID) -> list[KvConfig]:
        return await self._statements.all(KvConfig, "kv_configs", tenant=tenant)

    async def get_kv(self, tenant: UUID, name_or_id: str) -> KvConfig:
        return await self._get(KvConfig, "kv_config", "kv namespace", tenant, name_or_id)

    async def ensure_kv(self, tenant: UUID, name: str) -> KvConfig:
        """Return the namespace of this name, made when there is none."""
        try:
            return await self.get_kv(tenant, name)
        except NotFoundError:
            _check_name(name)
            await Tenants(self._statements).make_room(tenant, "kv")
            await self._statements.run("add_kv", tenant=tenant, name=name)
        return await self.get_kv(tenant, name)

    async def delete_kv(self, tenant: UUID, name_or_id: str) -> None:
        """Remove a namespace with all its keys."""
        config = await self.get_kv(tenant, name_or_id)
        await self._statements.run("delete_kv", tenant=tenant, id=config.id)

    async def list_storage(self, tenant: UUID) -> list[StorageConfig]:
        return await self._statements.all(StorageConfig, "storage_configs", tenant=tenant)

    async def get_storage(self, tenant: UUID, name_or_id: str) -> StorageConfig:
        return await self._get(StorageConfig, "storage_config", "storage", tenant, name_or_id)

    async def put_storage(self, tenant: UUID, name: str, new: NewStorage) -> StorageConfig:
        """Make a storage, or change the one of this name."""
        try:
            number = (await self.get_storage(tenant, name)).id
        except NotFoundError:
            _check_name(name)
            await Tenants(self._statements).make_room(tenant, "storage")
            number = uuid4()
        place = SecretPlace("storage_configs", "secret_access_key", tenant, number)
        await self._statements.run(
            "add_storage",
            id=number,
            tenant=tenant,
            name=name,
            sealed=self._box.seal(new.secret_access_key, place),
            **{
                field: value
                for field, value in msgspec.structs.asdict(new).items()
                if field != "secret_access_key"
            },
        )
        return await self.get_storage(tenant, name)

    async def delete_storage(self, tenant: UUID, name_or_id: str) -> None:
        """Forget a storage; what is in it stays."""
        config = await self.get_storage(tenant, name_or_id)
        await self._statements.run("delete_storage", tenant=tenant, id=config.id)

    async def list_databases(self, tenant: UUID) -> list[DatabaseConfig]:
        return await self._statements.all(DatabaseConfig, "database_configs", tenant=tenant)

    async def get_database(self, tenant: UUID, name_or_id: str) -> DatabaseConfig:
        return await self._get(DatabaseConfig, "database_config", "database", tenant, name_or_id)

    async def add_database(
        self,
        tenant: UUID,
        name: str,
        *,
        url: str | None = None,
        max_rows: int | None = None,
        timeout_seconds: int | None = None,
    ) -> DatabaseConfig:
        """Make a database: on the tenant's own server with ``url``, else as a schema of ours, whose name is made here.

        Raises
        ------
        ConflictError
            The tenant has one of this name.
        TenantLimitError
            It has as many as it may have.

        """
        _check_name(name)
        await Tenants(self._statements).make_room(tenant, "databases")
        number = uuid4()
        place = SecretPlace("database_configs", "connection_string", tenant, number)
        await self._statements.run(
            "add_database",
            id=number,
            tenant=tenant,
            name=name,
            provider="platform" if url is None else "postgres",
            schema=f"tenant_{number.hex}" if url is None else None,
            connection_string=None if url is None else "",
            sealed=None if url is None else self._box.seal(url, place),
            max_rows=max_rows,
            timeout_seconds=timeout_seconds,
        )
        return await self.get_database(tenant, name)

    async def delete_database(self, tenant: UUID, name_or_id: str) -> DatabaseConfig:
        """Forget a database; return what it was, so that its schema can be dropped."""
        config = await self.get_database(tenant, name_or_id)
        await self._statements.run("delete_database", tenant=tenant, id=config.id)
        return config

    async def _get(self, row: type[T], query: str, kind: str, tenant: UUID, name_or_id: str) -> T:
        found = await self._statements.first(
            row, query, tenant=tenant, id=as_id(name_or_id), name=name_or_id
        )
        if found is None:
            raise NotFoundError(kind, name_or_id)
        return found


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or as_id(name) is not None:
        raise RefusedError(f"{name[:64]!r} can not be the name of a binding's target")
