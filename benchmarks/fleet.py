"""A runner without a front door: hosts, lanes and dispatch as in production, in this process.

Workers are deployed to it as text. Must not know what is measured.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.processes import CpuMeter, own_meter, rss_bytes
from pools.protocol import Mode
from runner.app import Runner
from runner.config import load_settings
from runner.deployments import make_deployment, make_limits
from runner.journal import Silence
from runner.snapshots import open_snapshot
from runner.telemetry.observer import UNOBSERVED
from runner.tuning import collect_rarely, schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.deployments import Deployment
    from runner.telemetry.observer import Observer

_FOLDER = Path(__file__).parent
"""No ``.env`` is there: a benchmark must not take one from where it happens to be started."""


class Fleet:
    """Isolate hosts and what drives them; ``async with`` starts them.

    Parameters
    ----------
    mode, lanes
        As in ``V8_EXECUTE`` and ``WORKER_POOL_SIZE``. POOLED gets one host for all lanes, the others one for each.
    warm
        ``CONTEXT_REUSE=warm``.
    in_flight
        For how many executions at once there has to be room in the lanes' queues.
    observer
        Who looks on; nobody unless that is what is measured.

    """

    def __init__(
        self,
        mode: Mode,
        *,
        lanes: int,
        warm: bool = False,
        in_flight: int = 64,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.settings = load_settings(
            {
                **os.environ,
                "V8_EXECUTE": mode,
                "WORKER_POOL_SIZE": f"{lanes}",
                "CONTEXT_REUSE": "warm" if warm else "off",
                "ISOLATE_QUEUE_SIZE": f"{in_flight}",
            },
            _FOLDER,
        )
        self.runner = Runner(self.settings, Silence(), observer=observer)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        # Once before many hosts want it at the same time.
        os.close(open_snapshot(self.settings))
        await self._stack.enter_async_context(self.runner)
        collect_rarely()
        schedule(self.settings.scheduling)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    @property
    def host_pids(self) -> list[int]:
        return [host.pid for host in self.runner.supervisor.hosts]

    def deploy(self, source: str, tenants: int = 1) -> list[Deployment]:
        """Return the deployments of one program by so many tenants."""
        settings = self.settings
        limits = make_limits(
            cpu_ms=settings.cpu_time_limit_ms,
            wall_ms=settings.wall_clock_timeout_ms,
            ops=settings.op_limits,
        )
        return [
            make_deployment(
                tenant=f"tenant-{number}",
                worker=f"worker-{number}",
                name=f"worker-{number}",
                main="main.js",
                files={"main.js": source},
                variables={},
                limits=limits,
                warm=settings.context_reuse == "warm",
            )
            for number in range(tenants)
        ]

    def rss_bytes(self) -> int:
        """Return the resident size of all hosts together."""
        return sum(map(rss_bytes, self.host_pids))

    def meters(self) -> tuple[CpuMeter, CpuMeter]:
        """Return meters of this process (runner and load) and of the hosts."""
        return own_meter(), CpuMeter(self.host_pids)


async def open_fleets(stack: AsyncExitStack, fleets: Sequence[Fleet]) -> None:
    """Start fleets one after another, to be ended with ``stack``."""
    for fleet in fleets:
        await stack.enter_async_context(fleet)
