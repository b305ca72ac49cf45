"""The Cache API's entries: bounds, ages, and that no tenant sees another's."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest

from runner.cache.freshness import lifetime_s
from runner.cache.store import MAX_ENTRIES, MAX_NAMES, CacheStore, Query
from runner.ops.cache import Caches

if TYPE_CHECKING:
    from runner.cache.store import Headers

URL = "https://a.test/"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def put(
    store: CacheStore,
    tenant: str = "t",
    url: str = URL,
    body: bytes = b"x",
    headers: Headers | None = None,
    cache: str | None = None,
) -> bool:
    return store.put(tenant, cache, Query(url, []), (200, "", url, headers or [], body))


def bodies(store: CacheStore, tenant: str = "t", url: str = URL) -> list[bytes | None]:
    return [kept.body for kept in store.find(tenant, None, Query(url, []))]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], inf),
        ([("Cache-Control", "max-age=60")], 60),
        ([("cache-control", "public, S-MaxAge=5, max-age=60")], 5),
        ([("cache-control", 'max-age="7"')], 7),
        ([("cache-control", "max-age=60"), ("cache-control", "no-store")], 0),
        ([("cache-control", "private")], 0),
        ([("cache-control", "max-age=-1")], 0),
        ([("cache-control", "max-age=²")], 0),
        ([("cache-control", "max-age=" + "9" * 400)], 999_999_999_999),
        ([("cache-control", "public")], inf),
        ([("expires", "Thu, 01 Jan 1970 00:01:40 GMT")], 90),
        ([("expires", "0")], 0),
        ([("expires", "Thu, 01 Jan 1970 00:00:01 GMT")], 0),
        ([("expires", "0"), ("cache-control", "max-age=1")], 1),
    ],
)
def test_lifetimes(headers: Headers, seconds: float) -> None:
    """Directives win over dates, and what can not be read is not kept."""
    assert lifetime_s(headers, 10.0) == seconds


def test_tenants_are_apart() -> None:
    """The same URL in the same cache is another entry for each tenant, whatever one of them does."""
    store = CacheStore(1 << 20, 1 << 19)
    put(store, "one", body=b"1")
    put(store, "two", body=b"2")
    assert (bodies(store, "one"), bodies(store, "two"), bodies(store, "three")) == (
        [b"1"],
        [b"2"],
        [],
    )
    assert store.open("one", "name")
    assert (store.names("one"), store.names("two")) == (["name"], [])
    assert store.delete("one", None, None)
    assert bodies(store, "two") == [b"2"]


def test_what_is_too_old_is_gone() -> None:
    clock = Clock()
    store = CacheStore(1 << 20, 1 << 19, clock)
    put(store, headers=[("cache-control", "max-age=10")])
    clock.now += 9.9
    assert bodies(store) == [b"x"]
    clock.now += 0.1
    assert bodies(store) == []
    assert store.size == 0


def test_a_tenant_loses_what_it_used_longest_ago() -> None:
    """Its bound of bytes holds, and what was read counts as used."""
    store = CacheStore(1 << 20, 5000)
    for number in range(3):
        put(store, url=f"{URL}{number}", body=bytes(900))
    assert bodies(store, url=f"{URL}0")
    put(store, url=f"{URL}3", body=bytes(900))
    there = [number for number in range(4) if bodies(store, url=f"{URL}{number}")]
    assert there == [0, 2, 3]
    assert store.size <= 5000
    assert not put(store, url=f"{URL}4", body=bytes(2500))
    assert bodies(store, url=f"{URL}4") == []


def test_all_tenants_together_have_a_bound() -> None:
    store = CacheStore(5000, 4000)
    for tenant in "abcdef":
        put(store, tenant, body=bytes(900))
    assert store.size <= 5000
    assert [tenant for tenant in "abcdef" if bodies(store, tenant)] == ["d", "e", "f"]


def test_entries_and_names_have_a_number() -> None:
    store = CacheStore(1 << 24, 1 << 24)
    for number in range(MAX_ENTRIES + 5):
        put(store, url=f"{URL}{number}")
    assert len(store.find("t", None, None)) == MAX_ENTRIES
    assert all(store.open("t", f"{number}") for number in range(MAX_NAMES))
    assert not store.open("t", "more")
    assert store.open("t", "0")


def test_a_cache_that_is_dropped_takes_its_entries() -> None:
    store = CacheStore(1 << 20, 1 << 19)
    put(store, cache="c")
    assert store.names("t") == ["c"]
    assert store.drop("t", "c")
    assert not store.drop("t", "c")
    assert (store.size, store.names("t")) == (0, [])


def test_nothing_is_kept_without_room() -> None:
    """A bound of 0 switches the cache off."""
    store = CacheStore(0, 0)
    assert not put(store)
    assert Caches(store) is not None
    assert store.size == 0
