"""Workers held in memory, found by id, name or host: for whoever serves without a database, as benchmarks and tests do.

The runner's own resolver is ``resolution.py``. Must not know how deployments are made.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from runner.errors import NotResolvedError
from runner.pages import Listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.deployments import Deployment
    from runner.events.fetch import Request
    from runner.pages import Pages


class WorkerTable:
    """The workers that are served. They may be replaced at any time; running executions keep theirs."""

    def __init__(self, domains: Iterable[str], pages: Pages | None = None) -> None:
        self._suffixes = tuple(f".{domain}" for domain in domains)
        self._domains = frozenset(domains)
        self._pages = pages
        self._by_id: dict[str, Deployment] = {}
        self._by_name: dict[str, Deployment] = {}

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        return tuple(self._by_name.values())

    def put(self, deployment: Deployment) -> None:
        """Serve a deployment from now on, instead of its worker's former one."""
        self._by_id[deployment.worker] = deployment
        self._by_name[deployment.name.lower()] = deployment

    def remove(self, name: str) -> None:
        deployment = self._by_name.pop(name.lower(), None)
        if deployment is not None:
            del self._by_id[deployment.worker]

    async def resolve(self, request: Request) -> Deployment:
        """Return the deployment that a request is for: ``x-worker-id``, ``x-worker-name``, then the host.

        Raises
        ------
        NotResolvedError
            It names none, or one that is not here. An id or a name that is wrong never falls through to the next way.

        """
        if request.worker_id:
            return self._of_id(request.worker_id)
        if request.worker_name:
            return self._of_name(request.worker_name)
        if name := self._name_in(request.host):
            return self._of_name(name)
        raise NotResolvedError(
            502,
            f"no worker is addressed: {request.host} is not below a worker domain, and there is no x-worker-name header",
        )

    async def worker(self, worker_id: str) -> Deployment:
        """Return the deployment of the worker with this id.

        Raises
        ------
        NotResolvedError
            There is none.

        """
        return self._of_id(worker_id)

    def page(self, request: Request) -> tuple[int, str, bytes] | None:
        """Return the runner's own answer to a request that addresses no worker."""
        if (
            self._pages is None
            or request.worker_id
            or request.worker_name
            or self._name_in(request.host)
        ):
            return None
        listed = [Listed(one.worker, one.name) for one in self.deployments]
        return self._pages.answer(request, listed)

    def _of_id(self, text: str) -> Deployment:
        try:
            key = str(uuid.UUID(text))
        except ValueError:
            raise NotResolvedError(400, "x-worker-id is no UUID") from None
        deployment = self._by_id.get(key)
        if deployment is None:
            raise NotResolvedError(502, f"there is no worker with the id {key}")
        return deployment

    def _of_name(self, name: str) -> Deployment:
        deployment = self._by_name.get(name.lower())
        if deployment is None:
            raise NotResolvedError(502, f"there is no worker named {name[:64]!r}")
        return deployment

    def _name_in(self, host: str) -> str:
        """Return what stands before a worker domain; ports do not count, nor does a dot at the end."""
        if host.startswith("["):
            return ""
        plain = host.partition(":")[0].rstrip(".").lower()
        for suffix in self._suffixes:
            if plain.endswith(suffix):
                return plain.removesuffix(suffix)
        return ""
