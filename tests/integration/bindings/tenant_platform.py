"""A runner's side of the database op: the op over its pool, databases for tenants, and a worker that asks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runner.bindings import DatabaseBinding, KvBinding
from runner.databases.places import Places
from runner.databases.pool import SessionLimits, SessionPool
from runner.ops.addresses import AddressPolicy
from runner.ops.database import Database
from runner.ops.registry import Ops
from runner.service_settings import SecretKey
from runner.store.secrets import SecretBox
from runner.store.tenant_databases import (
    TenantRoles,
    create_platform_database,
    drop_platform_database,
    place_of_password,
    role_of,
)
from tests.integration.bindings.asking import Worker, deployment

if TYPE_CHECKING:
    from runner.store.pool import Pool

BOX = SecretBox([SecretKey(1, bytes(32))])


class Platform:
    """A runner's side: the op over its pool, and databases for tenants."""

    def __init__(self, pool: Pool, url: str, limits: SessionLimits) -> None:
        self.store = pool
        self.url = url
        places = Places(AddressPolicy(allowed=["loopback"]))
        places.serve_platform(url, TenantRoles(pool))
        self.pool = SessionPool(places, limits)
        self.database = Database(self.pool)
        self.ops = Ops({"database": self.database})
        self._made: list[tuple[UUID, UUID]] = []

    async def tenant(self) -> UUID:
        async with self.store.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO users (username) VALUES (gen_random_uuid()) RETURNING id"
            )
            row = await cursor.fetchone()
        assert row is not None
        assert isinstance(row[0], UUID)
        return row[0]

    async def create(self, tenant: UUID | None = None, **options: Any) -> DatabaseBinding:
        tenant = tenant or await self.tenant()
        options.setdefault("name", "db")
        config = await create_platform_database(self.store, self.url, BOX, tenant=tenant, **options)
        self._made.append((tenant, config))
        async with self.store.connection() as connection:
            cursor = await connection.execute(
                "SELECT connection_string_sealed, schema_name, max_rows, timeout_seconds"
                " FROM database_configs WHERE id = %s",
                [config],
            )
            row = await cursor.fetchone()
        assert row is not None
        sealed, schema, max_rows, timeout_s = row
        password = BOX.open(bytes(sealed), place_of_password(tenant, config))
        return DatabaseBinding(
            id=str(config), schema=schema, password=password, max_rows=max_rows, timeout_s=timeout_s
        )

    def worker(self, binding: DatabaseBinding, tenant: str = "t") -> Db:
        return Db(self, binding, tenant)

    async def close(self) -> None:
        await self.ops.close()
        await self.database.close()
        for tenant, config in self._made:
            await drop_platform_database(self.store, self.url, tenant=tenant, config=config)


class Db(Worker):
    """A worker with a database DB."""

    def __init__(self, platform: Platform, binding: DatabaseBinding, tenant: str) -> None:
        super().__init__(platform.ops, deployment(tenant, DB=binding, KV=KvBinding("x")))
        self.binding = binding

    async def do(self, action: str, **args: Any) -> Any:
        return await self("database", {"binding": "DB", "action": action, **args})

    async def query(self, sql: str, *params: str | None, transaction: int = 0) -> Any:
        """Return the rows, how many were changed, or an error."""
        answer = await self.do("query", sql=sql, params=params, transaction=transaction)
        if isinstance(answer, str):
            return answer
        if "error" in answer:
            return f"{answer['error'].get('code')} {answer['error']['message']}"
        return answer["count"] if answer["columns"] is None else answer["rows"]

    async def begin(self) -> int:
        answer = await self.do("begin")
        assert isinstance(answer, dict), answer
        number = answer["transaction"]
        assert isinstance(number, int)
        return number


LIMITS = SessionLimits(total=4, per_tenant=3, per_database=2, wait_s=0.3)


async def settled(platform: Platform) -> None:
    """Wait until every session came back."""
    while platform.pool._cleaning:
        await asyncio.wait(platform.pool._cleaning)


async def active(platform: Platform, db: Db) -> int:
    async with platform.store.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state = 'active'",
            [role_of(db.binding.id)],
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


def resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096
