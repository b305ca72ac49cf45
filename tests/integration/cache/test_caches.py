"""The Cache API in workers of several tenants, on real hosts."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.integration.calls.town import town

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.integration.calls.town import Town

    OpenTown = Callable[..., AbstractAsyncContextManager[Town]]

WORKER = """
export default { async fetch(request) {
  const url = new URL(request.url);
  const key = `https://key.test${url.pathname}`;
  if (request.method === 'POST') {
    try {
      await caches.default.put(key, new Response(await request.bytes()));
      return new Response('kept');
    } catch (error) {
      return new Response(error.name);
    }
  }
  return (await caches.default.match(key)) ?? new Response('nothing', { status: 404 });
} };
"""


@pytest.fixture
def open_town(tmp_path: Path, snapshots: Path) -> OpenTown:
    """Open a town; arguments are variables of the environment."""
    return partial(town, tmp_path, snapshots)


async def keep(there: Town, worker: str, path: str, size: int) -> bytes:
    async with asyncio.timeout(20):
        _, body = await there.ask(f"http://{worker}.workers.rocks{path}", bytes(size))
    return body


async def size_of(there: Town, worker: str, path: str) -> int:
    """Return how many bytes are kept; -1 when there is nothing."""
    async with asyncio.timeout(20):
        status, body = await there.ask(f"http://{worker}.workers.rocks{path}")
    return len(body) if status == 200 else -1


async def test_workers_of_a_tenant_share_and_tenants_do_not(open_town: OpenTown) -> None:
    async with open_town() as there:
        for name, tenant in (("one", "a"), ("two", "a"), ("three", "b")):
            there.add(name, WORKER, tenant=tenant)
        assert await keep(there, "one", "/x", 10) == b"kept"
        assert [await size_of(there, name, "/x") for name in ("one", "two", "three")] == [
            10,
            10,
            -1,
        ]
        assert await keep(there, "three", "/x", 20) == b"kept"
        assert [await size_of(there, name, "/x") for name in ("one", "three")] == [10, 20]


async def test_a_tenant_keeps_so_much(open_town: OpenTown) -> None:
    """The oldest goes when there is no room; what would fill the half of it is refused."""
    async with open_town(CACHE_MAX_BYTES_PER_TENANT="100000") as there:
        there.add("w", WORKER)
        assert await keep(there, "w", "/big", 50_001) == b"QuotaExceededError"
        for path in ("/1", "/2", "/3"):
            assert await keep(there, "w", path, 40_000) == b"kept"
        assert [await size_of(there, "w", path) for path in ("/1", "/2", "/3")] == [
            -1,
            40_000,
            40_000,
        ]


async def test_all_keep_so_much(open_town: OpenTown) -> None:
    """A runner's bound is over all tenants."""
    async with open_town(CACHE_MAX_BYTES="100000") as there:
        for tenant in "abc":
            there.add(tenant, WORKER, tenant=tenant)
            assert await keep(there, tenant, "/x", 40_000) == b"kept"
        assert [await size_of(there, tenant, "/x") for tenant in "abc"] == [-1, 40_000, 40_000]
