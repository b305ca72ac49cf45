"""``.../workers/NAME/env``: what a worker finds in ``env``. Secrets can be written, never read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from runner.api.endpoint import Endpoint, Model
from runner.api.scope import Name, views
from runner.api.workers import WORKERS

if TYPE_CHECKING:
    from uuid import UUID

    from runner.api.scope import Scope, TenantSession

ValueType = Literal["var", "secret", "kv", "storage", "database", "service", "assets", "tasks"]


class ValueView(Model, frozen=True, kw_only=True):
    """One value. Null for a secret's."""

    key: str
    type: str
    value: str | None
    """A variable's text, or a binding's id."""
    target: str | None
    """The name of what a binding leads to; null when that is gone."""
    from_manifest: bool
    updated_at: datetime


class NewValue(Model, frozen=True, kw_only=True):
    """A variable's or secret's text, or the name or id of what a binding leads to."""

    value: str
    type: ValueType = "var"


class EnvironmentsApi:
    """Answers for environments."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def endpoints(self) -> list[Endpoint]:
        env = WORKERS + "/{worker}/env"
        return [
            Endpoint("GET", env, self.list_all),
            Endpoint("PUT", env + "/{key}", self.put),
            Endpoint("DELETE", env + "/{key}", self.remove),
        ]

    async def list_all(self, tenant: Name, worker: Name) -> list[ValueView]:
        """List what a worker finds in env."""
        async with self._scope.of(tenant) as scoped:
            environment = await _environment(scoped, worker)
            rows = await scoped.session.environments.values(scoped.tenant, environment)
            return views(rows, ValueView)

    async def put(self, tenant: Name, worker: Name, key: Name, body: NewValue) -> None:
        """Set a variable, secret or binding."""
        async with self._scope.of(tenant) as scoped:
            environment = await _environment(scoped, worker)
            await scoped.session.environments.set(
                scoped.tenant, environment, key, body.type, body.value
            )

    async def remove(self, tenant: Name, worker: Name, key: Name) -> None:
        """Remove a variable, secret or binding."""
        async with self._scope.of(tenant) as scoped:
            environment = await _environment(scoped, worker)
            await scoped.session.environments.unset(scoped.tenant, environment, key)


async def _environment(scoped: TenantSession, worker: str) -> UUID:
    session, tenant = scoped
    found = await session.workers.get(tenant, worker)
    return await session.environments.of_worker(tenant, found.id, found.name)
