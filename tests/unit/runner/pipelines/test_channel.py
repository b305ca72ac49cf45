"""The queue between stages: its size is what one stage may be ahead of the next."""

from __future__ import annotations

import asyncio

from runner.pipelines.channel import CAPACITY, Channel
from runner.schedules.clock import SystemClock


def test_a_channel_holds_4096_events_and_no_more() -> None:
    channel = Channel(SystemClock())
    assert sum(channel.offer(n) for n in range(5000)) == CAPACITY == len(channel) == 4096


async def test_who_gives_to_a_full_channel_waits_until_something_is_taken() -> None:
    channel = Channel(SystemClock(), capacity=2)
    giving = asyncio.create_task(_give(channel, range(5)))
    taken = []
    while not channel.ended:
        assert len(channel) <= 2
        taken += await channel.take(1)
    await giving
    assert taken == [0, 1, 2, 3, 4]


async def test_a_channel_ends_when_all_its_givers_have_left() -> None:
    channel = Channel(SystemClock(), givers=2)
    channel.leave()
    taking = asyncio.create_task(channel.take(10))
    channel.offer(1)
    assert await taking == [1]
    assert not channel.ended
    channel.leave()
    assert (await channel.take(10), channel.ended) == ([], True)


async def test_taking_ends_with_nothing_when_the_time_is_over() -> None:
    channel = Channel(SystemClock())
    assert await channel.take(10, 0.001) == []
    assert not channel.ended


def test_a_taker_that_has_left_gets_nothing() -> None:
    channel = Channel(SystemClock())
    channel.close()
    assert not channel.offer(1)


async def _give(channel: Channel, events: range) -> None:
    for event in events:
        await channel.give(event)
    channel.leave()
