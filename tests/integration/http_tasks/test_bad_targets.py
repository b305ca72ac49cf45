"""Targets that misbehave: each ends its attempt as an error of its own, in time, and nothing of it stays."""

from __future__ import annotations

import asyncio
import base64
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from runner.tasks.leases import Hand, Lease
from runner.tasks.task import Failed, Released
from tests.integration.http_tasks.conftest import Sender
from tests.integration.http_tasks.site import Asked, Reply, open_site

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"
GONE_S = 30


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert isinstance(port, int)
        return port


def writes(*pieces: bytes) -> Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]:
    """Answer with these bytes, and nothing after them."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
        await writer.drain()

    return answer


async def test_a_refused_connection_is_an_error(sender: Sender) -> None:
    """By curl, too."""
    end = await sender.send(f"http://127.0.0.1:{closed_port()}/a")
    assert end.status == 500
    assert b"refused" in (end.body or b"")
    assert isinstance(end.outcome, Failed)


async def test_a_name_that_nobody_has_is_an_error(sender: Sender) -> None:
    end = await sender.send("http://no-such-host.invalid/a")
    assert (end.status, end.body) == (500, b"NetworkError: there is no host no-such-host.invalid")


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200 OK\r\n",), (OK_HEAD, b"begun")])
async def test_a_server_that_does_not_go_on_is_a_timeout(
    sender: Sender, pieces: tuple[bytes, ...]
) -> None:
    """Whether it stops before, in or after its head: the clock is for all of it, and the connection is closed."""
    async with open_site(writes(*pieces)) as site, asyncio.timeout(GONE_S):
        end = await sender.send(site.url(), retry=1, timeout=200)
        await site.left.wait()
    assert (end.status, end.body) == (408, b"TimeoutError: Timeout has occurred")
    assert (end.failed.final, end.failed.reason) == (False, "timeout")


async def test_a_server_that_only_listens_is_a_timeout(sender: Sender) -> None:
    """Nobody accepts: the connection stands, and is not answered."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        end = await sender.send(f"https://127.0.0.1:{silent.getsockname()[1]}/a", timeout=200)
    assert end.status == 408


async def test_a_time_that_has_come_is_a_timeout(sender: Sender) -> None:
    """TimeoutAt is for the first attempt; the others have their timeout."""
    sender.now = 1_700_000_000.0
    async with open_site(Reply()) as site:
        for at, attempt, status in ((1_600_000_000_000, 1, 408), (1_600_000_000_000, 2, 200)):
            end = await sender.send(site.url(), attempt=attempt, timeout_at=at)
            assert end.status == status
        at = 1_700_000_060_000
        assert (await sender.send(site.url(), timeout_at=at)).status == 200


async def test_an_answer_that_is_too_large_is_cut_off(sender: Sender) -> None:
    """A gigabyte is not read: its connection ends as soon as there is more than can be kept."""
    sent = 0

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(OK_HEAD)
        with suppress(ConnectionError):
            while sent < 1_000_000_000:
                writer.write(b"x" * 65536)
                sent += 65536
                await writer.drain()

    async with open_site(answer) as site, asyncio.timeout(GONE_S):
        end = await sender.send(site.url(), retry=1)
        await site.left.wait()
    assert (end.status, end.body) == (422, b"The response size cannot be more than 32768")
    assert not end.failed.final
    assert sent < 100_000_000


async def test_the_largest_answer_is_kept(sender: Sender) -> None:
    """32,768 bytes, and not one more."""
    for size, status in ((32_768, 200), (32_769, 422)):
        async with open_site(Reply(200, b"x" * size)) as site:
            assert (await sender.send(site.url())).status == status


async def test_a_small_bomb_stays_small() -> None:
    """What fetch unpacks is counted as it comes out."""
    import zlib

    sender = Sender("fetch")
    bomb = zlib.compress(bytes(10_000_000))
    async with open_site(Reply(200, bomb, (("content-encoding", "deflate"),))) as site:
        assert len(bomb) < 32_768
        assert (await sender.send(site.url())).status == 422
    await sender.tasks.close()


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0\1\2\3\r\n\r\n"]
)
async def test_what_is_no_http_is_an_error(sender: Sender, answer: bytes) -> None:
    """In words, with nothing of what it was."""

    async def talk(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with open_site(talk) as site:
        end = await sender.send(site.url())
    assert end.status == 500
    assert (end.body or b"").startswith(b"NetworkError: ")


async def test_a_server_that_leaves_without_an_answer_is_an_error(sender: Sender) -> None:
    async def leave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with open_site(leave) as site:
        end = await sender.send(site.url())
    assert (end.status, end.body) == (
        500,
        b"NetworkError: the server closed the connection too early",
    )


async def test_a_head_without_an_end_is_cut_off(sender: Sender) -> None:
    """However many headers a server has."""
    endless = b"HTTP/1.1 200 OK\r\n" + b"".join(
        b"x-%d: %s\r\n" % (n, b"y" * 500) for n in range(2000)
    )
    async with open_site(writes(endless)) as site:
        assert (await sender.send(site.url())).status == 500


async def test_ports_of_other_protocols_are_not_asked(sender: Sender) -> None:
    end = await sender.send("http://127.0.0.1:6379/a".replace("6379", "25"))
    assert b"port 25" in (end.body or b"")


async def test_who_is_cancelled_aborts_the_request(sender: Sender) -> None:
    """A task that is revoked in flight: the server sees its client leave."""
    came = asyncio.Event()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        came.set()

    async with open_site(answer) as site, asyncio.timeout(GONE_S):
        sending = asyncio.ensure_future(sender.send(site.url()))
        await came.wait()
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        await site.left.wait()
    assert sending.cancelled()


async def test_who_shuts_down_begins_nothing(sender: Sender) -> None:
    """A task that was claimed late goes back as it came."""
    hand = Hand()
    hand.stopping.set()
    async with open_site(Reply()) as site:
        claimed = sender.claimed(sender.task(site.url()))
        outcome = await sender.tasks(claimed, Lease(claimed, hand, ruled=False))
    assert (outcome, site.asked) == (Released(), [])


async def test_a_task_that_was_changed_in_the_table_fails_for_good(sender: Sender) -> None:
    """Nothing of it can be believed."""
    import msgspec

    claimed = sender.claimed(sender.task("http://127.0.0.1/a"))
    sealed = base64.b64decode(msgspec.json.decode(claimed.options or ""))
    broken = base64.b64encode(sealed[:-1] + bytes([sealed[-1] ^ 1])).decode()
    for options in (f'"{broken}"', "null", None):
        changed = msgspec.structs.replace(claimed, options=options)
        outcome = await sender.tasks(changed, Lease(changed, Hand(), ruled=False))
        assert isinstance(outcome, Failed)
        assert (outcome.final, outcome.reason) == (True, "sealed")


async def test_a_task_whose_key_is_elsewhere_waits(sender: Sender) -> None:
    """Another runner may have it: nothing is lost."""
    import msgspec

    claimed = sender.claimed(sender.task("http://127.0.0.1/a"))
    sealed = bytearray(base64.b64decode(msgspec.json.decode(claimed.options or "")))
    sealed[1] = 9
    options = f'"{base64.b64encode(sealed).decode()}"'
    changed = msgspec.structs.replace(claimed, options=options)
    outcome = await sender.tasks(changed, Lease(changed, Hand(), ruled=False))
    assert isinstance(outcome, Released)
    assert not outcome.counted
