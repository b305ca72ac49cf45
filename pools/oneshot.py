"""ONESHOT: an isolate per execution, made for it and disposed after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pools.base import PoolCounters, Population, TenantIsolate

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.base import Waiter
    from pools.v8.isolate import Isolate


class OneshotPool:
    """A lane's isolates in use, and one that is made ahead while the lane is idle.

    The one made ahead has run nothing and belongs to no tenant yet.
    """

    def __init__(
        self, make_isolate: Callable[[], Isolate], capacity: int, max_per_tenant: int
    ) -> None:
        self.counters = PoolCounters()
        self._make_isolate = make_isolate
        self._population = Population(capacity, max_per_tenant)
        self._spare: TenantIsolate | None = None

    def acquire(self, tenant: str, worker: str, lane: Waiter) -> TenantIsolate | None:
        """Return an isolate that has run nothing, or None; the lane tries again after each release."""
        if self._population.is_full() or self._population.is_full_for(tenant):
            return None
        held, self._spare = self._spare, None
        if held is None:
            self.counters.misses += 1
            held = self._make(tenant)
        else:
            self.counters.hits += 1
            held.tenant = held.key = tenant
        self._population.add(tenant)
        return held

    def release(self, held: TenantIsolate, *, healthy: bool) -> None:
        """Dispose the isolate."""
        self._population.remove(held.tenant)
        self.counters.disposed += 1
        held.dispose()

    def prepare_one(self) -> bool:
        """Make the next isolate and its context."""
        if self._spare is not None:
            return False
        self._spare = self._make("")
        self._spare.prepare()
        self.counters.prepared += 1
        return True

    def relieve_one(self, idle_since_ns: int) -> bool:
        """Return False: nothing outlives its execution."""
        return False

    def size(self) -> tuple[int, int]:
        """Return how many isolates there are, and how many of them are idle."""
        spare = 0 if self._spare is None else 1
        return self._population.count + spare, spare

    def _make(self, tenant: str) -> TenantIsolate:
        made = TenantIsolate(self._make_isolate(), tenant, tenant)
        self.counters.created += 1
        return made
