"""``.../domains``, ``.../projects`` and ``.../schedules``: what leads to workers, and when they are called."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import msgspec

from runner.api.endpoint import Endpoint, Model
from runner.api.errors import not_found
from runner.api.scope import Name, view, views
from runner.api.workers import WORKERS

if TYPE_CHECKING:
    from runner.api.scope import Scope

_TENANT: Final = "/v1/tenants/{tenant}"


class DomainView(Model, frozen=True, kw_only=True):
    """A domain, and the project or worker that it leads to."""

    name: str
    target: str | None
    from_manifest: bool
    created_at: datetime


class NewDomain(Model, frozen=True, kw_only=True):
    """The name or id of a project or worker."""

    target: Name


class ProjectView(Model, frozen=True, kw_only=True):
    """A project: a name with routes to several workers."""

    id: UUID
    name: str
    created_at: datetime


class RouteView(Model, frozen=True, kw_only=True):
    """A route: what begins like the pattern goes to the worker, or to the project's files."""

    pattern: str
    priority: int
    backend: str
    target: str | None
    from_manifest: bool


class NewRoute(Model, frozen=True, kw_only=True):
    """A route; without a worker it leads to the project's files."""

    pattern: Name
    worker: Name | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 0


class RouteQuery(Model, frozen=True, kw_only=True):
    """Which route."""

    pattern: Name


class ScheduleView(Model, frozen=True, kw_only=True):
    """A schedule of a worker."""

    id: UUID
    value: str
    worker_name: str | None
    last_run: datetime | None
    next_run: datetime | None
    from_manifest: bool


class NewSchedule(Model, frozen=True, kw_only=True):
    """When to call a worker: five fields, in UTC."""

    cron: Name


class RoutingApi:
    """Answers for domains, projects and their routes."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def endpoints(self) -> list[Endpoint]:
        domain, routes = _TENANT + "/domains/{domain}", _TENANT + "/projects/{project}/routes"
        return [
            Endpoint("GET", _TENANT + "/domains", self.list_domains),
            Endpoint("PUT", domain, self.set_domain),
            Endpoint("DELETE", domain, self.remove_domain),
            Endpoint("GET", _TENANT + "/projects", self.list_projects),
            Endpoint("PUT", _TENANT + "/projects/{project}", self.make_project),
            Endpoint("GET", routes, self.list_routes),
            Endpoint("PUT", routes, self.set_route),
            Endpoint("DELETE", routes, self.remove_route),
        ]

    async def list_domains(self, tenant: Name) -> list[DomainView]:
        """List a tenant's domains."""
        async with self._scope.of(tenant) as (session, owner):
            return views(await session.routing.domains(owner), DomainView)

    async def set_domain(self, tenant: Name, domain: Name, body: NewDomain) -> None:
        """Have a domain lead to a project or worker."""
        async with self._scope.of(tenant) as (session, owner):
            await session.routing.set_domain(owner, domain, body.target)

    async def remove_domain(self, tenant: Name, domain: Name) -> None:
        """Remove a domain."""
        async with self._scope.of(tenant) as (session, owner):
            await session.routing.unset_domain(owner, domain)

    async def list_projects(self, tenant: Name) -> list[ProjectView]:
        """List a tenant's projects."""
        async with self._scope.of(tenant) as (session, owner):
            return views(await session.routing.projects(owner), ProjectView)

    async def make_project(self, tenant: Name, project: Name) -> ProjectView:
        """Make a project of the worker with this name, if it is none yet."""
        async with self._scope.of(tenant) as (session, owner):
            return view(await session.routing.ensure_project(owner, project), ProjectView)

    async def list_routes(self, tenant: Name, project: Name) -> list[RouteView]:
        """List a project's routes in the order in which they are tried."""
        async with self._scope.of(tenant) as (session, owner):
            found = await session.routing.project(owner, project)
            return views(await session.routing.routes(owner, found.id), RouteView)

    async def set_route(self, tenant: Name, project: Name, body: NewRoute) -> None:
        """Have a pattern lead to a worker, or to the project's files."""
        async with self._scope.of(tenant) as (session, owner):
            found = await session.routing.project(owner, project)
            await session.routing.set_route(
                owner, found.id, body.pattern, body.worker, priority=body.priority
            )

    async def remove_route(self, tenant: Name, project: Name, query: RouteQuery) -> None:
        """Remove a route."""
        async with self._scope.of(tenant) as (session, owner):
            found = await session.routing.project(owner, project)
            await session.routing.unset_route(owner, found.id, query.pattern)


class SchedulesApi:
    """Answers for schedules."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", _TENANT + "/schedules", self.list_all),
            Endpoint("POST", WORKERS + "/{worker}/schedules", self.add, status=201),
            Endpoint("DELETE", _TENANT + "/schedules/{schedule}", self.remove),
        ]

    async def list_all(self, tenant: Name) -> list[ScheduleView]:
        """List a tenant's schedules."""
        async with self._scope.of(tenant) as (session, owner):
            return views(await session.crons.all(owner), ScheduleView)

    async def add(self, tenant: Name, worker: Name, body: NewSchedule) -> ScheduleView:
        """Call a worker by a cron expression."""
        async with self._scope.of(tenant) as (session, owner):
            found = await session.workers.get(owner, worker)
            await session.crons.add(owner, found.id, body.cron)
            rows = await session.crons.all(owner, found.id)
            return view(next(row for row in rows if row.value == body.cron), ScheduleView)

    async def remove(self, tenant: Name, schedule: UUID) -> None:
        """Stop a schedule."""
        async with self._scope.of(tenant) as (session, owner):
            rows = await session.crons.all(owner)
            row = next((row for row in rows if row.id == schedule), None)
            if row is None:
                raise not_found(f"schedule {schedule}")
            await session.crons.remove(owner, row.worker, str(row.id))
