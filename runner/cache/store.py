"""Entries of all tenants, each tenant's apart, under bounds of bytes and of number.

What was used longest ago goes first: a tenant's own when it is over its bound, anybody's when all together are. Must not know
ops, nor what bodies mean.
"""

from __future__ import annotations

from collections import OrderedDict
from time import time
from typing import TYPE_CHECKING, Final, NamedTuple

from runner.cache.freshness import lifetime_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Headers = list[tuple[str, str]]

MAX_ENTRIES: Final = 1000
"""Of one tenant."""
MAX_NAMES: Final = 100
_OVERHEAD_BYTES: Final = 512


class Kept(NamedTuple):
    """A response, and what of its request counts."""

    url: str
    """Of the request."""
    varies: Headers
    """The request's headers that ``vary`` names, in lower case; an empty value stands for none."""
    status: int
    status_text: str
    response_url: str
    headers: Headers
    body: bytes | None
    expires_s: float

    @property
    def size(self) -> int:
        """Bytes, about."""
        texts = sum(len(name) + len(value) for name, value in (*self.headers, *self.varies))
        return _OVERHEAD_BYTES + len(self.url) + texts + len(self.body or b"")


class Query(NamedTuple):
    """What is looked for."""

    url: str
    headers: Headers
    ignore_search: bool = False
    ignore_vary: bool = False

    def fits(self, kept: Kept) -> bool:
        if kept.url != self.url and not (
            self.ignore_search and kept.url.partition("?")[0] == self.url.partition("?")[0]
        ):
            return False
        return self.ignore_vary or kept.varies == varying(self.headers, kept.varies)


def varying(headers: Headers, names: Headers) -> Headers:
    """Return what ``headers`` say for each of ``names``."""
    return [(name, _value_of(headers, name)) for name, _ in names]


def _value_of(headers: Headers, name: str) -> str:
    return ", ".join(value for given, value in headers if given.lower() == name)


class _Place(NamedTuple):
    """Where an entry is. Two entries of a URL differ in what varies."""

    tenant: str
    cache: str | None
    url: str
    varies: tuple[tuple[str, str], ...]


class _Tenant:
    def __init__(self) -> None:
        self.places: OrderedDict[_Place, None] = OrderedDict()
        self.size = 0
        self.names: dict[str, None] = {}


class CacheStore:
    """All entries of this process. Sizes are bytes; ``clock`` gives seconds since the epoch."""

    def __init__(
        self, max_bytes: int, tenant_bytes: int, clock: Callable[[], float] = time
    ) -> None:
        self.max_bytes = max_bytes
        self.tenant_bytes = tenant_bytes
        self._clock = clock
        self._entries: OrderedDict[_Place, Kept] = OrderedDict()
        self._tenants: dict[str, _Tenant] = {}
        self._size = 0

    @property
    def max_entry_bytes(self) -> int:
        return self.tenant_bytes // 2

    @property
    def size(self) -> int:
        return self._size

    def find(self, tenant: str, cache: str | None, query: Query | None) -> list[Kept]:
        """Return what fits, or all; what was found counts as used."""
        found = list(self._fitting(tenant, cache, query))
        for place, _ in found:
            self._entries.move_to_end(place)
            self._tenants[tenant].places.move_to_end(place)
        return [kept for _, kept in found]

    def put(
        self,
        tenant: str,
        cache: str | None,
        query: Query,
        response: tuple[int, str, str, Headers, bytes | None],
    ) -> bool:
        """Keep a response in place of what is there for its request; false when its headers forbid to keep it."""
        self.delete(tenant, cache, query)
        status, status_text, url, headers, body = response
        now = self._clock()
        lifetime = lifetime_s(headers, now)
        if lifetime <= 0:
            return False
        names = [
            (part.strip().lower(), "")
            for part in _value_of(headers, "vary").split(",")
            if part.strip()
        ]
        varies = varying(query.headers, names)
        kept = Kept(query.url, varies, status, status_text, url, headers, body, now + lifetime)
        if kept.size > self.max_entry_bytes:
            return False
        owner = self._tenants.setdefault(tenant, _Tenant())
        place = _Place(tenant, cache, query.url, tuple(varies))
        self._remove(place)
        self._tenants[tenant] = owner
        self._entries[place] = kept
        owner.places[place] = None
        owner.size += kept.size
        self._size += kept.size
        if cache is not None:
            owner.names[cache] = None
        while owner.size > self.tenant_bytes or len(owner.places) > MAX_ENTRIES:
            self._remove(next(iter(owner.places)))
        while self._size > self.max_bytes:
            self._remove(next(iter(self._entries)))
        return True

    def delete(self, tenant: str, cache: str | None, query: Query | None) -> bool:
        """Forget what fits, or all; whether there was something."""
        places = [place for place, _ in self._fitting(tenant, cache, query)]
        for place in places:
            self._remove(place)
        return bool(places)

    # --- named caches ---------------------------------------------------------------------------------------------

    def open(self, tenant: str, name: str) -> bool:
        """Make a cache known; false when the tenant has too many."""
        owner = self._tenants.setdefault(tenant, _Tenant())
        if name not in owner.names and len(owner.names) >= MAX_NAMES:
            return False
        owner.names[name] = None
        return True

    def names(self, tenant: str) -> list[str]:
        """Return the names of a tenant's caches, in the order in which they were opened."""
        owner = self._tenants.get(tenant)
        return [] if owner is None else list(owner.names)

    def drop(self, tenant: str, name: str) -> bool:
        """Forget a cache with its entries; whether there was one."""
        self.delete(tenant, name, None)
        owner = self._tenants.get(tenant)
        if owner is None or name not in owner.names:
            return False
        del owner.names[name]
        return True

    # --- entries --------------------------------------------------------------------------------------------------

    def _fitting(
        self, tenant: str, cache: str | None, query: Query | None
    ) -> Iterator[tuple[_Place, Kept]]:
        owner = self._tenants.get(tenant)
        if owner is None:
            return
        now = self._clock()
        for place in tuple(owner.places):
            if place.cache != cache or (
                query is not None and not query.ignore_search and place.url != query.url
            ):
                continue
            kept = self._entries[place]
            if kept.expires_s <= now:
                self._remove(place)
            elif query is None or query.fits(kept):
                yield place, kept

    def _remove(self, place: _Place) -> None:
        kept = self._entries.pop(place, None)
        if kept is None:
            return
        owner = self._tenants[place.tenant]
        del owner.places[place]
        owner.size -= kept.size
        self._size -= kept.size
        if not owner.places and not owner.names:
            del self._tenants[place.tenant]
