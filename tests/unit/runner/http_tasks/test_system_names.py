"""The system's resolver for many: who asks for the same waits together, who asks in vain does not hold up others."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from runner.http_tasks.system_names import SystemNames

if TYPE_CHECKING:
    from collections.abc import Iterator

EVE, BOB = UUID(int=1), UUID(int=2)
WAIT_S = 30


class Resolver:
    """Answers at once, but for names of ``slow.example``, which wait until they may go on."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waiting = threading.Semaphore(0)
        self.go_on = threading.Event()

    def getaddrinfo(self, host: str, port: None, **_: object) -> list[Any]:
        self.asked.append(host)
        if host.endswith("slow.example"):
            self.waiting.release()
            assert self.go_on.wait(WAIT_S)
        if host == "no.example":
            raise socket.gaierror
        return [(0, 0, 0, "", ("192.0.2.1", 0))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    yield resolver
    resolver.go_on.set()


async def test_who_asks_for_the_same_asks_once(resolver: Resolver) -> None:
    """And what was answered is remembered; what was not is asked for again."""
    names = SystemNames()
    slow = [asyncio.ensure_future(names.resolve(owner, "slow.example", 4)) for owner in (EVE, BOB)]
    await asyncio.to_thread(resolver.waiting.acquire)
    resolver.go_on.set()
    assert await asyncio.gather(*slow) == [["192.0.2.1"]] * 2
    assert await names.resolve(EVE, "slow.example", 4) == ["192.0.2.1"]
    for _ in range(2):
        assert await names.resolve(EVE, "no.example", 4) == []
    assert resolver.asked == ["slow.example", "no.example", "no.example"]


async def test_names_that_nobody_answers_for_hold_up_their_owner_alone(resolver: Resolver) -> None:
    """Also when their tasks have given up: the threads go on, and count."""
    names = SystemNames()
    for round_ in range(3):
        tasks = [
            asyncio.ensure_future(names.resolve(EVE, f"{round_}-{n}.slow.example", 4))
            for n in range(20)
        ]
        if round_ == 0:
            for _ in range(4):
                await asyncio.to_thread(resolver.waiting.acquire)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    assert len(resolver.asked) == 4
    async with asyncio.timeout(WAIT_S):
        assert await names.resolve(BOB, "one.example", 4) == ["192.0.2.1"]
        resolver.go_on.set()
        assert await names.resolve(EVE, "two.example", 4) == ["192.0.2.1"]
