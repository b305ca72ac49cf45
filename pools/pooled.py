"""POOLED: all lanes of a host share isolates, by worker, behind a mutex.

The lock is held to decide, never to make, dispose or enter an isolate.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pools.base import IdleShelf, PoolCounters, Population, TenantIsolate
from pools.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.base import Waiter
    from pools.v8.isolate import Isolate


class PooledPool:
    """The host's isolates: one LRU for all lanes."""

    def __init__(
        self, make_isolate: Callable[[], Isolate], capacity: int, max_per_tenant: int
    ) -> None:
        self.counters = PoolCounters()
        self._make_isolate = make_isolate
        self._population = Population(capacity, max_per_tenant)
        self._lock = threading.Lock()
        self._shelf = IdleShelf()
        self._waiters: list[Waiter] = []
        self._unprepared: list[str] = []

    def acquire(self, tenant: str, worker: str, lane: Waiter) -> TenantIsolate | None:
        """Return an isolate that last ran the worker, or a new one; None: the lane will be called."""
        key = f"{tenant}\0{worker}"
        evicted: TenantIsolate | None = None
        with self._lock:
            held = self._shelf.take(key)
            if held is not None:
                self.counters.hits += 1
                return held
            room = not self._population.is_full_for(tenant)
            if room and self._population.is_full():
                evicted = self._shelf.evict()
                room = evicted is not None
            elif not room:
                # The tenant's other workers may hold idle isolates.
                evicted = self._shelf.find(lambda idle: idle.tenant == tenant)
                room = evicted is not None
            if not room:
                if lane not in self._waiters:
                    self._waiters.append(lane)
                return None
            if evicted is not None:
                self.counters.evicted += 1
                self._uncount(evicted)
            self.counters.misses += 1
            # Its place is taken before it is made, which is done without the lock.
            self._population.add(tenant)
        if evicted is not None:
            evicted.dispose()
        try:
            made = TenantIsolate(self._make_isolate(), tenant, key)
        except EngineError:
            with self._lock:
                self._population.remove(tenant)
            raise
        self.counters.created += 1
        return made

    def release(self, held: TenantIsolate, *, healthy: bool) -> None:
        """Take an isolate back, and wake who waits for one."""
        with self._lock:
            if healthy:
                self._shelf.put(held)
                if held.spare is None and held.key not in self._unprepared:
                    self._unprepared.append(held.key)
                    del self._unprepared[:-8]
            else:
                self._uncount(held)
            waiters, self._waiters = self._waiters, []
        if not healthy:
            held.dispose()
        for waiter in waiters:
            waiter.isolate_freed()

    def prepare_one(self) -> bool:
        """Make a context for an isolate that was released lately."""
        with self._lock:
            held = self._shelf.take(self._unprepared.pop()) if self._unprepared else None
        if held is None:
            return False
        prepared = held.spare is None
        if prepared:
            held.prepare()
            self.counters.prepared += 1
        with self._lock:
            self._shelf.put_back(held)
        return prepared

    def relieve_one(self, idle_since_ns: int) -> bool:
        """Collect the garbage of one isolate that has been idle that long."""
        with self._lock:
            held = self._shelf.find(lambda idle: idle.dirty and idle.last_used_ns < idle_since_ns)
        if held is None:
            return False
        held.relieve()
        with self._lock:
            self._shelf.put_back(held)
        return True

    def size(self) -> tuple[int, int]:
        """Return how many isolates there are, and how many of them are idle."""
        return self._population.count, self._shelf.count

    def _uncount(self, held: TenantIsolate) -> None:
        self.counters.disposed += 1
        self._shelf.forget(held.key)
        self._population.remove(held.tenant)
