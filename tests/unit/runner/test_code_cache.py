"""The runner's code caches: the first one of a file stays, and there are never too many."""

from runner.code_cache import CodeCaches


def test_the_first_cache_of_a_file_stays() -> None:
    """A host that was broken into can not replace what another one made."""
    caches = CodeCaches(10, 1000)
    caches.put("d", "a.js", b"first")
    caches.put("d", "a.js", b"second")
    assert caches.of("d") == {"a.js": b"first"}
    assert caches.of("other") == {}
    assert caches.size_bytes == 5


def test_the_least_recently_used_deployment_goes() -> None:
    """Above so many files, and above so many bytes."""
    caches = CodeCaches(2, 1000)
    for deployment in "ab":
        caches.put(deployment, "x.js", bytes(10))
    caches.of("a")
    caches.put("c", "x.js", bytes(10))
    assert (caches.of("b"), caches.size_bytes) == ({}, 20)
    caches.put("d", "x.js", bytes(995))
    assert caches.of("d") == {"x.js": bytes(995)}
    assert caches.of("a") == caches.of("c") == {}


def test_none_are_kept_when_none_may_be() -> None:
    """SNAPSHOT_CACHE_MAX=0 switches them off."""
    caches = CodeCaches(0, 1000)
    caches.put("a", "x.js", b"x")
    assert (caches.of("a"), caches.size_bytes) == ({}, 0)
