"""A runner with its front door in this process, and workers of several tenants: what ``isolane dev``, which has one, can not show.

Must not know what is measured.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from benchmarks.processes import CpuMeter
from benchmarks.worker_table import WorkerTable
from runner.app import Runner, make_http
from runner.config import Address, load_settings
from runner.deployments import make_deployment, make_limits, worker_id
from runner.ingress.server import bind
from runner.journal import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.deployments import Deployment
    from runner.events.fetch import Request

_FOLDER = Path(__file__).parent
"""No ``.env`` is there."""
DOMAIN: Final = "workers.rocks"


class _Table(WorkerTable):
    """The workers; a request for an address and not for a name goes to the one that is at home there."""

    at_home = ""

    async def resolve(self, request: Request) -> Deployment:
        if request.host.startswith("127.0.0.1"):
            request.worker_name = self.at_home
        return await super().resolve(request)


class Front:
    """The runner; ``async with`` starts it. ``settings`` are variables of the environment."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = load_settings({**os.environ, **settings}, _FOLDER)
        self.runner = Runner(self._settings, Silence())
        self.table = _Table([DOMAIN])
        self.calls = self.runner.make_calls(self.table)
        self._stack = AsyncExitStack()
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.runner)
        sock = self._stack.enter_context(bind(Address("127.0.0.1", 0)))
        self.port = sock.getsockname()[1]
        server = make_http(self.calls, self.table, ["loopback"], sock)
        await server.start()
        self._stack.push_async_callback(server.close)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def serve(self, tenant: str, name: str, source: str, **variables: str) -> None:
        """Deploy a program as the worker of a tenant."""
        settings = self._settings
        limits = make_limits(
            cpu_ms=settings.cpu_time_limit_ms,
            wall_ms=settings.wall_clock_timeout_ms,
            ops=settings.op_limits,
        )
        self.table.put(
            make_deployment(
                tenant=tenant,
                worker=worker_id(tenant, name),
                name=name,
                main="main.js",
                files={"main.js": source},
                variables=variables,
                limits=limits,
                warm=settings.context_reuse == "warm",
            )
        )

    def meter(self) -> CpuMeter:
        """Return a meter of this process and the hosts."""
        return CpuMeter([os.getpid(), *(host.pid for host in self.runner.supervisor.hosts)])
