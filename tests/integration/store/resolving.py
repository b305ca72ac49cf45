"""A resolver on a database of the test's own, with a count of what it asks."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runner.assembly import Assembler
from runner.config import Settings
from runner.errors import DeploymentError
from runner.events.fetch import Request
from runner.resolution import DatabaseResolver
from runner.store.lookup import Lookup
from runner.store.pool import open_pool
from runner.store.secrets import SecretBox
from runner.store.session import Store
from runner.store.versions import Code
from runner.typescript import TypeStripper
from tests.integration.store.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from runner.deployments import Deployment
    from runner.store.lookup import TargetRow, WorkerRecord
    from runner.store.pool import Pool
    from runner.store.session import Session
    from runner.store.workers import Worker


class Stripper(TypeStripper):
    """Takes `: T` away."""

    def __init__(self) -> None:
        pass

    async def strip(self, files: dict[str, str]) -> dict[str, str]:
        if any("enum" in text for text in files.values()):
            raise DeploymentError("enums can not be stripped")
        return {path: text.replace(": T", "   ") for path, text in files.items()}


class CountingLookup(Lookup):
    """Counts what is asked, and can hold the answers back."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, "test")
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    async def target(self, host: str | None, name: str | None) -> TargetRow | None:
        self.asked.append(f"target {host} {name}")
        found = await super().target(host, name)
        self.waiting.set()
        await self.gate.wait()
        return found

    async def worker(self, worker: UUID) -> WorkerRecord | None:
        self.asked.append("worker")
        record = await super().worker(worker)
        self.waiting.set()
        await self.gate.wait()
        return record


class World:
    """A store, a resolver that listens to its database, and short ways to both."""

    def __init__(
        self,
        store: Store,
        resolver: DatabaseResolver,
        lookup: CountingLookup,
        changes: asyncio.Queue[str],
    ) -> None:
        self.store = store
        self.resolver = resolver
        self.lookup = lookup
        self.changes = changes

    async def deploy(self, name: str, text: str = "1", tenant: str = "shop") -> Worker:
        async with self.store.session() as session:
            return await deploy(session, name, text, tenant)

    async def resolve(
        self, host: str = "127.0.0.1", *, number: object = "", name: str = "", path: str = "/"
    ) -> Deployment:
        request = Request("GET", "http", path)
        request.host, request.worker_id, request.worker_name = host, str(number), name
        return await self.resolver.resolve(request)

    async def heard(self, change: str) -> None:
        """Wait until a change has come through the database."""
        while await self.changes.get() != change:
            pass


async def deploy(session: Session, name: str, text: str = "1", tenant: str = "shop") -> Worker:
    owner = await session.tenants.ensure(tenant)
    await session.tenants.limit(owner.id, workers=1000)
    worker = await session.workers.ensure(owner.id, name)
    await session.versions.store(owner.id, worker.id, Code("index.js", {"index.js": text}))
    return worker


@asynccontextmanager
async def open_world(url: str) -> AsyncIterator[World]:
    async with open_pool(url) as pool:
        box = SecretBox([KEY])
        lookup = CountingLookup(pool)
        assembler = Assembler(Settings(), Stripper(), box)
        changes: asyncio.Queue[str] = asyncio.Queue()
        domains = ["workers.test", "w.example"]
        async with DatabaseResolver(url, lookup, assembler, domains) as resolver:
            resolver.on_change.append(changes.put_nowait)
            yield World(Store(pool, box, "test"), resolver, lookup, changes)
