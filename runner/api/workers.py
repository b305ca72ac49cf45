"""``/v1/tenants/NAME/workers``: workers, their versions, and what they run under."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from runner.api.assets import Hash
from runner.api.endpoint import Endpoint, Model
from runner.api.scope import Name, view, views
from runner.errors import BusyError, NotResolvedError
from runner.manifest import Manifest
from runner.sources import Source
from runner.store.workers import WorkerChange

if TYPE_CHECKING:
    from runner.api.scope import Scope
    from runner.publish import Publisher
    from runner.trial import Trial

WORKERS: Final = "/v1/tenants/{tenant}/workers"
_MOST: Final = 100_000
_MAX_DEPLOYMENT_BYTES: Final = 80 << 20
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]


class WorkerView(Model, frozen=True, kw_only=True):
    """A worker. Limits of null are the runner's."""

    id: UUID
    name: str | None
    tenant_name: str
    version: int | None
    public: bool
    cpu_ms: int | None
    wall_ms: int | None
    context_reuse: str | None
    managed_by: str | None
    created_at: datetime
    updated_at: datetime


class VersionView(Model, frozen=True, kw_only=True):
    """One deployment of a worker."""

    version: int
    current: bool
    hash: str
    code_type: str
    main: str | None
    files: int
    bytes: int
    static_files: int
    static_bytes: int
    message: str | None
    deployed_at: datetime


class NewVersion(Model, frozen=True, kw_only=True):
    """A worker's files, texts by path, and its manifest."""

    main: str
    files: dict[str, str]
    manifest: Manifest = Manifest()
    assets: dict[str, Hash] | None = None
    """Static files by path, each uploaded before; the manifest has the name of their binding."""
    message: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class Deployed(Model, frozen=True, kw_only=True):
    """What became of a deployment."""

    worker: WorkerView
    version: int
    created: bool
    """False: these files were a version already, which is the current one now."""
    new_tenant: bool
    problem: str = ""
    """Why it will not start; it is deployed all the same, and answers so."""


class Rollback(Model, frozen=True, kw_only=True):
    """Which version to serve; by default the one before the current one."""

    version: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Change(Model, frozen=True, kw_only=True):
    """What to change of a worker; null sets back to the runner's default."""

    public: bool | UnsetType = UNSET
    cpu_ms: Milliseconds | UnsetType | None = UNSET
    wall_ms: Milliseconds | UnsetType | None = UNSET
    context_reuse: Literal["off", "warm"] | UnsetType | None = UNSET


class WorkersApi:
    """Answers for workers."""

    def __init__(self, scope: Scope, publisher: Publisher, trial: Trial) -> None:
        self._scope = scope
        self._publisher = publisher
        self._trial = trial

    def endpoints(self) -> list[Endpoint]:
        one = WORKERS + "/{worker}"
        return [
            Endpoint("GET", WORKERS, self.list_all),
            Endpoint("GET", one, self.show),
            Endpoint("PATCH", one, self.change),
            Endpoint("DELETE", one, self.remove),
            Endpoint("GET", one + "/versions", self.versions),
            Endpoint(
                "POST",
                one + "/versions",
                self.deploy,
                status=201,
                max_body_bytes=_MAX_DEPLOYMENT_BYTES,
            ),
            Endpoint("POST", one + "/rollback", self.rollback),
        ]

    async def list_all(self, tenant: Name) -> list[WorkerView]:
        """List a tenant's workers."""
        async with self._scope.of(tenant) as (session, owner):
            return views(await session.workers.all(owner, _MOST), WorkerView)

    async def show(self, tenant: Name, worker: Name) -> WorkerView:
        """Show a worker."""
        async with self._scope.of(tenant) as (session, owner):
            return view(await session.workers.get(owner, worker), WorkerView)

    async def change(self, tenant: Name, worker: Name, body: Change) -> WorkerView:
        """Change a worker's limits, publication or reuse of contexts."""
        change = WorkerChange(**msgspec.structs.asdict(body))
        async with self._scope.of(tenant) as (session, owner):
            return view(await session.workers.change(owner, worker, change), WorkerView)

    async def remove(self, tenant: Name, worker: Name) -> None:
        """Remove a worker with its versions, domains, routes and schedules."""
        async with self._scope.of(tenant) as (session, owner):
            await session.workers.delete(owner, worker)

    async def versions(self, tenant: Name, worker: Name) -> list[VersionView]:
        """List a worker's versions, the newest first."""
        async with self._scope.of(tenant) as (session, owner):
            found = await session.workers.get(owner, worker)
            return views(await session.versions.all(owner, found.id), VersionView)

    async def deploy(self, tenant: Name, worker: Name, body: NewVersion) -> Deployed:
        """Deploy files as a worker, which is made if it is not there; its tenant, too."""
        source = Source(worker, body.main, body.files, body.manifest)
        published = await self._publisher.publish(
            tenant, source, message=body.message, assets=body.assets
        )
        self._trial.renew(published.worker)
        try:
            problem = await self._trial.problem_of(published.worker)
        except (BusyError, NotResolvedError) as error:
            problem = f"it could not be tried: {error}"
        return Deployed(
            worker=view(published.worker, WorkerView),
            version=published.version,
            created=published.created,
            new_tenant=published.new_tenant,
            problem=problem,
        )

    async def rollback(self, tenant: Name, worker: Name, body: Rollback) -> VersionView:
        """Serve an earlier version."""
        async with self._scope.of(tenant) as (session, owner):
            found = await session.workers.get(owner, worker)
            version = await session.versions.rollback(owner, found.id, body.version)
            return view(version, VersionView)
