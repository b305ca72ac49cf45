"""A fleet as processes: three runners and a gateway behind one NATS and one PostgreSQL, under load while parts of it end."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import Running
from tests.integration.fleet.load import Load
from tests.integration.test_serve import insert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.integration.conftest import Cli

CODE = """export default { async fetch(request) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return new Response(`hello ${await request.text()}`);
} };"""
WHO = {"x-worker-name": "hello"}
SETTINGS = {"WORKER_POOL_SIZE": "1", "MAX_CONCURRENT_PER_WORKER": "20", "LOG_LEVEL": "warning"}


class Fleet:
    """Three runners and a gateway."""

    def __init__(self, serve: Callable[..., Running], gateway: Running) -> None:
        self._serve = serve
        self.runners = [serve(**SETTINGS) for _ in range(3)]
        self.gateway = gateway
        for one in (*self.runners, gateway):
            one.reach()

    async def restart(self, number: int) -> None:
        """End a runner as an orchestrator does, and start another in its place."""
        old = self.runners[number]
        assert await asyncio.to_thread(old.stop) == 0
        new = self.runners[number] = self._serve(**SETTINGS)
        await asyncio.to_thread(new.reach)


@pytest.fixture
async def fleet(
    cli: Cli, serve: Callable[..., Running], servers: dict[str, str]
) -> AsyncIterator[Fleet]:
    insert(servers["DATABASE_URL"], "hello", CODE)
    gateway = Running(
        cli,
        *("gateway", "--http-addr", "127.0.0.1:0", "--nats", servers["NATS_SERVERS"]),
        CONTROL_ADDR="127.0.0.1:0",
        LOG_LEVEL="warning",
    )
    yield await asyncio.to_thread(Fleet, serve, gateway)
    if gateway.process.poll() is None:
        gateway.process.kill()
    gateway.stop()


async def test_who_does_not_speak_to_a_runner_that_is_killed_notices_nothing(fleet: Fleet) -> None:
    """First a whole runner is killed, then an isolate host of another; every request is answered, by gateway and by runner."""
    killed, hurt, whole = fleet.runners
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Load(fleet.gateway.url, WHO, clients=8))
        direct = [
            await stack.enter_async_context(Load(one.url, WHO, clients=2)) for one in (hurt, whole)
        ]
        for load in (gateway, *direct):
            await load.more(100)
        killed.process.send_signal(signal.SIGKILL)
        for load in (gateway, *direct):
            await load.more(100)
        for pid in hurt.hosts():
            os.kill(pid, signal.SIGKILL)
        for load in (gateway, *direct):
            await load.more(100)
    for load in (gateway, *direct):
        assert load.problems == []
        assert load.answers.keys() == {200}


async def test_a_request_that_may_not_be_repeated_is_lost_with_its_runner_alone(
    fleet: Fleet,
) -> None:
    """POST through the gateway: those on the killed runner are 502 at once, all others go on."""
    async with Load(fleet.gateway.url, WHO, clients=6, method="POST") as load:
        await load.more(60)
        fleet.runners[0].process.send_signal(signal.SIGKILL)
        await load.more(100)
    assert set(load.answers) <= {200, 502}, load.problems
    assert load.answers[502] <= 6


async def test_a_rolling_restart_loses_nothing(fleet: Fleet) -> None:
    """Each runner is ended by SIGTERM and replaced, one after the other; also requests that may not be repeated are answered."""
    async with (
        Load(fleet.gateway.url, WHO, clients=4) as safe,
        Load(fleet.gateway.url, WHO, clients=4, method="POST") as unsafe,
    ):
        await safe.more(20)
        for number in range(3):
            await fleet.restart(number)
            await safe.more(20)
            await unsafe.more(20)
    for load in (safe, unsafe):
        assert load.problems == []
        assert load.answers.keys() == {200}
