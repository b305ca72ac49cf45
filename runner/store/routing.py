"""What leads to workers besides their names: custom domains, and projects with their routes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from runner.errors import ConflictError, NotFoundError, RefusedError
from runner.store.tenants import as_id
from runner.store.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.store.database import Statements
    from runner.store.workers import Worker

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PATTERN: Final = re.compile(r"/[!-~]*")
_MAX_LENGTH: Final = 255


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``domains``; it leads to a worker or a project."""

    name: str
    worker: UUID | None
    project: UUID | None
    target: str | None
    from_manifest: bool
    created_at: datetime


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``projects``; its id is its main worker's."""

    id: UUID
    name: str
    environment: UUID | None
    created_at: datetime


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``project_routes``; ``backend`` is ``worker`` or ``storage``."""

    pattern: str
    priority: int
    backend: str
    worker: UUID | None
    target: str | None
    from_manifest: bool
    created_at: datetime


class ManifestRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A route in a manifest: a domain, or a pattern of a project."""

    domain: str = ""
    project: str = ""
    pattern: str = ""
    priority: int = 0


class Routing:
    """Reads and writes domains, projects and routes of a tenant."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._workers = Workers(statements)

    async def domains(self, tenant: UUID) -> list[Domain]:
        return await self._statements.all(Domain, "domains", tenant=tenant)

    async def set_domain(
        self, tenant: UUID, name: str, target: str, *, from_manifest: bool = False
    ) -> None:
        """Have a domain lead to a project or worker, by its name or id.

        Raises
        ------
        ConflictError
            Another tenant has the domain.
        NotFoundError
            The tenant has no such project or worker.
        RefusedError
            It is no domain.

        """
        name = name.lower().rstrip(".")
        if not _DOMAIN.fullmatch(name) or len(name) > _MAX_LENGTH:
            raise RefusedError(f"{name[:64]!r} is no domain")
        owner = await self._statements.value("domain_owner", name=name)
        if owner not in {None, tenant}:
            raise ConflictError(f"the domain {name} is taken")
        project = await self._find_project(tenant, target)
        worker = None if project else (await self._workers.get(tenant, target)).id
        await self._statements.run(
            "set_domain",
            name=name,
            tenant=tenant,
            worker=worker,
            project=project.id if project else None,
            from_manifest=from_manifest,
        )

    async def unset_domain(self, tenant: UUID, name: str) -> None:
        values = {"tenant": tenant, "name": name.lower().rstrip(".")}
        if await self._statements.run("unset_domain", **values) == 0:
            raise NotFoundError("domain", name)

    async def projects(self, tenant: UUID) -> list[Project]:
        return await self._statements.all(Project, "projects", tenant=tenant)

    async def project(self, tenant: UUID, name_or_id: str) -> Project:
        """Return a project.

        Raises
        ------
        NotFoundError
            There is none.

        """
        project = await self._find_project(tenant, name_or_id)
        if project is None:
            raise NotFoundError("project", name_or_id)
        return project

    async def ensure_project(self, tenant: UUID, name_or_id: str) -> Project:
        """Return a project; a worker of that name becomes its main one, which gets what no route matches."""
        project = await self._find_project(tenant, name_or_id)
        if project is not None:
            return project
        worker = await self._workers.get(tenant, name_or_id)
        await self._statements.run("make_project", worker=worker.id)
        return await self.project(tenant, str(worker.id))

    async def routes(self, tenant: UUID, project: UUID) -> list[Route]:
        """Return a project's routes in the order in which they are tried."""
        return await self._statements.all(Route, "routes", tenant=tenant, project=project)

    async def set_route(
        self,
        tenant: UUID,
        project: UUID,
        pattern: str,
        worker: str | None,
        *,
        priority: int = 0,
        from_manifest: bool = False,
    ) -> None:
        """Have a pattern lead to a worker (by name or id), or with None to the project's files.

        Raises
        ------
        NotFoundError
            The tenant has no such project or worker.
        RefusedError
            It is no pattern.

        """
        if not _PATTERN.fullmatch(pattern) or len(pattern) > _MAX_LENGTH or "***" in pattern:
            raise RefusedError(
                f"{pattern[:64]!r} is no pattern: a path from '/' on, with '*' for a part of it or '**' for anything"
            )
        await self.project(tenant, str(project))
        target = (await self._workers.get(tenant, worker)).id if worker is not None else None
        await self._statements.run(
            "set_route",
            project=project,
            pattern=pattern,
            priority=priority,
            backend="worker" if target else "storage",
            worker=target,
            from_manifest=from_manifest,
        )

    async def unset_route(self, tenant: UUID, project: UUID, pattern: str) -> None:
        values = {"tenant": tenant, "project": project, "pattern": pattern}
        if await self._statements.run("unset_route", **values) == 0:
            raise NotFoundError("route", pattern)

    async def apply_manifest(
        self, tenant: UUID, worker: Worker, routes: Sequence[ManifestRoute]
    ) -> None:
        """Make a worker's manifest true: what it said before and says no more is removed."""
        target = str(worker.id)
        patterns: list[tuple[UUID, str]] = []
        for route in routes:
            if bool(route.domain) == bool(route.pattern):
                raise RefusedError("a route needs a domain, or a pattern and a project")
            if route.domain:
                await self.set_domain(tenant, route.domain, target, from_manifest=True)
                continue
            project = await self.ensure_project(tenant, route.project or target)
            patterns.append((project.id, route.pattern))
            await self.set_route(
                tenant,
                project.id,
                route.pattern,
                target,
                priority=route.priority,
                from_manifest=True,
            )
        names = [route.domain.lower().rstrip(".") for route in routes if route.domain]
        await self._statements.run(
            "unset_manifest_domains", tenant=tenant, worker=worker.id, names=names
        )
        await self._statements.run(
            "unset_manifest_routes",
            tenant=tenant,
            worker=worker.id,
            projects=[project for project, _ in patterns],
            patterns=[pattern for _, pattern in patterns],
        )

    async def _find_project(self, tenant: UUID, name_or_id: str) -> Project | None:
        return await self._statements.first(
            Project, "project", tenant=tenant, id=as_id(name_or_id), name=name_or_id
        )
