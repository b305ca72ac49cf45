"""What the three pooling modes share: isolates with an owner, and the shelf of idle ones."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from cachetools import LRUCache

from pools.v8.isolate import Isolate
from pools.v8.realm import Realm

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.v8.modules import ModuleGraph

MAX_WARM_REALMS: Final = 10
"""Contexts kept per isolate by ``CONTEXT_REUSE=warm``."""


class WarmRealm:
    """A context that has ended an execution and may run the next one of its deployment."""

    __slots__ = ("modules", "realm")

    def __init__(self, realm: Realm, modules: ModuleGraph) -> None:
        self.realm = realm
        self.modules = modules


class TenantIsolate:
    """An isolate and its owner for life, with what is kept for its next execution."""

    __slots__ = ("dirty", "isolate", "key", "last_used_ns", "spare", "tenant", "warm")

    def __init__(self, isolate: Isolate, tenant: str, key: str) -> None:
        self.isolate = isolate
        self.tenant = tenant
        self.key = key
        self.spare: Realm | None = None
        self.warm: dict[str, WarmRealm] = {}
        self.last_used_ns = 0
        self.dirty = False
        """It has run since its garbage was last collected on purpose."""

    def take_realm(self) -> Realm:
        """Return the prepared context, or make one; the isolate must be entered."""
        realm, self.spare = self.spare, None
        return realm if realm is not None else Realm(self.isolate)

    def prepare(self) -> None:
        """Make the next context ahead of its execution."""
        self.isolate.enter()
        realm = Realm(self.isolate)
        realm.keep()
        self.spare = realm
        self.isolate.leave()

    def keep_warm(self, deployment: str, warm: WarmRealm) -> None:
        """Keep a context for the deployment's next execution; the isolate must be entered."""
        if len(self.warm) >= MAX_WARM_REALMS:
            oldest = self.warm.pop(next(iter(self.warm)))
            oldest.modules.close()
            oldest.realm.close()
        self.warm[deployment] = warm

    def relieve(self) -> None:
        """Give back memory that a burst left behind."""
        self.dirty = False
        self.isolate.enter()
        self.isolate.relieve()
        self.isolate.leave()

    def dispose(self) -> None:
        """End the isolate; contexts and handles go with it."""
        self.isolate.dispose()


class PoolCounters:
    """Counters of a pool since its start; single increments, so that threads need no lock."""

    __slots__ = ("created", "disposed", "evicted", "hits", "misses", "prepared")

    def __init__(self) -> None:
        self.created = 0
        self.disposed = 0
        self.evicted = 0
        self.hits = 0
        self.misses = 0
        self.prepared = 0


class Population:
    """How many isolates a pool has, in all and of each tenant; for one thread, or under a lock."""

    def __init__(self, capacity: int, max_per_tenant: int) -> None:
        self._capacity = capacity
        self._max_per_tenant = max_per_tenant
        self._per_tenant: Counter[str] = Counter()
        self.count = 0

    def is_full(self) -> bool:
        """Whether there may be no more at all."""
        return self.count >= self._capacity

    def is_full_for(self, tenant: str) -> bool:
        """Whether there may be no more of this tenant."""
        return self._per_tenant[tenant] >= self._max_per_tenant

    def add(self, tenant: str) -> None:
        """Count one more."""
        self.count += 1
        self._per_tenant[tenant] += 1

    def remove(self, tenant: str) -> None:
        """Count one less."""
        self.count -= 1
        self._per_tenant[tenant] -= 1
        if not self._per_tenant[tenant]:
            del self._per_tenant[tenant]


class IsolatePool(Protocol):
    """A pooling mode."""

    counters: PoolCounters

    def acquire(self, tenant: str, worker: str, lane: Waiter) -> TenantIsolate | None:
        """Return an isolate for the tenant's sole use, or None: the lane is told when to try again."""
        ...

    def release(self, held: TenantIsolate, *, healthy: bool) -> None:
        """Take an isolate back; one that is not healthy is disposed."""
        ...

    def prepare_one(self) -> bool:
        """Do a piece of work ahead of time; False when there is none."""
        ...

    def relieve_one(self, idle_since_ns: int) -> bool:
        """Collect the garbage of one isolate that has been idle that long; False when there is none."""
        ...

    def size(self) -> tuple[int, int]:
        """Return how many isolates there are, and how many of them are idle."""
        ...


class Waiter(Protocol):
    """Whoever waits for an isolate."""

    def isolate_freed(self) -> None:
        """Try again; from any thread."""
        ...


class IdleShelf:
    """Idle isolates by key, least recently used keys first out; for one thread, or under a lock.

    A key stays when its last isolate is taken, since it mostly comes back; :meth:`forget` it when it has none at all.
    """

    def __init__(self) -> None:
        self._order: LRUCache[str, list[TenantIsolate]] = LRUCache(maxsize=float("inf"))
        self._by_key: dict[str, list[TenantIsolate]] = {}
        """The same lists: looking at them here leaves the order alone."""
        self._evicting: list[TenantIsolate] = []
        """The list that the last eviction was from, unless its key was used since."""
        self.count = 0

    def put(self, held: TenantIsolate) -> None:
        """Add an isolate that became idle."""
        held.last_used_ns = time.monotonic_ns()
        held.dirty = True
        self.put_back(held)

    def put_back(self, held: TenantIsolate) -> None:
        """Add an isolate that :meth:`find` removed and nobody has used."""
        key = held.key
        idle = self._order.get(key)  # and now it is the most recently used one
        if idle is None:
            self._order[key] = self._by_key[key] = [held]
        else:
            if idle is self._evicting:
                self._evicting = []
            idle.append(held)
        self.count += 1

    def take(self, key: str) -> TenantIsolate | None:
        """Remove and return the key's isolate that was used last."""
        idle = self._by_key.get(key)
        if not idle:
            return None
        self.count -= 1
        return idle.pop()

    def evict(self) -> TenantIsolate | None:
        """Remove and return an isolate of the least recently used key."""
        if not self.count:
            return None
        while not self._evicting:
            key, idle = self._order.popitem()
            if not idle:
                del self._by_key[key]
                continue
            # Back into the cache, which takes it for just used: what is left of it goes first all the same.
            self._order[key] = self._evicting = idle
        self.count -= 1
        return self._evicting.pop(0)

    def find(self, wanted: Callable[[TenantIsolate], bool]) -> TenantIsolate | None:
        """Remove and return an isolate that is wanted."""
        for idle in self._by_key.values():
            for index, held in enumerate(idle):
                if wanted(held):
                    self.count -= 1
                    return idle.pop(index)
        return None

    def forget(self, key: str) -> None:
        """Drop a key without idle isolates."""
        if self._by_key.get(key) == []:
            del self._by_key[key], self._order[key]
