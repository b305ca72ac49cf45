"""The shelf of idle isolates: last in, first out within a key; least recently used key first out."""

from typing import Any

from pools.base import IdleShelf, TenantIsolate


def held(key: str, name: str) -> TenantIsolate:
    """Return what the shelf holds, with a name in place of an isolate."""
    isolate: Any = name
    return TenantIsolate(isolate, key, key)


def name(found: TenantIsolate | None) -> object:
    """Return the name again."""
    return None if found is None else found.isolate


def filled() -> IdleShelf:
    """Return a shelf with a1, b1, a2, c1, put in this order."""
    shelf = IdleShelf()
    for key, number in ("a1", "b1", "a2", "c1"):
        shelf.put(held(key, key + number))
    return shelf


def test_the_isolate_used_last_is_taken_first() -> None:
    """Its caches are warm."""
    shelf = filled()
    assert [name(shelf.take("a")) for _ in range(3)] == ["a2", "a1", None]
    assert name(shelf.take("nobody")) is None
    assert shelf.count == 2


def test_the_key_used_longest_ago_is_evicted() -> None:
    """b was put before the second a; of a key the oldest isolate goes."""
    shelf = filled()
    assert [name(shelf.evict()) for _ in range(5)] == ["b1", "a1", "a2", "c1", None]
    assert shelf.count == 0


def test_a_key_without_idle_isolates_is_passed_over() -> None:
    """It keeps its place, but there is nothing of it to evict."""
    shelf = filled()
    assert name(shelf.take("b")) == "b1"
    assert name(shelf.evict()) == "a1"


def test_find_leaves_the_order_alone() -> None:
    """Looking for dirty ones is no use of them."""
    shelf = filled()
    found = shelf.find(lambda idle: name(idle) == "b1")
    assert found is not None
    assert shelf.find(lambda idle: name(idle) == "z") is None
    shelf.put_back(found)
    assert shelf.count == 4


def test_forget_drops_only_empty_keys() -> None:
    """A tenant whose isolates were all disposed leaves nothing behind."""
    shelf = filled()
    shelf.forget("a")
    assert name(shelf.take("a")) == "a2"
    shelf.take("b")
    shelf.forget("b")
    shelf.forget("b")
    assert [name(shelf.evict()) for _ in range(3)] == ["a1", "c1", None]
