"""The database goes away and comes back: known workers are served, nobody hangs, nothing stale stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from runner.errors import BusyError, NotResolvedError
from tests.integration.store.line import open_line
from tests.integration.store.resolving import open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.store.line import Line
    from tests.integration.store.resolving import World


@pytest.fixture
async def line(own_database: str) -> AsyncIterator[Line]:
    async with open_line(own_database) as opened:
        yield opened


@pytest.fixture
async def world(line: Line, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr("runner.store.lookup._WITHIN_S", 0.5)
    monkeypatch.setattr("runner.store.lookup._AWAY_WITHIN_S", 0.2)
    async with open_world(line.url) as opened:
        yield opened


async def cut(line: Line, world: World) -> None:
    lost = asyncio.create_task(wait_for_loss(world))
    await line.cut()
    await lost


async def wait_for_loss(world: World) -> None:
    async with asyncio.timeout(10):
        while world.resolver.listener.connected.is_set():
            await asyncio.sleep(0)


async def test_known_workers_are_served_and_others_told_to_come_again(
    world: World, line: Line
) -> None:
    await world.deploy("known")
    known = await world.resolve(name="known")
    await cut(line, world)
    assert await world.resolve(name="known") is known
    with pytest.raises(BusyError) as caught:
        await world.resolve(name="unknown")
    assert caught.value.retry_after_s > 0


async def test_what_is_no_longer_fresh_is_served_all_the_same(
    world: World, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.recall._FRESH_S", 0.0)
    monkeypatch.setattr("runner.recall._RETRY_S", 0.0)
    await world.deploy("known")
    known = await world.resolve(name="known")
    await cut(line, world)
    for _ in range(100):
        assert await world.resolve(name="known") is known


async def test_what_changed_meanwhile_is_seen_when_it_is_back(
    world: World, line: Line, own_database: str
) -> None:
    """Also that a worker is gone, and that one of a name has come."""
    for name in ("changed", "gone"):
        await world.deploy(name)
        await world.resolve(name=name)
    with pytest.raises(NotResolvedError):
        await world.resolve(name="come")
    await cut(line, world)
    with psycopg.connect(own_database, autocommit=True) as connection:
        connection.execute("UPDATE workers SET public = true WHERE name = 'changed'")
        connection.execute("UPDATE workers SET name = 'come' WHERE name = 'gone'")
    assert not (await world.resolve(name="changed")).public
    assert (await world.resolve(name="gone")).name == "gone"
    await line.join()
    await world.heard("all")
    assert (await world.resolve(name="changed")).public
    assert (await world.resolve(name="come")).name == "come"
    with pytest.raises(NotResolvedError):
        await world.resolve(name="gone")


async def test_it_listens_again_after_each_loss(
    world: World, line: Line, own_database: str
) -> None:
    await world.deploy("a")
    for text in ("x", "y"):
        await world.resolve(name="a")
        await cut(line, world)
        await line.join()
        await world.heard("all")
        await world.resolve(name="a")
        await asyncio.to_thread(rename, own_database, text)
        await world.heard(f"name {text}")
        with pytest.raises(NotResolvedError):
            await world.resolve(name="a")
        await asyncio.to_thread(rename, own_database, "a")
        await world.heard("name a")


async def test_an_old_answer_is_better_than_none_when_it_goes_away_again(
    world: World, line: Line
) -> None:
    """It came back, nothing was asked yet, and it is away once more."""
    await world.deploy("a")
    known = await world.resolve(name="a")
    await cut(line, world)
    await line.join()
    await world.heard("all")
    await cut(line, world)
    assert await world.resolve(name="a") is known
    assert await world.resolve(name="a") is known


def rename(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE workers SET name = %s", (name,))
