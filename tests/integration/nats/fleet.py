"""Runners on a real bus, with lanes written in Python behind them, and one who asks them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from runner.nats.client import pairs_of
from runner.nats.connection import open_bus
from runner.nats.fetch import GROUP, SUBJECTS, NatsIngress
from runner.nats.micro import MicroService
from runner.nats.parts import PART, Kind, Part, read_part
from tests.unit.runner.fake_lane import connect
from tests.unit.runner.test_calls import Office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.msg import Msg

    from runner.nats.client import Pairs
    from runner.nats.connection import Bus


class FakeRunner:
    """An ingress with the worker ``hello`` on one fake lane."""

    def __init__(self, bus: Bus, office: Office) -> None:
        self.bus = bus
        self.office = office
        self.lane = office.lane
        self.service = MicroService(bus, "1.2.3", SUBJECTS, GROUP, "one")
        self.ingress = NatsIngress(bus, office.calls, self.service)


@asynccontextmanager
async def runner(url: str, **limits: int) -> AsyncIterator[FakeRunner]:
    async with open_bus([url], name="runner") as bus:
        made = FakeRunner(bus, Office(await connect(), **limits))
        await made.service.start()
        await made.ingress.start()
        await bus.flush()
        try:
            yield made
        finally:
            await made.service.close()
            await made.ingress.close()


class Question:
    """A request on its way: its parts as they come."""

    def __init__(self, bus: Bus, inbox: str) -> None:
        self.bus = bus
        self.inbox = inbox
        self.messages: asyncio.Queue[Msg] = asyncio.Queue()
        self.runner = ""

    async def next(self) -> Part:
        """Return the next part."""
        async with asyncio.timeout(10):
            message = await self.messages.get()
        self.runner = message.reply or self.runner
        part = read_part(message)
        assert part is not None, message
        return part

    async def tell(self, kind: Kind, data: bytes = b"", *more: tuple[str, str]) -> None:
        """Say something to the runner."""
        await self.bus.publish(self.runner, data, reply=self.inbox, headers=[(PART, kind), *more])


class Asker:
    """Sends what a test wants, be it right or wrong."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._questions: dict[str, Question] = {}
        self._inbox = bus.client.new_inbox()
        self._numbers = count()

    async def start(self) -> None:
        await self.bus.subscribe(f"{self._inbox}.*", self._hear)

    async def _hear(self, message: Msg) -> None:
        self._questions[message.subject].messages.put_nowait(message)

    async def send(self, subject: str, headers: Pairs, data: bytes = b"") -> Question:
        inbox = f"{self._inbox}.{next(self._numbers)}"
        question = self._questions[inbox] = Question(self.bus, inbox)
        await self.bus.publish(subject, data, reply=inbox, headers=headers)
        return question

    async def ask(
        self,
        subject: str = "fetch.hello",
        *headers: tuple[str, str],
        method: str = "GET",
        url: str = "http://hello.workers.test/a?b",
        data: bytes = b"",
    ) -> Question:
        ours = [("Fetch-Method", method), ("Fetch-Url", url)]
        return await self.send(subject, [*ours, *headers], data)


@asynccontextmanager
async def asker(url: str) -> AsyncIterator[Asker]:
    async with open_bus([url], name="asker") as bus:
        made = Asker(bus)
        await made.start()
        yield made


@asynccontextmanager
async def both(url: str, **limits: int) -> AsyncIterator[tuple[FakeRunner, Asker]]:
    async with runner(url, **limits) as one, asker(url) as other:
        yield one, other


def header(part: Part, name: str) -> Any:
    """Return a header's only value."""
    (value,) = [text for key, text in part.headers if key == name]
    return value


def plain(message: Msg) -> dict[str, str]:
    return dict(pairs_of(message))
