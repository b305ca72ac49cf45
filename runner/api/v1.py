"""All of ``/v1`` for what tenants have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.api.assets import AssetsApi
from runner.api.databases import DatabasesApi
from runner.api.environments import EnvironmentsApi
from runner.api.kv import KvApi
from runner.api.routing import RoutingApi, SchedulesApi
from runner.api.scope import Scope
from runner.api.storage import StorageApi
from runner.api.tenants import TenantsApi
from runner.api.workers import WorkersApi

if TYPE_CHECKING:
    from runner.api.databases import DatabaseServer
    from runner.api.endpoint import Endpoint
    from runner.publish import Publisher
    from runner.store.assets import AssetStore
    from runner.store.kv import KvStore
    from runner.store.session import Store
    from runner.trial import Trial


def tenant_endpoints(
    store: Store,
    publisher: Publisher,
    kv: KvStore,
    assets: AssetStore,
    server: DatabaseServer,
    trial: Trial,
) -> list[Endpoint]:
    """Return the endpoints that read and change what tenants have."""
    scope = Scope(store)
    return [
        *TenantsApi(scope).endpoints(),
        *WorkersApi(scope, publisher, trial).endpoints(),
        *AssetsApi(scope, assets).endpoints(),
        *EnvironmentsApi(scope).endpoints(),
        *KvApi(scope, kv).endpoints(),
        *StorageApi(scope).endpoints(),
        *DatabasesApi(scope, server).endpoints(),
        *RoutingApi(scope).endpoints(),
        *SchedulesApi(scope).endpoints(),
    ]
