"""Deploys the workers of folders as one tenant, and deploys them again when their files change.

Must not know how requests find a worker.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.assembly import AssetFolder
from runner.assets.collecting import asset_folder
from runner.deployments import worker_id
from runner.errors import (
    BusyError,
    DatabaseUnavailableError,
    DeploymentError,
    NotFoundError,
    NotResolvedError,
    RunnerError,
)
from runner.sources import files_of, find_workers, read_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runner.assembly import Assembler
    from runner.publish import Publisher
    from runner.sources import Source
    from runner.store.session import Store
    from runner.trial import Trial

_MANAGER: Final = "dev"
"""What ``workers.managed_by`` says of those that come and go with their files."""
_MANY: Final = 1_000_000

Stamp = tuple[tuple[str, int, int], ...]


class Folder:
    """The workers in ``paths``. ``tell(line)`` gets what a developer should know."""

    def __init__(
        self,
        paths: Sequence[Path],
        variables: Mapping[str, str],
        tenant: str,
        publisher: Publisher,
        store: Store,
        assembler: Assembler,
        trial: Trial,
        tell: Callable[[str], None],
    ) -> None:
        self._paths = paths
        self._variables = variables
        self._tenant = tenant
        self._publisher = publisher
        self._store = store
        self._assembler = assembler
        self._trial = trial
        self._tell = tell
        self._stamps: dict[str, Stamp] = {}
        self._told: dict[str, str] = {}
        self._ours: set[str] | None = None
        """Names of workers that came from files, at the last time, too."""

    async def deploy(self) -> list[str]:
        """Deploy what is new or changed and remove what is gone; return the names of what was deployed.

        Raises
        ------
        DeploymentError
            The folders themselves can not be read, or two workers have the same name.
        DatabaseUnavailableError
            There is no database; what was not done yet is done the next time.

        """
        found = find_workers(self._paths)
        if self._ours is None:
            self._ours = await self._move_in()
        for name in self._ours - found.keys():
            await self._remove(name)
        changed = {
            name: stamp
            for name, path in found.items()
            if self._stamps.get(name) != (stamp := _stamp(path))
        }
        for name in changed:
            await self._reserve(name)
        deployed = []
        for name, stamp in changed.items():
            if await self._deploy(name, found[name]):
                deployed.append(name)
            self._stamps[name] = stamp
        return deployed

    async def check(self, names: Sequence[str]) -> None:
        """Compile and evaluate workers, and tell why one will not start."""
        await asyncio.gather(*(self._check(name) for name in names))

    async def watch(self, interval_s: float) -> None:
        """Deploy what changes, until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                deployed = await self.deploy()
            except (DeploymentError, DatabaseUnavailableError) as error:
                self._tell_once("", str(error))
                continue
            self._told.pop("", None)
            for name in deployed:
                self._tell(f"{name} was deployed again")
            await self.check(deployed)

    async def _move_in(self) -> set[str]:
        """Return which workers came from files the last time."""
        async with self._store.session() as session:
            tenant = await session.tenants.ensure(self._tenant)
            # It is one's own machine.
            await session.tenants.limit(
                tenant.id, workers=_MANY, databases=_MANY, kv=_MANY, storage=_MANY
            )
            return await session.workers.managed(tenant.id, _MANAGER)

    async def _reserve(self, name: str) -> None:
        """Make the worker before any is deployed: they may be bound to each other."""
        try:
            async with self._store.session() as session:
                tenant = await session.tenants.get(self._tenant)
                worker = await session.workers.ensure(tenant.id, name, self._id(name))
                await session.workers.manage(worker.id, _MANAGER)
        except DatabaseUnavailableError:
            raise
        except RunnerError:
            # Deploying it fails, too, and that is told.
            return
        assert self._ours is not None
        self._ours.add(name)

    async def _deploy(self, name: str, path: Path) -> bool:
        try:
            source = self._with_variables(read_source(path))
            assets = _asset_folder(source, path)
            published = await self._publisher.publish(
                self._tenant, source, number=self._id(name), managed_by=_MANAGER, strict=False
            )
        except DatabaseUnavailableError:
            raise
        except RunnerError as error:
            self._tell_once(name, f"{name} can not be deployed: {error}")
            return False
        self._told.pop(name, None)
        number = str(published.worker.id)
        if assets is None:
            self._assembler.asset_folders.pop(number, None)
        else:
            self._assembler.asset_folders[number] = assets
        # The database tells it, too, a moment later.
        self._trial.renew(published.worker)
        return True

    async def _remove(self, name: str) -> None:
        assert self._ours is not None
        try:
            async with self._store.session() as session:
                tenant = await session.tenants.get(self._tenant)
                worker = await session.workers.delete(tenant.id, name)
        except NotFoundError:
            pass
        else:
            self._assembler.asset_folders.pop(str(worker.id), None)
            self._tell(f"{name} is gone")
        self._stamps.pop(name, None)
        self._ours.discard(name)

    async def _check(self, name: str) -> None:
        try:
            async with self._store.session() as session:
                tenant = await session.tenants.get(self._tenant)
                worker = await session.workers.get(tenant.id, name)
            problem = await self._trial.problem_of(worker)
        except (BusyError, NotFoundError, NotResolvedError, DatabaseUnavailableError) as error:
            self._tell(f"{name} could not be checked: {error}")
            return
        if problem:
            self._tell(f"{name} will not start: {problem}")

    def _id(self, name: str) -> UUID:
        return UUID(worker_id(self._tenant, name))

    def _with_variables(self, source: Source) -> Source:
        manifest = msgspec.structs.replace(
            source.manifest, vars={**source.manifest.vars, **self._variables}
        )
        return msgspec.structs.replace(source, manifest=manifest)

    def _tell_once(self, name: str, text: str) -> None:
        if self._told.get(name) != text:
            self._told[name] = text
            self._tell(text)


def _stamp(path: Path) -> Stamp:
    """Return what changes when a worker's files do; nothing for one that can not be read."""
    try:
        stats = [(file, file.stat()) for file in files_of(path) if file.exists()]
    except (OSError, DeploymentError):
        return ()
    return tuple((str(file), stat.st_mtime_ns, stat.st_size) for file, stat in stats)


def _asset_folder(source: Source, path: Path) -> AssetFolder | None:
    """Return where a worker's static files are; they are served as they are, without deploying them again."""
    folder = asset_folder(source.manifest, path)
    if folder is None:
        return None
    assert source.manifest.assets is not None
    return AssetFolder(source.manifest.assets.binding, str(folder))
