"""Encoded bodies: undone for who reads them, passed on for who does not."""

from __future__ import annotations

import asyncio
import gzip
import random
from typing import TYPE_CHECKING

import pytest

from runner.execution import Response
from runner.streams import ByteStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]
from tests.unit.runner.fetch_upstream import Seen, client, serve, whole


async def test_a_part_is_asked_for_without_an_encoding() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"part", status="206 Partial Content")
        await js.fetch(upstream.url, headers=[["Range", "bytes=0-3"]])
        assert upstream.seen[0].headers["accept-encoding"] == "identity"


async def test_an_encoding_that_is_not_ours_to_undo_is_left() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"zzz", "content-encoding: compress")
        answer, body = await js.fetch(upstream.url)
        assert body == b"zzz"
        assert ["content-encoding", "compress"] in answer["headers"]


async def test_a_bomb_comes_in_small_pieces() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(gzip.compress(bytes(20 << 20)), "content-encoding: gzip")
        answer, _ = await js.fetch(upstream.url)
        assert answer["body"] == "stream"
        assert len(await js.body(1)) == 20 << 20


async def test_a_small_body_that_is_passed_on_unread_goes_as_it_was_encoded() -> None:
    packed = gzip.compress(b"hello " * 1000)
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(packed, "content-encoding: gzip")
        answer, _ = await js.fetch(upstream.url)
        assert answer["body"] == "held"
        js.bench.lane.turn(1, [["head", 200, "", [], {"forward": 1}]])
        response = await js.execution.answer
        assert isinstance(response, Response)
        assert (response.body, response.encoding) == (packed, "gzip")


async def test_a_large_body_that_is_passed_on_unread_goes_as_it_was_encoded() -> None:
    noise = random.Random(4).randbytes(1 << 20)
    packed = gzip.compress(noise)
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(packed, "content-encoding: gzip")
        answer, _ = await js.fetch(upstream.url)
        assert answer["body"] == "stream"
        js.bench.lane.turn(1, [["head", 200, "", [], {"forward": 1}]])
        response = await js.execution.answer
        assert isinstance(response, Response)
        assert isinstance(response.body, ByteStream)
        got = b""
        while (chunk := await response.body.read()) is not None:
            got += chunk
        assert (got, response.encoding) == (packed, "gzip")


@pytest.mark.parametrize("data", [b"this is no gzip", gzip.compress(b"x" * 1000)[:-10]])
async def test_a_broken_encoding_fails_the_body_of_a_response_that_is_there(data: bytes) -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(data, "content-encoding: gzip")
        answer, _ = await js.fetch(upstream.url)
        assert (answer["status"], answer["body"]) == (200, "stream")
        assert "encoding" in await js.broken_body(1)


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
async def test_redirects_follow_the_standards_rules_for_methods(
    status: int, method: str, then: str
) -> None:
    body = {} if method == "HEAD" else {"body": "text", "text": "payload"}
    async with serve() as upstream, client() as js:
        upstream.answers["/from"] = whole(b"", "location: to?x=1", status=f"{status} R")
        upstream.answers["/to?x=1"] = whole(b"")
        headers = [["content-type", "text/x"], ["authorization", "secret"]]
        answer, _ = await js.fetch(f"{upstream.url}/from", method=method, headers=headers, **body)
        assert answer["redirected"]
        assert answer["url"] == f"{upstream.url}/to?x=1"
        last = upstream.seen[-1]
        assert last.method == then
        assert last.body == (b"payload" if then == method and body else b"")
        assert ("content-type" in last.headers) == (then == method)
        assert last.headers["authorization"] == "secret"
