"""Where the fetch op follows, with what, and for how long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]
from tests.unit.runner.fetch_upstream import Seen, client, serve, whole


async def test_credentials_do_not_go_to_another_origin() -> None:
    async with serve() as first, serve() as second, client() as js:
        first.answers["/"] = whole(b"", f"location: {second.url}/", status="302 R")
        second.answers["/"] = whole(b"")
        await js.fetch(
            first.url, headers=[["authorization", "s"], ["cookie", "c"], ["x-kept", "1"]]
        )
        headers = second.seen[0].headers
        assert not headers.keys() & {"authorization", "cookie"}
        assert headers["x-kept"] == "1"


async def test_redirects_can_be_seen_or_be_errors() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"", "location: /x", status="302 R")
        answer, _ = await js.fetch(upstream.url, redirect="manual")
        assert (answer["status"], answer["redirected"]) == (302, False)
        assert "redirect" in await js.failure(upstream.url, redirect="error")


async def test_redirects_that_lead_nowhere_are_answers_or_errors() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"here", status="301 R")
        answer, body = await js.fetch(f"{upstream.url}/")
        assert (answer["status"], answer["redirected"], body) == (301, False, b"here")
        assert "redirect" in await js.failure(f"{upstream.url}/", redirect="error")
        upstream.answers["/"] = whole(b"", "location: /a", "location: /b", status="301 R")
        assert "several places" in await js.failure(f"{upstream.url}/")
        upstream.answers["/"] = whole(b"", "location: data:,x", status="301 R")
        assert "no URL of HTTP" in await js.failure(f"{upstream.url}/")


async def test_a_streamed_body_follows_only_to_where_it_is_not_sent() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/other"] = whole(b"ok")
        for status, rejected in [("301 R", True), ("303 R", False)]:
            upstream.answers["/"] = whole(b"", "location: /other", status=status)
            number = js.send(f"{upstream.url}/", method="POST", body="stream")
            js.bench.lane.turn(1, [["end", number]])
            while (record := (await js.next())[0])[0] not in {"resolve", "reject"}:
                pass
            assert (record[0] == "reject") is rejected
        assert upstream.seen[-1].method == "GET"


async def test_ports_of_other_protocols_and_other_protocols_are_refused() -> None:
    async with serve() as upstream, client() as js:
        assert await js.failure("http://127.0.0.1:25/") == "port 25 is not for HTTP"
        upstream.answers["/"] = (
            b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
        )
        assert "does not speak HTTP" in await js.failure(f"{upstream.url}/")


async def test_redirects_end_after_twenty() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"", "location: /", status="302 R")
        assert await js.failure(upstream.url) == "more than 20 redirects"
        assert len(upstream.seen) == 21


async def test_a_streamed_body_is_not_sent_twice() -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = whole(b"", "location: /", status="307 R")
        js.send(upstream.url, ["end", 1], method="POST", body="stream")
        record, _ = await js.next()
        assert "can not be sent again" in record[2]["message"]


@pytest.mark.parametrize("status", ["204 No", "304 Not"])
async def test_statuses_without_a_body_have_none(status: str) -> None:
    async with serve() as upstream, client() as js:
        upstream.answers["/"] = f"HTTP/1.1 {status}\r\n\r\n".encode()
        answer, _ = await js.fetch(upstream.url)
        assert answer["body"] is None
