"""``/admin``: what runs, how hosts and pools do, and the end of it all. Keys are those of the statistics themselves.

Must not know how a runner drains; it is told to.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from pools.protocol import LaneStats
from runner.api.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.admission import Admission
    from runner.supervisor import Supervisor


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the answers below ``/admin``."""


class RunningExecution(Answer, frozen=True, kw_only=True):
    """One execution in flight."""

    tenant: str
    worker: str
    worker_id: str
    version: int
    event: str
    request_id: str
    lane: str
    running_ms: float


class Tasks(Answer, frozen=True, kw_only=True):
    """What runs now, the oldest first."""

    active_tasks: int
    executions: list[RunningExecution]


class HostStats(Answer, frozen=True, kw_only=True):
    """One isolate host."""

    name: str
    pid: int
    rss_bytes: int
    lanes: int


class Stats(Answer, frozen=True, kw_only=True):
    """The runner as a whole."""

    state: str
    draining: bool
    active_tasks: int
    admitted: int
    """Requests that run or wait."""
    lanes: int
    hosts: list[HostStats]
    hosts_replaced: int
    v8_version: str
    sandbox: str


class LanePool(Answer, frozen=True, kw_only=True):
    """One lane's isolates."""

    name: str
    in_flight: int
    stats: dict[str, int]


class Pool(Answer, frozen=True, kw_only=True):
    """The isolates of all lanes. Hosts tell every second; what is counted began with each host."""

    mode: str
    total_requests: int
    cache_hits: int
    cache_misses: int
    hit_rate: float
    """How many of a hundred executions found an isolate of their tenant."""
    isolates: int
    isolates_idle: int
    lanes: list[LanePool]


class DrainAnswer(Answer, frozen=True, kw_only=True):
    """Draining has begun."""

    draining: bool
    active_tasks: int


class Administration:
    """Looks at a runner's parts; ``drain()`` makes it end as a signal does."""

    def __init__(
        self,
        supervisor: Supervisor,
        admission: Admission,
        mode: str,
        state: Callable[[], str],
        drain: Callable[[], None],
    ) -> None:
        self._supervisor = supervisor
        self._admission = admission
        self._mode = mode
        self._state = state
        self._drain = drain

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/admin/tasks", self.tasks),
            Endpoint("GET", "/admin/stats", self.stats),
            Endpoint("GET", "/admin/pool", self.pool),
            Endpoint("POST", "/admin/drain", self.drain, status=202),
        ]

    async def tasks(self) -> Tasks:
        """List the executions in flight."""
        now = asyncio.get_running_loop().time()
        running = sorted(self._supervisor.executions(), key=lambda execution: execution.started)
        executions = [
            RunningExecution(
                tenant=execution.deployment.tenant,
                worker=execution.deployment.name,
                worker_id=execution.deployment.worker,
                version=execution.deployment.version,
                event=execution.context.kind,
                request_id=execution.context.request_id,
                lane=execution.lane_name,
                running_ms=round((now - execution.started) * 1000, 1),
            )
            for execution in running
        ]
        return Tasks(active_tasks=len(executions), executions=executions)

    async def stats(self) -> Stats:
        """Tell how the runner and its isolate hosts do."""
        supervisor, about = self._supervisor, self._supervisor.about
        return Stats(
            state=self._state(),
            draining=self._admission.draining,
            active_tasks=len(supervisor.executions()),
            admitted=self._admission.total,
            lanes=len(supervisor.lanes),
            hosts=[
                HostStats(
                    name=host.name, pid=host.pid, rss_bytes=host.rss_bytes, lanes=len(host.lanes)
                )
                for host in sorted(supervisor.hosts, key=lambda host: host.name)
            ],
            hosts_replaced=supervisor.replaced,
            v8_version=about.v8_version if about else "",
            sandbox=about.sandbox if about else "",
        )

    async def pool(self) -> Pool:
        """Tell how the pools of isolates do."""
        lanes = [
            (lane, stats)
            for host in self._supervisor.hosts
            for lane, stats in zip(host.lanes, host.stats, strict=False)
        ]
        all_stats = [stats for _, stats in lanes]
        hits = sum(stats.pool_hits for stats in all_stats)
        misses = sum(stats.pool_misses for stats in all_stats)
        return Pool(
            mode=self._mode,
            total_requests=hits + misses,
            cache_hits=hits,
            cache_misses=misses,
            hit_rate=round(100 * hits / (hits + misses), 2) if hits + misses else 0.0,
            isolates=sum(stats.isolates for stats in all_stats),
            isolates_idle=sum(stats.isolates_idle for stats in all_stats),
            lanes=[
                LanePool(name=lane.name, in_flight=lane.in_flight, stats=_counters(stats))
                for lane, stats in lanes
            ],
        )

    async def drain(self) -> DrainAnswer:
        """Take nothing new, let what runs finish, then end the process, as SIGTERM does."""
        self._drain()
        return DrainAnswer(draining=True, active_tasks=len(self._supervisor.executions()))


def _counters(stats: LaneStats) -> dict[str, int]:
    return {name: getattr(stats, name) for name in stats.__struct_fields__}
