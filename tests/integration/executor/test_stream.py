"""``isolane listen --jetstream``: tasks that are not lost."""

from __future__ import annotations

import asyncio
import json
import signal
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from runner.nats.connection import open_bus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from runner.nats.connection import Bus
    from tests.integration.conftest import Cli, Running

NUMBERS = count()


class Stream:
    """A stream of a test's own, with what is answered and what is buried."""

    def __init__(self, bus: Bus, root: Path, url: str, start: Callable[..., Running]) -> None:
        number = next(NUMBERS)
        self.name = f"TASKS_{number}"
        self.subject = f"stream.{number}"
        self.bus = bus
        self.js = bus.client.jetstream()
        self._root = root
        self._url = url
        self._start = start
        self._inbox = bus.client.new_inbox()
        self.answers: Subscription
        self.dead: Subscription

    async def open(self) -> None:
        self.answers = await self.bus.client.subscribe(self._inbox)
        self.dead = await self.bus.client.subscribe(f"isolane.dead.{self.name}")
        await self.js.add_stream(name=self.name, subjects=[self.subject])
        # Of lost executors the tests do not wait long.
        config = ConsumerConfig(
            durable_name="isolane", ack_policy=AckPolicy.EXPLICIT, ack_wait=1.5, filter_subject=self.subject
        )  # fmt: skip
        await self.js.add_consumer(self.name, config)

    def listen(self, *arguments: Any, **environ: str) -> Running:
        return self._start(
            "listen", "--nats", self._url, "--jetstream", self.name, "--subject", self.subject, "--root", self._root,
            *arguments, **environ,
        )  # fmt: skip

    async def add(self, message: Any) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        await self.js.publish(self.subject, data, headers={"Isolane-Reply": self._inbox})

    async def answer(self) -> Any:
        return json.loads((await self.answers.next_msg(20)).data)

    async def buried(self) -> Msg:
        return await self.dead.next_msg(20)

    async def waiting(self) -> tuple[int, int]:
        """Return how many are not acknowledged, and how many were not delivered."""
        info = await self.js.consumer_info(self.name, "isolane")
        return info.num_ack_pending or 0, info.num_pending or 0


@pytest.fixture
async def stream(start: Callable[..., Running], root: Path, nats_url: str) -> AsyncIterator[Stream]:
    async with open_bus([nats_url]) as bus:
        stream = Stream(bus, root, nats_url, start)
        await stream.open()
        yield stream


async def test_what_came_before_the_executor_is_run_and_acknowledged(stream: Stream) -> None:
    await stream.add({"script": "context.js"})
    for number in range(20):
        await stream.add({"script": "own.js", "payload": number})
    running = stream.listen()
    said = [(await stream.answer())["data"] for _ in range(21)]
    (first,) = (one["task"] for one in said if isinstance(one, dict))
    assert first["id"].startswith(f"{stream.name}-")
    assert (first["attempt"], first["maxAttempts"]) == (1, 5)
    assert {one for one in said if isinstance(one, int)} == set(range(20))
    assert await asyncio.to_thread(running.stop) == 0
    assert await stream.waiting() == (0, 0)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"rubbish", "the message is no JSON"),
        ({"script": "../x.js"}, "Path traversal not allowed"),
        ({"script": "missing.js"}, "Script not found"),
        ({"script": "none.js"}, "no task handler"),
        ({"script": "broken.js"}, "SyntaxError"),
    ],
)
async def test_what_can_never_succeed_is_buried_at_once(
    stream: Stream, message: Any, words: str
) -> None:
    stream.listen()
    await stream.add(message)
    dead = await stream.buried()
    assert dead.headers is not None
    assert words in dead.headers["Isolane-Error"]
    assert dead.headers["Isolane-Attempts"] == "1"
    assert dead.headers["Isolane-Subject"] == stream.subject
    assert dead.data == (message if isinstance(message, bytes) else json.dumps(message).encode())
    assert words in (await stream.answer())["error"]


async def test_the_buried_are_kept(stream: Stream) -> None:
    stream.listen("--max-deliver", "1")
    await stream.add({"script": "throws.js"})
    await stream.buried()
    assert (await stream.answer())["error"] == "TypeError: thrown"
    message = await stream.js.get_last_msg(f"{stream.name}_dead", f"isolane.dead.{stream.name}")
    assert message.data == b'{"script": "throws.js"}'


async def test_what_fails_is_tried_again_until_it_may_not(stream: Stream, cli: Cli) -> None:
    cli.write(
        "root/second.js",
        "export default { task(p, env, ctx) { if (ctx.task.attempt < 2) throw new Error('first'); return 'second' } }",
    )
    stream.listen("--max-deliver", "2")
    await stream.add({"script": "second.js"})
    assert await stream.answer() == {"success": True, "data": "second"}
    await stream.add({"script": "throws.js"})
    dead = await stream.buried()
    assert dead.headers is not None
    assert dead.headers["Isolane-Attempts"] == "2"
    assert (await stream.answer())["success"] is False


async def test_a_lost_executors_task_is_delivered_again(stream: Stream) -> None:
    lost = stream.listen()
    await stream.add({"script": "slow.js", "payload": 2000})
    await asyncio.to_thread(lost.wait_for, "slow begins")
    lost.process.kill()
    stream.listen()
    assert await stream.answer() == {"success": True, "data": False}


async def test_a_task_longer_than_the_acknowledgements_time_is_run_once(stream: Stream) -> None:
    running = stream.listen()
    await stream.add({"script": "slow.js", "payload": 2500})
    assert (await stream.answer())["success"]
    assert await asyncio.to_thread(running.stop) == 0
    assert sum("slow begins" in line for line in running.lines) == 1


async def test_shutdown_gives_back_what_does_not_finish(stream: Stream) -> None:
    ending = stream.listen(DRAIN_TIMEOUT_MS="200")
    await stream.add({"script": "slow.js", "payload": 3000})
    await asyncio.to_thread(ending.wait_for, "slow begins")
    assert await asyncio.to_thread(ending.stop, signal.SIGTERM) == 0
    other = stream.listen()
    await asyncio.to_thread(other.wait_for, "slow begins")
    assert (await stream.answer())["success"]
