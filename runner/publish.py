"""Makes a worker's files its current version in the database, with all that its manifest says, in one transaction.

Runners hear of it from the database. Must not know where the files come from.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from runner.assets.content_types import ContentTypes
from runner.assets.listing import check_listing
from runner.errors import DeploymentError, NotFoundError
from runner.manifest import ManifestAssets, text_of
from runner.store.assets import Asset, VersionAssets
from runner.store.routing import ManifestRoute
from runner.store.versions import Code
from runner.store.workers import WorkerChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.manifest import Manifest
    from runner.sources import Source
    from runner.store.environments import ValueType
    from runner.store.session import Session, Store
    from runner.store.tenants import Tenant
    from runner.store.workers import Worker
    from runner.typescript import TypeStripper

_MAX_FILES: Final = 2000
_MAX_BYTES: Final = 64 << 20
_MAX_PATH: Final = 512
_TYPESCRIPT: Final = (".ts", ".mts")
_REUSES: Final = {"off": "off", "warm": "warm"}


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it."""

    worker: Worker
    version: int
    created: bool
    """False: these files were a version already."""
    new_tenant: bool = False


class Publisher:
    """Publishes workers of any tenant."""

    def __init__(self, store: Store, stripper: TypeStripper) -> None:
        self._store = store
        self._stripper = stripper
        self._types = ContentTypes()

    async def publish(
        self,
        tenant: str,
        source: Source,
        *,
        message: str | None = None,
        number: UUID | None = None,
        managed_by: str | None = None,
        strict: bool = True,
        assets: Mapping[str, str] | None = None,
    ) -> Published:
        """Serve a worker's files from now on; tenant and worker are made when they are not there.

        ``number`` is the id that a new worker gets; ``strict`` refuses what is no TypeScript, otherwise the worker answers with the reason.
        ``assets`` are static files that were uploaded, hashes by path.

        Raises
        ------
        DeploymentError
            The files are no worker.
        ConflictError, RefusedError, TenantLimitError, CronError
            What the manifest wants is another's, is wrong, or is too much.

        """
        check_files(source)
        code = await self._code(source, strict=strict)
        async with self._store.session() as session:
            owner, new_tenant = await _owner(session, tenant)
            worker = await session.workers.ensure(owner.id, source.name, number)
            await session.workers.manage(worker.id, managed_by)
            await _apply(session, worker, source.manifest)
            static = await self._assets(session, owner.id, source.manifest, assets)
            stored = await session.versions.store(
                owner.id, worker.id, code, assets=static, message=message
            )
            worker = await session.workers.get(owner.id, str(worker.id))
        return Published(
            worker=worker, version=stored.version, created=stored.created, new_tenant=new_tenant
        )

    async def _assets(
        self, session: Session, tenant: UUID, manifest: Manifest, assets: Mapping[str, str] | None
    ) -> VersionAssets | None:
        if assets is None:
            return None
        # First what needs no sizes: it may be any number of names.
        check_listing(dict.fromkeys(assets, 0))
        there = await session.assets.want(tenant, assets.values())
        for path, digest in assets.items():
            if digest not in there:
                raise DeploymentError(f"the static file {path[:_MAX_PATH]!r} was not uploaded")
        check_listing({path: there[digest].size for path, digest in assets.items()})
        files = (
            Asset(path, there[digest].id, digest, there[digest].size, self._types.of(path))
            for path, digest in assets.items()
        )
        return VersionAssets((manifest.assets or ManifestAssets()).binding, tuple(files))

    async def _code(self, source: Source, *, strict: bool) -> Code:
        typed = {path: text for path, text in source.files.items() if path.endswith(_TYPESCRIPT)}
        if not typed:
            return Code(source.main, source.files)
        try:
            return Code(source.main, source.files, await self._stripper.strip(typed))
        except DeploymentError:
            if strict:
                raise
            return Code(source.main, source.files)


def check_files(source: Source) -> None:
    """Refuse what is no deployment: it may come from anyone.

    Raises
    ------
    DeploymentError
        It says why.

    """
    files = source.files
    if source.main not in files:
        raise DeploymentError(f"the entry {source.main[:_MAX_PATH]!r} is not among the files")
    size = sum(len(text) for text in files.values())
    if len(files) > _MAX_FILES or size > _MAX_BYTES:
        raise DeploymentError(
            f"it is too large for a worker: more than {_MAX_FILES} files or {_MAX_BYTES >> 20} MiB"
        )
    for path in files:
        if (
            not path.isprintable()
            or len(path) > _MAX_PATH
            or posixpath.normpath(path) != path
            or path.startswith(("/", "../", "."))
            or "\\" in path
        ):
            raise DeploymentError(
                f"{path[:_MAX_PATH]!r} is no path of a file: it must be relative, with '/' between its parts"
            )


async def _owner(session: Session, name: str) -> tuple[Tenant, bool]:
    try:
        return await session.tenants.get(name), False
    except NotFoundError:
        return await session.tenants.ensure(name), True


async def _apply(session: Session, worker: Worker, manifest: Manifest) -> None:
    tenant = worker.tenant
    environment = await session.environments.of_worker(tenant, worker.id, worker.name)
    for binding in manifest.kv:
        await session.configs.ensure_kv(tenant, binding.target)
    await session.environments.apply_manifest(
        tenant, worker.id, environment, _values(manifest, worker)
    )
    routes = [
        ManifestRoute(
            domain=route.domain,
            project=route.project,
            pattern=route.pattern,
            priority=route.priority,
        )
        for route in manifest.routes
    ]
    await session.routing.apply_manifest(tenant, worker, routes)
    crons = [entry.cron for entry in manifest.crons]
    await session.crons.apply_manifest(tenant, worker.id, crons)
    await session.workers.change(tenant, str(worker.id), _change(manifest))


def _values(manifest: Manifest, worker: Worker) -> dict[str, tuple[ValueType, str]]:
    values: dict[str, tuple[ValueType, str]] = {
        key: ("var", text_of(value)) for key, value in manifest.vars.items()
    }
    for kind, bindings in (
        ("kv", manifest.kv),
        ("storage", manifest.storage),
        ("database", manifest.databases),
        ("service", manifest.services),
    ):
        values |= {one.binding: (kind, one.target) for one in bindings}  # type: ignore[misc]
    for one in manifest.tasks:
        values[one.binding] = ("tasks", one.name or str(worker.id))
    if manifest.assets is not None and manifest.assets.storage:
        values[manifest.assets.binding] = ("assets", manifest.assets.storage)
    return values


def _change(manifest: Manifest) -> WorkerChange:
    """What a manifest does not say stays as it was set."""
    limits, reuse = manifest.limits, manifest.context_reuse
    if reuse and reuse not in _REUSES:
        raise DeploymentError(f"context_reuse = {reuse!r} can not be used: off or warm is allowed")
    return WorkerChange(
        public=UNSET if manifest.public is None else manifest.public,
        cpu_ms=UNSET if limits.cpu_ms is None else limits.cpu_ms,
        wall_ms=UNSET if limits.wall_ms is None else limits.wall_ms,
        context_reuse=UNSET if not reuse else "warm" if reuse == "warm" else "off",
    )
