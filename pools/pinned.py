"""PINNED: every lane has isolates of its own, by tenant. No lock, no other thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pools.base import IdleShelf, PoolCounters, Population, TenantIsolate

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.base import Waiter
    from pools.v8.isolate import Isolate


class PinnedPool:
    """A lane's isolates.

    Acquire: the tenant's idle isolate → a new one → in place of the least recently used idle one → wait.
    """

    def __init__(
        self, make_isolate: Callable[[], Isolate], capacity: int, max_per_tenant: int
    ) -> None:
        self.counters = PoolCounters()
        self._make_isolate = make_isolate
        self._population = Population(capacity, max_per_tenant)
        self._shelf = IdleShelf()
        self._unprepared: TenantIsolate | None = None

    def acquire(self, tenant: str, worker: str, lane: Waiter) -> TenantIsolate | None:
        """Return an isolate of the tenant, or None; the lane tries again after each release."""
        held = self._shelf.take(tenant)
        if held is not None:
            self.counters.hits += 1
            return held
        if self._population.is_full_for(tenant):
            return None
        if self._population.is_full():
            oldest = self._shelf.evict()
            if oldest is None:
                return None
            self.counters.evicted += 1
            self._forget(oldest)
        self.counters.misses += 1
        made = TenantIsolate(self._make_isolate(), tenant, tenant)
        self.counters.created += 1
        self._population.add(tenant)
        return made

    def release(self, held: TenantIsolate, *, healthy: bool) -> None:
        """Take an isolate back."""
        if not healthy:
            self._forget(held)
            return
        self._shelf.put(held)
        if held.spare is None:
            self._unprepared = held

    def prepare_one(self) -> bool:
        """Make a context for the isolate that was released last."""
        held, self._unprepared = self._unprepared, None
        if held is None or held.spare is not None or not held.isolate.pointer:
            return False
        held.prepare()
        self.counters.prepared += 1
        return True

    def relieve_one(self, idle_since_ns: int) -> bool:
        """Collect the garbage of one isolate that has been idle that long."""
        held = self._shelf.find(lambda idle: idle.dirty and idle.last_used_ns < idle_since_ns)
        if held is None:
            return False
        held.relieve()
        self._shelf.put_back(held)
        return True

    def size(self) -> tuple[int, int]:
        """Return how many isolates there are, and how many of them are idle."""
        return self._population.count, self._shelf.count

    def _forget(self, held: TenantIsolate) -> None:
        self._population.remove(held.tenant)
        self._shelf.forget(held.key)
        self.counters.disposed += 1
        held.dispose()
