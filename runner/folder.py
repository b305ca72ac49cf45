"""Deploys the workers of folders, and deploys them again when their files change.

Must not know how requests find a worker; what it deploys goes into a table.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pools.protocol import OutcomeKind
from runner.errors import DeploymentError
from runner.ingress.answers import problem_of
from runner.sources import files_of, find_workers, read_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runner.builder import Builder
    from runner.deployments import Deployment
    from runner.dispatch import Dispatcher
    from runner.resolve import WorkerTable

_CHECK_EVENT: Final = b'{"type":"isolane:check"}'
"""No worker handles it: what is left is to compile and evaluate the module."""

Stamp = tuple[tuple[str, int, int], ...]


class Folder:
    """The workers in ``paths``. ``tell(line)`` gets what a developer should know."""

    def __init__(
        self,
        paths: Sequence[Path],
        variables: Mapping[str, str],
        builder: Builder,
        dispatcher: Dispatcher,
        table: WorkerTable,
        tell: Callable[[str], None],
    ) -> None:
        self._paths = paths
        self._variables = variables
        self._builder = builder
        self._dispatcher = dispatcher
        self._table = table
        self._tell = tell
        self._stamps: dict[str, Stamp] = {}
        self._unreadable: dict[str, str] = {}

    async def deploy(self) -> list[Deployment]:
        """Deploy what is new or changed and remove what is gone; return what was deployed.

        Raises
        ------
        DeploymentError
            The folders themselves can not be read, or two workers have the same name.

        """
        found = find_workers(self._paths)
        for name in self._stamps.keys() - found.keys():
            del self._stamps[name]
            self._table.remove(name)
            self._tell(f"{name} is gone")
        deployed: list[Deployment] = []
        for name, path in found.items():
            stamp = _stamp(path)
            if self._stamps.get(name) != stamp:
                self._stamps[name] = stamp
                if (deployment := await self._deploy(name, path)) is not None:
                    deployed.append(deployment)
        return deployed

    async def check(self, deployments: Sequence[Deployment]) -> None:
        """Compile and evaluate deployments, and tell why one will not start."""
        await asyncio.gather(*(self._check(deployment) for deployment in deployments))

    async def watch(self, interval_s: float) -> None:
        """Deploy what changes, until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            try:
                deployed = await self.deploy()
            except DeploymentError as error:
                self._tell_once("", str(error))
                continue
            for deployment in deployed:
                self._tell(f"{deployment.name} was deployed again")
            await self.check(deployed)

    async def _deploy(self, name: str, path: Path) -> Deployment | None:
        try:
            source = read_source(path)
        except DeploymentError as error:
            self._tell_once(name, f"{name} can not be deployed: {error}")
            return None
        self._unreadable.pop(name, None)
        deployment = await self._builder.build(source, self._variables)
        self._table.put(deployment)
        return deployment

    async def _check(self, deployment: Deployment) -> None:
        execution = self._dispatcher.start(deployment, _CHECK_EVENT)
        outcome = await execution.ended()
        if outcome.kind is OutcomeKind.NO_HANDLER:
            return
        problem = problem_of(outcome, expose_errors=True)
        self._tell(f"{deployment.name} will not start: {problem.message}")

    def _tell_once(self, name: str, text: str) -> None:
        if self._unreadable.get(name) != text:
            self._unreadable[name] = text
            self._tell(text)


def _stamp(path: Path) -> Stamp:
    """Return what changes when a worker's files do; nothing for one that can not be read."""
    try:
        stats = [(file, file.stat()) for file in files_of(path) if file.exists()]
    except (OSError, DeploymentError):
        return ()
    return tuple((str(file), stat.st_mtime_ns, stat.st_size) for file, stat in stats)
