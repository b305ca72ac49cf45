"""What the fetch op sends, and how bodies go both ways."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING, Any

import brotli
import pytest
from backports import zstd

from pools.protocol import STREAM_WINDOW_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]
from tests.unit.runner.fetch_upstream import Seen, client, serve, whole


async def test_a_small_response_comes_in_one_piece() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/a?b"] = whole(b"hi", "X-A: 1", "X-A: 2", status="201 Made")
        answer, body = await js.fetch(f"{upstream.url}/a?b#fragment")
        assert body == b"hi"
        assert answer == {
            "status": 201,
            "statusText": "Made",
            "headers": [["content-length", "2"], ["x-a", "1"], ["x-a", "2"]],
            "url": f"{upstream.url}/a?b",
            "redirected": False,
            "body": "bytes",
        }
        (seen,) = upstream.seen
        assert seen.headers["user-agent"] == "Isolane/test"
        assert seen.headers["host"] == upstream.url.removeprefix("http://")


async def test_headers_that_are_the_connections_or_ours_are_not_sent() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"")
        headers = [
            ["Host", "evil.example"],
            ["Transfer-Encoding", "chunked"],
            ["Content-Length", "7"],
            ["Connection", "x"],
            ["X-Worker-Id", "1"],
            ["x-isolane-hops", "0"],
            ["User-Agent", "mine"],
            ["x-kept", "\xe9"],
        ]
        await js.fetch(upstream.url, headers=headers)
        (seen,) = upstream.seen
        assert seen.headers["host"] == upstream.url.removeprefix("http://")
        assert seen.headers["user-agent"] == "mine"
        assert seen.headers["x-kept"] == "\xe9"
        assert not seen.headers.keys() & {
            "transfer-encoding",
            "content-length",
            "x-worker-id",
            "x-isolane-hops",
        }


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"body": "text", "text": "é"}, "é".encode()),
        ({"body": "bytes", "attachment": b"\x00\xff"}, b"\x00\xff"),
    ],
)
async def test_a_whole_body_is_sent_with_its_length(changes: dict[str, Any], body: bytes) -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"")
        await js.fetch(upstream.url, method="POST", **changes)
        assert upstream.seen[0].body == body
        assert upstream.seen[0].headers["content-length"] == str(len(body))


async def test_target_and_method_are_sent_as_they_are() -> None:
    async with serve() as upstream, client() as js:
        target = "/a/./../%7e|'\"x\\?q=%2F|'+"
        upstream.answers[target] = whole(b"ok")
        _, body = await js.fetch(upstream.url + target, method="patch")
        assert body == b"ok"
        assert upstream.seen[0].method == "patch"


async def test_a_body_can_be_streamed_up() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"ok")
        js.send(upstream.url, method="POST", body="stream")
        js.bench.lane.turn(1, [["chunk", 1, 0], ["chunk", 1, 1], ["end", 1]], b"one", b"two")
        record, _ = await js.next()
        assert record[0] == "resolve"
        assert upstream.seen[0].body == b"onetwo"


async def test_a_large_body_streams_down_under_credits() -> None:
    data = bytes(range(256)) * 8192
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(data)
        answer, _ = await js.fetch(upstream.url)
        assert answer["body"] == "stream"
        assert await js.body(1) == data


async def test_a_slow_body_does_not_hold_back_its_head() -> None:
    go_on = asyncio.Event()

    async def slow(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        await go_on.wait()
        writer.write(b"cd")

    async with serve() as upstream, client() as js:
        upstream.answers["/"] = slow
        answer, _ = await js.fetch(upstream.url)
        assert answer["body"] == "stream"
        go_on.set()
        assert await js.body(1) == b"abcd"


async def test_a_body_that_breaks_off_fails_its_stream() -> None:
    async def broken(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n" + b"x" * 70_000)
        await writer.drain()
        writer.close()

    async with serve() as upstream, client() as js:
        upstream.answers["/"] = broken
        await js.fetch(upstream.url)
        js.bench.lane.turn(1, [["credit", 1, STREAM_WINDOW_BYTES]])
        while (record := (await js.next())[0])[0] == "chunk":
            pass
        assert record[:2] == ["fail", 1]
        assert record[2]["name"] == "TypeError"


@pytest.mark.parametrize("how", ["abort", "cancel"])
async def test_a_fetch_that_is_given_up_closes_its_connection(how: str) -> None:
    closed = asyncio.Event()

    async def endless(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        finally:
            closed.set()

    async with serve() as upstream, client() as js:
        upstream.answers["/"] = endless
        await js.fetch(upstream.url)
        js.bench.lane.turn(1, [[how, 1]])
        await closed.wait()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(b"hello " * 1000)),
        ("deflate", zlib.compress(b"hello " * 1000)),
        ("deflate", zlib.compress(b"hello " * 1000)[2:-4]),
        ("GZIP", gzip.compress(b"hello " * 500) + gzip.compress(b"hello " * 500)),
        ("br", brotli.compress(b"hello " * 1000)),
        ("zstd", zstd.compress(b"hello " * 1000)),
        ("deflate, br", brotli.compress(zlib.compress(b"hello " * 1000))),
    ],
)
async def test_encodings_are_undone_and_said_no_more(encoding: str, data: bytes) -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(data, f"content-encoding: {encoding}")
        answer, body = await js.fetch(upstream.url)
        assert body == b"hello " * 1000
        assert answer["headers"] == []
        assert upstream.seen[0].headers["accept-encoding"] == "gzip, deflate, br, zstd"
