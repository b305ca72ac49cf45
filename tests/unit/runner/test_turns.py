"""Turns of tenants."""

from __future__ import annotations

import asyncio

from runner.ops.turns import Turns


async def test_a_tenant_waits_for_itself_and_not_others_for_it() -> None:
    turns, had = Turns(2), asyncio.Queue[str]()
    go = asyncio.Event()

    async def take(tenant: str) -> None:
        async with turns.of(tenant):
            had.put_nowait(tenant)
            await go.wait()

    tasks = [asyncio.create_task(take(tenant)) for tenant in ("a", "a", "a", "a", "b")]
    assert [await had.get() for _ in range(3)] == ["a", "a", "b"]
    tasks[2].cancel()
    await asyncio.wait({tasks[2]})
    assert had.empty()
    go.set()
    assert await had.get() == "a"
    await asyncio.wait(tasks)
    assert turns._lines == {}
