"""From a request to a deployment, as the database has it: asked once, remembered, and forgotten when it changes.

A hit asks nobody and waits for nothing. While the database is away, workers that are known are served; others are told to come again.
Must not know what is executed.
"""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.errors import NotResolvedError
from runner.recall import Answer, Recall
from runner.routes import Routes
from runner.store.listener import CHANGES, Listener
from runner.store.workers import WORKER_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from runner.assembly import Assembler
    from runner.deployments import Deployment
    from runner.events.fetch import Request
    from runner.store.lookup import Lookup, RouteRow, ValueRow

_MAX_TARGETS: Final = 20_000
_MAX_PATH_BYTES: Final = 16 << 20
_MAX_CODE_BYTES: Final = 256 << 20
_OF_A_DEPLOYMENT: Final = 4096
"""Bytes of one beside its code, about."""
_MAX_HOST: Final = 255
_FILES: Final = "files of "
_LOWER_CASE: Final = frozenset({"name", "domain"})


class Asked(msgspec.Struct, frozen=True):
    """What a request says of its worker: a host, a name, or a host that has a name before a worker domain."""

    host: str | None
    name: str | None


class DatabaseResolver:
    """Resolves requests. ``async with`` listens for changes."""

    def __init__(
        self, url: str, lookup: Lookup, assembler: Assembler, domains: Iterable[str]
    ) -> None:
        self._lookup = lookup
        self._assembler = assembler
        self._suffixes = tuple(f".{domain}" for domain in domains)
        self.on_change: list[Callable[[str], None]] = []
        """Called with each change, after what it makes untrue was forgotten."""
        self._targets: Recall[Asked, str | Routes] = Recall(self._find_target, _MAX_TARGETS)
        self._paths: Recall[tuple[UUID, str], RouteRow] = Recall(self._find_route, _MAX_PATH_BYTES)
        self._deployments: Recall[str, Deployment] = Recall(self._find_worker, _MAX_CODE_BYTES)
        self._recalls = (self._targets, self._paths, self._deployments)
        self.listener = Listener(
            url, [CHANGES], lambda _, change: self.forget(change), self._doubt, needs=True
        )
        lookup.away = lambda: not self.listener.connected.is_set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Listen.

        Raises
        ------
        DatabaseUnavailableError
            There is no database.

        """
        async with AsyncExitStack() as stack:
            for recall in self._recalls:
                stack.push_async_callback(recall.close)
            await stack.enter_async_context(self.listener)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def resolve(self, request: Request) -> Deployment:
        """Return the deployment that a request is for: ``x-worker-id``, ``x-worker-name``, custom domain, then the name in the host.

        Raises
        ------
        NotResolvedError
            It names none, or one that is not here. An id or a name that is wrong never falls through to the next way.
        BusyError
            It is not known, and the database is away.

        """
        if request.worker_id:
            return await self.worker(request.worker_id)
        asked = self._asked(request)
        target = self._targets.known(asked)
        if target is None:
            target = await self._targets.get(asked)
        key = target if isinstance(target, str) else await self._route(target, request)
        return self._deployments.known(key) or await self._deployments.get(key)

    async def worker(self, worker_id: str) -> Deployment:
        """Return the current deployment of a worker.

        Raises
        ------
        NotResolvedError
            There is none, or that is no id.
        BusyError
            It is not known, and the database is away.

        """
        try:
            key = str(UUID(worker_id))
        except ValueError:
            raise NotResolvedError(400, "the worker's id is no UUID") from None
        return self._deployments.known(key) or await self._deployments.get(key)

    def addresses_worker(self, request: Request) -> bool:
        """Tell whether a request means a worker; one that does not may still have a custom domain."""
        return bool(request.worker_id or request.worker_name or self._name_in(_plain(request.host)))

    def forget(self, change: str) -> None:
        """Take note of a change: ``KIND KEY``, as the database tells them."""
        kind, _, key = change.partition(" ")
        if kind in _LOWER_CASE:
            change = f"{kind} {key.lower()}"
        for recall in self._recalls:
            recall.forget(change)
        for tell in self.on_change:
            tell(change)

    def _doubt(self) -> None:
        for recall in self._recalls:
            recall.doubt()
        for tell in self.on_change:
            tell("all")

    # --- what a request asks for ----------------------------------------------------------------------------------

    def _asked(self, request: Request) -> Asked:
        if name := request.worker_name:
            if WORKER_NAME.fullmatch(name):
                return Asked(None, name.lower())
            raise NotResolvedError(502, f"there is no worker named {name[:64]!r}")
        host = _plain(request.host)
        name = self._name_in(host)
        if not host or len(host) > _MAX_HOST:
            raise _unaddressed(host)
        return Asked(host, name if WORKER_NAME.fullmatch(name) else None)

    def _name_in(self, host: str) -> str:
        """Return what stands before a worker domain."""
        for suffix in self._suffixes:
            if host.endswith(suffix):
                return host.removesuffix(suffix)
        return ""

    async def _route(self, routes: Routes, request: Request) -> str:
        """Return what has a path of a project: a worker's id, or a name of ours for its files; the request notes the route."""
        path = request.path
        row = routes.exact(path)
        if row is None:
            if routes.plain:
                row = routes.longest_prefix(path)
            else:
                row = await self._paths.get((routes.project, path))
        if row is None:
            raise _no_route(path)
        request.route = row.pattern
        if row.worker is not None and row.backend == "worker":
            return str(row.worker)
        return f"{_FILES}{routes.project} {row.priority}"

    # --- what the database says -----------------------------------------------------------------------------------

    async def _find_target(self, asked: Asked) -> Answer[str | Routes]:
        depends = [f"domain {asked.host}"] if asked.host else []
        depends += [f"name {asked.name}"] if asked.name else []
        row = await self._lookup.target(asked.host, asked.name)
        if row is None or (row.worker is None and row.project is None):
            missing = (
                _unaddressed(asked.host)
                if asked.name is None and asked.host is not None
                else NotResolvedError(502, f"there is no worker named {asked.name!r}")
            )
            return Answer(missing, depends)
        if row.project is None:
            assert row.worker is not None
            return Answer(str(row.worker), [*depends, f"worker {row.worker}"])
        routes = Routes(row.project, await self._lookup.routes(row.project))
        return Answer(routes, [*depends, f"project {row.project}", f"worker {row.project}"])

    async def _find_route(self, key: tuple[UUID, str]) -> Answer[RouteRow]:
        project, path = key
        row = await self._lookup.route(project, path)
        depends = [f"project {project}"]
        return Answer(row or _no_route(path), depends, len(path) + _OF_A_DEPLOYMENT // 8)

    async def _find_worker(self, key: str) -> Answer[Deployment]:
        if key.startswith(_FILES):
            return await self._find_files(key)
        depends = [f"worker {key}"]
        record = await self._lookup.worker(UUID(key))
        if record is None:
            return Answer(NotResolvedError(502, f"there is no worker with the id {key}"), depends)
        row = record.row
        depends += [f"project {row.project}", f"environment {row.environment}"]
        depends += _changes_of(record.values)
        try:
            deployment = await self._assembler.worker(record)
        except NotResolvedError as error:
            return Answer(error, depends)
        return Answer(deployment, depends, _size_of(deployment))

    async def _find_files(self, key: str) -> Answer[Deployment]:
        project, _, priority = key.removeprefix(_FILES).partition(" ")
        depends = [f"project {project}", f"worker {project}"]
        record = await self._lookup.project(UUID(project))
        if record is None:
            return Answer(NotResolvedError(502, "the project is gone"), depends)
        depends += [f"environment {record.row.environment}", *_changes_of(record.values)]
        try:
            deployment = self._assembler.project_files(record, int(priority))
        except NotResolvedError as error:
            return Answer(error, depends)
        return Answer(deployment, depends, _size_of(deployment))


def _changes_of(values: Iterable[ValueRow]) -> Iterator[str]:
    """Yield the changes that make values untrue, also of what is not there yet or not ours."""
    kinds = {"assets": "storage"}
    for value in values:
        if value.type not in {"var", "secret"}:
            yield f"{kinds.get(value.type, value.type)} {value.value}"


def _size_of(deployment: Deployment) -> int:
    code = sum(sys.getsizeof(text) for text in deployment.files.values())
    return code + len(deployment.env) + _OF_A_DEPLOYMENT


def _plain(host: str) -> str:
    """Return a host in lower case without port and the root's dot; nothing for an IPv6 address, which nobody has as a domain."""
    return "" if host.startswith("[") else host.partition(":")[0].rstrip(".").lower()


def _unaddressed(host: str | None) -> NotResolvedError:
    return NotResolvedError(
        502,
        f"no worker is addressed: {(host or 'the host')[:64]} is no worker's domain, and there is no x-worker-name header",
    )


def _no_route(path: str) -> NotResolvedError:
    return NotResolvedError(404, f"no route leads to {path[:64]!r}")
