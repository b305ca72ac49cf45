"""All repositories on one connection: what the control API, `dev` and the command line change the database with.

::

    async with store.session() as session:
        tenant = await session.tenants.ensure("shop")
        worker = await session.workers.ensure(tenant.id, "hello")
        await session.versions.store(tenant.id, worker.id, Code("index.js", {"index.js": text}))

A session is one transaction: it is done whole, or not at all.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runner.store.assets import Assets
from runner.store.configs import Configs
from runner.store.crons import Crons
from runner.store.database import TOPICS, Database
from runner.store.environments import Environments
from runner.store.routing import Routing
from runner.store.tenants import Tenants
from runner.store.versions import Versions
from runner.store.workers import Workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.store.database import Statements
    from runner.store.pool import Pool
    from runner.store.secrets import SecretBox


class Session:
    """The repositories of one transaction."""

    def __init__(self, statements: Statements, box: SecretBox) -> None:
        self.tenants = Tenants(statements)
        self.workers = Workers(statements)
        self.versions = Versions(statements)
        self.assets = Assets(statements)
        self.configs = Configs(statements, box)
        self.environments = Environments(statements, box)
        self.routing = Routing(statements)
        self.crons = Crons(statements)


class Store:
    """Opens sessions on a pool."""

    def __init__(self, pool: Pool, box: SecretBox, place: str) -> None:
        self._database = Database(pool, place, *TOPICS)
        self._box = box

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a transaction; see ``Database.transaction`` for what it raises."""
        async with self._database.transaction() as statements:
            yield Session(statements, self._box)
