"""The connection to NATS, with real servers that come, go and complain."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from runner.errors import NatsUnavailableError
from runner.nats.client import nobody_there, pairs_of
from runner.nats.connection import Bus, open_bus
from runner.nats.credentials import read_credentials
from tests.integration.nats.server import NatsServer, make_account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nats.aio.msg import Msg


async def listen(bus: Bus, subject: str) -> asyncio.Queue[Msg]:
    arrived: asyncio.Queue[Msg] = asyncio.Queue()

    async def take(message: Msg) -> None:
        arrived.put_nowait(message)

    await bus.subscribe(subject, take)
    await bus.client.flush()
    return arrived


class Lines(logging.Handler):
    """What the log says, as it says it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._changed = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._changed.set()

    async def wait_for(self, text: str) -> str:
        while True:
            self._changed.clear()
            for line in self.lines:
                if text in line:
                    return line
            async with asyncio.timeout(10):
                await self._changed.wait()


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logger = logging.getLogger("runner.nats")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def test_headers_that_come_twice_arrive_twice(nats_url: str) -> None:
    """Names keep their case and values their text."""
    async with open_bus([nats_url]) as bus:
        arrived = await listen(bus, "twice")
        sent = [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Set-Cookie", "ü: ü")]
        await bus.publish("twice", b"body", headers=sent)
        message = await arrived.get()
        assert pairs_of(message) == sent
        assert message.data == b"body"


async def test_a_message_without_headers_has_none(nats_url: str) -> None:
    """And is no remark of the server's."""
    async with open_bus([nats_url]) as bus:
        arrived = await listen(bus, "plain")
        await bus.publish("plain", b"")
        message = await arrived.get()
        assert pairs_of(message) == []
        assert not nobody_there(message)


async def test_a_line_break_in_a_value_makes_no_header(nats_url: str) -> None:
    """Values can not leave their line."""
    async with open_bus([nats_url]) as bus:
        arrived = await listen(bus, "breaks")
        await bus.publish("breaks", b"", headers=[("a", "1\r\nb: 2")])
        assert pairs_of(await arrived.get()) == [("a", "1  b: 2")]


async def test_a_ping_does_not_overtake_what_was_sent_before_it(nats_url: str) -> None:
    """Its pong says that a subscription is there, or that it has ended."""
    async with open_bus([nats_url]) as bus:
        transport = bus.client._transport
        assert transport is not None
        sent: list[bytes] = []
        write, writelines = transport.write, transport.writelines

        def note_one(payload: bytes) -> None:
            sent.append(payload)
            write(payload)

        def note_all(payload: list[bytes]) -> None:
            sent.extend(payload)
            writelines(payload)

        transport.write = note_one  # type: ignore[method-assign]
        transport.writelines = note_all  # type: ignore[method-assign]
        await listen(bus, "ordered")
        commands = [command.split(b" ")[0].strip() for command in sent]
        assert commands == [b"SUB", b"PING"]


async def test_the_server_says_when_nobody_listens(nats_url: str) -> None:
    """A header that only looks like it does not count."""
    async with open_bus([nats_url]) as bus:
        arrived = await listen(bus, "answers")
        await bus.publish("nobody", b"", reply="answers")
        assert nobody_there(await arrived.get())
        await bus.publish("answers", b"", headers=[("Status", "503")])
        message = await arrived.get()
        assert not nobody_there(message)
        assert pairs_of(message) == [("Status", "503")]


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB x 0\r\n"])
async def test_what_is_no_subject_is_refused(nats_url: str, subject: str) -> None:
    """No subject can smuggle in a command."""
    async with open_bus([nats_url]) as bus:
        with pytest.raises(ValueError, match="subject"):
            await bus.publish(subject, b"")


async def test_a_message_that_is_too_large_is_refused(nats_url: str) -> None:
    """The connection stays."""
    async with open_bus([nats_url]) as bus:
        with pytest.raises(ValueError, match="payload"):
            await bus.publish("large", bytes(bus.max_payload + 1))
        assert bus.connected


async def test_the_start_waits_for_the_server_and_says_for_what(
    tmp_path: Path, lines: Lines
) -> None:
    """The line names the address, not the password."""
    server = NatsServer(tmp_path, authorization={"user": "me", "password": "p:w/d"})
    url = f"nats://me:p%3Aw%2Fd@127.0.0.1:{server.port}"
    bus = Bus([url], "", "test")
    opening = asyncio.create_task(bus.open())
    line = await lines.wait_for("waiting for NATS")
    assert f"nats://me:***@127.0.0.1:{server.port}" in line
    assert "p%3A" not in line
    async with server:
        await opening
        assert bus.connected
        await bus.close()


async def test_after_a_restart_of_the_server_subscriptions_are_there_again(
    tmp_path: Path, lines: Lines
) -> None:
    """What was published in between is delivered, as far as the buffer goes."""
    async with NatsServer(tmp_path) as server, open_bus([server.url]) as bus:
        again = asyncio.Event()
        bus.on_reconnect.append(again.set)
        arrived = await listen(bus, "news")
        await server.stop()
        await lines.wait_for("connection is lost")
        await bus.publish("news", b"kept")
        with pytest.raises(NatsUnavailableError, match="buffer"):
            for _ in range(10):
                await bus.publish("news", bytes(1 << 20))
        assert not bus.connected
        await server.start()
        await again.wait()
        assert (await arrived.get()).data == b"kept"
        assert bus.connected


async def test_an_error_of_the_server_is_no_end_for_good(tmp_path: Path, lines: Lines) -> None:
    """A message above the server's limit makes it close the connection; there is another in a moment."""
    async with NatsServer(tmp_path, max_payload=1024) as server, open_bus([server.url]) as bus:
        again = asyncio.Event()
        bus.on_reconnect.append(again.set)
        arrived = await listen(bus, "news")
        # Headers count on the server, and not for nats-py.
        await bus.publish("news", bytes(1000), headers=[("name", "x" * 200)])
        assert "payload" in await lines.wait_for("the server says")
        await again.wait()
        await bus.publish("news", b"after")
        assert (await arrived.get()).data == b"after"


async def test_lost_messages_are_logged(nats_url: str, lines: Lines) -> None:
    """A handler that does not keep up loses what its queue can not hold."""
    async with open_bus([nats_url]) as bus:
        go_on = asyncio.Event()

        async def wait(message: Msg) -> None:
            await go_on.wait()

        await bus.subscribe("flood", wait, max_messages=2)
        for _ in range(10):
            await bus.publish("flood", b"x")
        await bus.client.flush()
        assert "lost" in await lines.wait_for("flood")
        go_on.set()


async def test_credentials_open_an_account(tmp_path: Path) -> None:
    """The user's JWT and a signature of the server's nonce, without a file."""
    config, credentials = make_account()
    async with NatsServer(tmp_path, **config) as server, open_bus([server.url], credentials) as bus:
        arrived = await listen(bus, "mine")
        await bus.publish("mine", b"yes")
        assert (await arrived.get()).data == b"yes"


async def test_the_wrong_password_is_waited_out_with_the_reason(
    tmp_path: Path, lines: Lines
) -> None:
    """Somebody may put it right on the server."""
    async with NatsServer(tmp_path, authorization={"token": "right"}) as server:
        bus = Bus([server.url.replace("//", "//wrong@")], "", "test")
        opening = asyncio.create_task(bus.open())
        assert "authorization violation" in (await lines.wait_for("waiting for NATS")).lower()
        opening.cancel()
        await asyncio.wait([opening])
        await bus.close()


@pytest.mark.parametrize("cut", ["JWT", "SEED"])
def test_credentials_without_a_part_are_refused_without_quoting_them(cut: str) -> None:
    """The text says what is allowed."""
    _, content = make_account()
    with pytest.raises(ValueError, match="is allowed") as caught:
        read_credentials(content.replace(cut, "OTHER"))
    assert "-----" not in str(caught.value)


def test_a_seed_with_a_typing_error_is_refused() -> None:
    """The checksum tells."""
    _, content = make_account()
    head, mark, seed = content.partition("SEED-----\nSU")
    other = "A" if seed[9] != "A" else "B"
    with pytest.raises(ValueError, match="seed"):
        read_credentials(f"{head}{mark}{seed[:9]}{other}{seed[10:]}")
