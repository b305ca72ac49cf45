"""Streams under credits: what may be under way, who waits for whom, and how they end."""

from __future__ import annotations

import asyncio

import pytest

from pools.protocol import STREAM_CHUNK_BYTES, STREAM_WINDOW_BYTES
from runner.errors import StreamError, ViolationError
from runner.streams import InboundStream, OutboundStream

CHUNK = b"x" * STREAM_CHUNK_BYTES


def inbound() -> tuple[InboundStream, list[bytes], list[StreamError | None]]:
    sent: list[bytes] = []
    ends: list[StreamError | None] = []
    return InboundStream(sent.append, ends.append), sent, ends


def outbound() -> tuple[OutboundStream, list[int], list[str]]:
    grants: list[int] = []
    stops: list[str] = []
    return OutboundStream(grants.append, stops.append), grants, stops


async def test_nothing_is_sent_before_the_reader_begins() -> None:
    stream, sent, _ = inbound()
    writing = asyncio.ensure_future(stream.write(b"abc"))
    await asyncio.sleep(0)
    assert sent == []
    stream.granted(STREAM_WINDOW_BYTES)
    await writing
    assert sent == [b"abc"]


async def test_a_writer_waits_when_the_window_is_used_up() -> None:
    stream, sent, _ = inbound()
    stream.granted(STREAM_WINDOW_BYTES)
    writing = asyncio.ensure_future(stream.write(CHUNK * 5))
    await asyncio.sleep(0)
    assert [len(chunk) for chunk in sent] == [STREAM_CHUNK_BYTES] * 4
    stream.granted(10)
    await asyncio.sleep(0)
    assert len(sent[-1]) == 10
    stream.granted(STREAM_WINDOW_BYTES)
    await writing
    assert sum(map(len, sent)) == 5 * STREAM_CHUNK_BYTES


@pytest.mark.parametrize("size", [0, -1, STREAM_WINDOW_BYTES + 1])
async def test_a_credit_beyond_the_window_is_a_violation(size: int) -> None:
    stream, _, _ = inbound()
    with pytest.raises(ViolationError):
        stream.granted(size)


async def test_a_reader_that_leaves_frees_the_writer() -> None:
    stream, sent, ends = inbound()
    left: list[bool] = []
    stream.on_cancel = lambda: left.append(True)
    writing = asyncio.ensure_future(stream.write(b"abc"))
    await asyncio.sleep(0)
    stream.cancel()
    await writing
    stream.close()
    assert (sent, ends, left) == ([], [], [True])


async def test_an_unread_stream_can_be_forwarded_whole() -> None:
    stream, sent, ends = inbound()
    data = CHUNK * 8
    writing = asyncio.ensure_future(stream.write(data))
    await asyncio.sleep(0)
    forward = stream.forward()
    got = b""
    while len(got) < len(data):
        got += await forward.read() or b""
    await writing
    stream.close()
    assert await forward.read() is None
    assert got == data
    assert (sent, ends) == ([], [])


@pytest.mark.parametrize("how", ["read", "forwarded", "cancelled", "closed"])
async def test_a_writer_can_wait_for_who_reads(how: str) -> None:
    stream, _, _ = inbound()
    waiting = asyncio.ensure_future(stream.begun())
    await asyncio.sleep(0)
    assert not waiting.done()
    match how:
        case "read":
            stream.granted(1)
        case "forwarded":
            stream.forward()
        case "cancelled":
            stream.cancel()
        case _:
            stream.close()
    await waiting
    await stream.begun()


async def test_a_forwarded_stream_passes_on_how_it_failed() -> None:
    stream, _, _ = inbound()
    forward = stream.forward()
    stream.close(StreamError("TypeError", "gone"))
    with pytest.raises(StreamError, match="gone"):
        await forward.read()


async def test_who_stops_reading_a_forward_stops_its_source() -> None:
    stream, _, _ = inbound()
    left: list[bool] = []
    stream.on_cancel = lambda: left.append(True)
    stream.forward().cancel("enough")
    assert left == [True]


async def test_a_stream_that_is_read_can_not_be_forwarded() -> None:
    stream, _, _ = inbound()
    stream.granted(1)
    with pytest.raises(ViolationError):
        stream.forward()


async def test_a_forwarded_stream_takes_no_credit() -> None:
    stream, _, _ = inbound()
    stream.forward()
    with pytest.raises(ViolationError):
        stream.granted(1)


async def test_what_the_reader_took_is_granted_in_large_pieces() -> None:
    stream, grants, _ = outbound()
    for _ in range(4):
        stream.receive(CHUNK)
    assert grants == []
    await stream.read()
    assert grants == [STREAM_CHUNK_BYTES]


async def test_small_chunks_do_not_make_a_grant_each() -> None:
    stream, grants, _ = outbound()
    for _ in range(100):
        stream.receive(b"x")
        await stream.read()
    assert grants == []


async def test_a_chunk_that_nobody_granted_is_a_violation() -> None:
    stream, _, _ = outbound()
    for _ in range(4):
        stream.receive(CHUNK)
    with pytest.raises(ViolationError):
        stream.receive(b"x")


async def test_a_chunk_above_its_size_is_a_violation() -> None:
    stream, _, _ = outbound()
    with pytest.raises(ViolationError):
        stream.receive(CHUNK + b"x")


async def test_what_was_sent_before_the_end_can_be_read_after_it() -> None:
    stream, _, _ = outbound()
    stream.receive(b"a")
    stream.finish(StreamError("Error", "broke"))
    assert await stream.read() == b"a"
    with pytest.raises(StreamError, match="broke"):
        await stream.read()


async def test_cancelling_tells_the_sender_once() -> None:
    stream, _, stops = outbound()
    reading = asyncio.ensure_future(stream.read())
    await asyncio.sleep(0)
    stream.cancel("left")
    stream.cancel("left")
    assert await reading is None
    assert stops == ["left"]
    stream.receive(b"late")
    assert await stream.read() is None
