"""Hints and events: from the database, to NATS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from runner.nats.connection import open_bus
from runner.tasks.engine import open_engine
from runner.tasks.events import TaskEvent
from runner.tasks.publisher import TaskEventPublisher
from runner.tasks.rules import QueueRules
from runner.tasks.wakes import Hearer, TaskWakes
from tests.integration.store.line import open_line
from tests.integration.tasks.conftest import ALICE, new_task

if TYPE_CHECKING:
    from tests.integration.tasks.conftest import Queue


class Heard:
    """What was heard, and a signal for each."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[str] = asyncio.Queue()
        self.hearer = Hearer(
            lambda: self.words.put_nowait("created"),
            lambda lease: self.words.put_nowait(f"cancelled {lease}"),
            lambda: self.words.put_nowait("changed"),
        )

    async def next(self, word: str) -> None:
        async with asyncio.timeout(10):
            while not (await self.words.get()).startswith(word):
                pass


async def test_each_kind_of_change_is_heard_as_what_it_is(queue: Queue, wakes: TaskWakes) -> None:
    heard = Heard()
    wakes.add(heard.hearer)
    task = await queue.add()
    await heard.next("created")
    (claimed,) = await queue.claim()
    await queue.engine.cancel(task)
    await heard.next(f"cancelled {claimed.lease_id}")
    await queue.engine.rules.set_queue(QueueRules(queue="q", max_running=1))
    await heard.next("changed")
    wakes.remove(heard.hearer)


async def test_a_line_that_was_cut_comes_back_and_what_was_missed_is_looked_for(
    empty: str, queue: Queue
) -> None:
    async with open_line(empty) as line, TaskWakes(line.url, probe_every_s=0.05) as wakes:
        heard = Heard()
        wakes.add(heard.hearer)
        for _ in range(2):
            await heard.next("created")
            await heard.next("changed")
            await queue.add()
            await heard.next("created")
            await line.cut()
            await queue.add()
            await line.join()
        await heard.next("created")


async def test_who_listens_while_the_database_is_away_starts_all_the_same(empty: str) -> None:
    async with open_line(empty) as line:
        await line.cut()
        async with TaskWakes(line.url) as wakes:
            assert not wakes.connected.is_set()
            await line.join()
            async with asyncio.timeout(10):
                await wakes.connected.wait()


async def test_events_go_to_nats_by_their_names(queue: Queue, nats_url: str) -> None:
    """Without payloads: who may read those asks for the task."""
    async with open_bus([nats_url], "") as bus:
        messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

        async def take(message: object) -> None:
            messages.put_nowait((message.subject, message.data))  # type: ignore[attr-defined]

        await bus.subscribe("isolane.task.>", take)
        await bus.client.flush()
        publisher = TaskEventPublisher(bus, queue.engine.events)
        publishing = asyncio.create_task(publisher.run())
        while not queue.engine.events.heard:
            await asyncio.sleep(0)
        task = await queue.add(tenant=ALICE, payload={"secret": 1}, key="k", type="email:send")
        await queue.engine.cancel(task, reason="not needed")
        async with asyncio.timeout(10):
            told = [await messages.get() for _ in range(2)]
        publishing.cancel()
        await asyncio.wait([publishing])
    assert [subject for subject, _ in told] == ["isolane.task.created", "isolane.task.cancelled"]
    assert msgspec.json.decode(told[1][1]) == {
        "event": "cancelled", "taskId": str(task), "tenant": str(ALICE), "queue": "default", "kind": "script",
        "type": "email:send", "key": "k", "reason": "not needed",
    }  # fmt: skip
    assert b"secret" not in told[0][1]
    assert publisher.lost == 0
    assert not queue.engine.events.heard


async def test_a_subscriber_that_falls_behind_loses_the_oldest(empty: str) -> None:
    async with open_engine(empty) as engine:
        with engine.events.subscribe(most_waiting=2) as events:
            await engine.enqueue_many([new_task(f"{n}") for n in range(5)])
            left = events.take()
        assert (len(left), events.lost) == (2, 3)
        assert all(isinstance(event, TaskEvent) for event in left)
        assert events.take() == []
