"""The composition root's part for ops: what workers reach of the world, each made when the first op wants it.

``isolane run`` passes here: nothing heavy is imported before it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.errors import OpError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import TypeAlias

    from runner.assets.deployed import DeployedFiles
    from runner.bindings import StorageBinding
    from runner.config import Settings
    from runner.ops.addresses import AddressPolicy
    from runner.ops.assets import Assets
    from runner.ops.cache import Caches
    from runner.ops.crypto import Crypto
    from runner.ops.database import Database
    from runner.ops.fetch import Fetch
    from runner.ops.internal import InternalRoutes
    from runner.ops.kv import Kv
    from runner.ops.registry import OpCall
    from runner.ops.service import Service
    from runner.ops.storage import Storage
    from runner.ops.tasks import Tasks
    from runner.ops.transport import GuardedTransport
    from runner.ops.websocket import WebSockets
    from runner.s3.bucket import Bucket
    from runner.store.pool import Pool
    from runner.tasks.engine import TaskEngine

    Handler: TypeAlias = Callable[[OpCall], Coroutine[Any, Any, None]]


class World:
    """The handlers of ops, and what they share."""

    def __init__(self, settings: Settings) -> None:
        self.pool: Pool | None = None
        """PostgreSQL, from when it is there: who opens it sets it."""
        self.tasks: TaskEngine | None = None
        """The durable queue, likewise."""
        self.fetch = LazyFetch(settings)
        self.buckets = LazyBuckets(settings)
        self._settings = settings
        self._database: Database | None = None
        self._crypto: Crypto | None = None
        self._deployed: DeployedFiles | None = None

    def handlers(self) -> dict[str, Handler]:
        return {
            "fetch": self.fetch,
            "kv": LazyOp(self._make_kv),
            "database": LazyOp(self._make_database),
            "storage": LazyOp(self.buckets.make_storage),
            "assets": LazyOp(self._make_assets),
            "service": LazyOp(self._make_service),
            "websocket": LazyOp(self._make_websocket),
            "cache": LazyOp(self._make_cache),
            "crypto": LazyOp(self._make_crypto),
            "tasks": LazyOp(self._make_tasks),
        }

    def _make_kv(self) -> Kv:
        from runner.ops.kv import Kv
        from runner.store.kv import KvStore

        return Kv(KvStore(self._pool_for("KV")))

    def _make_database(self) -> Database:
        from runner.databases.places import Places
        from runner.databases.pool import SessionPool, limits_for
        from runner.ops.database import Database
        from runner.store.tenant_databases import TenantRoles

        places = Places(address_policy(self._settings))
        if self.pool is not None:
            places.serve_platform(str(self.pool.conninfo), TenantRoles(self.pool))
        sessions = SessionPool(places, limits_for(self._settings.database_sessions))
        self._database = Database(sessions)
        return self._database

    def _make_crypto(self) -> Crypto:
        from runner.ops.crypto import Crypto

        self._crypto = Crypto()
        return self._crypto

    def _make_assets(self) -> Assets:
        from runner.ops.assets import Assets

        if self.pool is not None:
            from runner.assets.deployed import DeployedFiles
            from runner.store.assets import AssetStore
            from runner.store.pool import describe

            store = AssetStore(self.pool, describe(str(self.pool.conninfo)))
            self._deployed = DeployedFiles(store, self._settings.assets_cache_bytes)
        return Assets(self.buckets.open, self._deployed)

    def _make_tasks(self) -> Tasks:
        from runner.ops.tasks import Tasks

        if self.tasks is None:
            raise OpError("Error", "tasks are not available: this runner has no database")
        return Tasks(self.tasks)

    def _make_service(self) -> Service:
        from runner.ops.service import Service

        return Service(self.fetch.open)

    def _make_websocket(self) -> WebSockets:
        from runner.ops.websocket import WebSockets
        from runner.sockets.client import Dialer

        return WebSockets(Dialer(address_policy(self._settings)), user_agent())

    def _make_cache(self) -> Caches:
        from runner.cache.store import CacheStore
        from runner.ops.cache import Caches

        settings = self._settings
        return Caches(CacheStore(settings.cache_bytes, settings.cache_tenant_bytes))

    def _pool_for(self, what: str) -> Pool:
        if self.pool is None:
            raise OpError("Error", f"{what} is not available: this runner has no database")
        return self.pool

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()
        if self._crypto is not None:
            await self._crypto.close()
        if self._deployed is not None:
            await self._deployed.close()
        await self.buckets.close()
        await self.fetch.close()


class LazyOp:
    """A handler that is made with the first op."""

    def __init__(self, make: Callable[[], Handler]) -> None:
        self._make = make
        self._handler: Handler | None = None

    async def __call__(self, call: OpCall) -> None:
        if self._handler is None:
            self._handler = self._make()
        await self._handler(call)


class LazyFetch:
    """Imports the HTTP client and opens its pool with the first op: many runs need neither."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fetch: Fetch | None = None
        self._routes: InternalRoutes | None = None

    def stay_inside(self, routes: InternalRoutes) -> None:
        """From now on some requests stay in the runner."""
        self._routes = routes
        if self._fetch is not None:
            self._fetch.routes = routes

    def open(self) -> Fetch:
        if self._fetch is None:
            from runner.ops.fetch import Fetch

            policy = address_policy(self._settings)
            idle = self._settings.http_pool_max_idle_per_host
            self._fetch = Fetch(policy, idle, user_agent())
            self._fetch.routes = self._routes
        return self._fetch

    async def __call__(self, call: OpCall) -> None:
        await self.open()(call)

    async def close(self) -> None:
        if self._fetch is not None:
            await self._fetch.close()


class LazyBuckets:
    """Object storage for the ops that reach it: one set of connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._storage: Storage | None = None
        self._transport: GuardedTransport | None = None

    def make_storage(self) -> Storage:
        from runner.ops.storage import Storage

        self._storage = Storage(self._connections())
        return self._storage

    def open(self, binding: StorageBinding) -> Bucket:
        """Return where a binding leads; raises OpError when it names no place."""
        from runner.s3.bucket import Bucket

        return Bucket(self._connections(), binding)

    def _connections(self) -> GuardedTransport:
        if self._transport is None:
            from runner.ops.transport import GuardedTransport

            idle = self._settings.http_pool_max_idle_per_host
            self._transport = GuardedTransport(address_policy(self._settings), idle)
        return self._transport

    async def close(self) -> None:
        if self._storage is not None:
            await self._storage.close()
        elif self._transport is not None:
            await self._transport.aclose()


def user_agent() -> str:
    """Return how workers' requests name us."""
    from importlib.metadata import version

    return f"Isolane/{version('isolane')}"


def address_policy(settings: Settings) -> AddressPolicy:
    from runner.ops.addresses import AddressPolicy

    return AddressPolicy(
        allow_all=settings.fetch_allow_private_network, allowed=settings.fetch_allowed_networks
    )
