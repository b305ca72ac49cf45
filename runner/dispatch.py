"""Chooses the lane of an execution and starts it there.

PINNED keeps a tenant on few lanes, where its isolates are warm: every tenant has an order of the lanes of its own, and
leaves its first one only when that has clearly more to do than another. POOLED and ONESHOT take the least busy lane.
Must not know events, HTTP or what an execution does.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from pools.protocol import Mode
from runner.errors import BusyError
from runner.events.context import NO_CONTEXT

if TYPE_CHECKING:
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.execution import Execution
    from runner.lane_client import LaneClient
    from runner.supervisor import Supervisor

# How much more than the least busy lane a tenant's own may have in flight.
_AFFINITY_SLACK: Final = 2
_MAX_REMEMBERED: Final = 10_000


class Dispatcher:
    """Starts executions on the supervisor's lanes."""

    def __init__(
        self,
        supervisor: Supervisor,
        mode: Mode,
        wait_timeout_ms: int,
        isolates_per_tenant: int = 10,
    ) -> None:
        self._supervisor = supervisor
        self._pinned = mode is Mode.PINNED
        self._wait_timeout_s = wait_timeout_ms / 1000
        self._isolates_per_tenant = isolates_per_tenant
        self._homes: dict[str, LaneClient] = {}
        self._lanes: tuple[LaneClient, ...] = ()
        self._turn = 0

    @property
    def serves(self) -> bool:
        """Whether there is a lane."""
        return bool(self._supervisor.lanes)

    async def serving(self) -> None:
        """Wait until a lane serves: after a crash there may be none for a moment.

        Raises
        ------
        BusyError
            None does in time.

        """
        if not self._supervisor.lanes and not await self._supervisor.serving(self._wait_timeout_s):
            raise BusyError("no isolate host is running", retry_after_s=2)

    def start(
        self,
        deployment: Deployment,
        event: bytes,
        attachments: list[bytes] | None = None,
        *,
        streamed_body: bool = False,
        avoid: Execution | None = None,
        context: EventContext = NO_CONTEXT,
    ) -> Execution:
        """Start an execution, not on the lane of ``avoid`` if there is another.

        Raises
        ------
        BusyError
            No lane serves at this moment.

        """
        lane = self._choose(deployment.tenant, avoid)
        return lane.start(
            deployment, event, attachments or [], streamed_body=streamed_body, context=context
        )

    def _choose(self, tenant: str, avoid: Execution | None) -> LaneClient:
        lanes = self._supervisor.lanes
        if not lanes:
            raise BusyError("no isolate host is running")
        if len(lanes) == 1:
            return lanes[0]
        if avoid is not None:
            lanes = tuple(lane for lane in lanes if lane.name != avoid.lane_name) or lanes
        least = self._least_busy(lanes)
        found = least
        if self._pinned and avoid is None:
            home = self._home(tenant, lanes)
            if len(home.running) <= len(least.running) + _AFFINITY_SLACK:
                found = home
        if len(found.running) < self._isolates_per_tenant:
            return found
        return self._with_room(tenant, found, lanes)

    def _with_room(
        self, tenant: str, wanted: LaneClient, lanes: tuple[LaneClient, ...]
    ) -> LaneClient:
        """Return a lane where the tenant need not wait for an isolate of its own, the wanted one if possible.

        Whoever waits in a lane while its caller holds an isolate there may wait in vain.
        """
        for lane in (wanted, *sorted(lanes, key=lambda lane: len(lane.running))):
            of_tenant = sum(
                execution.deployment.tenant == tenant for execution in lane.running.values()
            )
            if of_tenant < self._isolates_per_tenant:
                return lane
        return wanted

    def _least_busy(self, lanes: tuple[LaneClient, ...]) -> LaneClient:
        # Starting at another lane each time spreads what is equally busy.
        self._turn = turn = (self._turn + 1) % len(lanes)
        least = lanes[turn]
        busy = len(least.running)
        for lane in lanes:
            if len(lane.running) < busy:
                least, busy = lane, len(lane.running)
        return least

    def _home(self, tenant: str, lanes: tuple[LaneClient, ...]) -> LaneClient:
        if lanes is not self._lanes:
            # A host was replaced: lanes keep their names, so tenants find the same ones again.
            self._lanes, self._homes = lanes, {}
        home = self._homes.get(tenant)
        if home is None:
            if len(self._homes) >= _MAX_REMEMBERED:
                self._homes.clear()
            home = self._homes[tenant] = max(lanes, key=lambda lane: _weight(tenant, lane.name))
        return home


def _weight(tenant: str, lane: str) -> bytes:
    """Rendezvous hashing: losing a lane moves only the tenants that were on it."""
    return hashlib.blake2b(f"{tenant}\n{lane}".encode(), digest_size=8).digest()
