"""Connections that fail or stand still, the guard, and how failures read."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import pytest

from runner.ops import fetch as fetch_op
from runner.ops.addresses import AddressPolicy
from runner.ops.transport import GuardedTransport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]
from tests.unit.runner.fetch_upstream import Client, Seen, client, serve, whole


async def test_an_idle_connection_that_was_closed_meanwhile_does_no_harm() -> None:
    async def once(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(b"ok"))
        await writer.drain()
        writer.close()

    async with serve() as upstream, client() as js:
        upstream.answers["/"] = once
        for _ in range(3):
            assert (await js.fetch(upstream.url))[1] == b"ok"


async def test_failures_say_what_and_why(unused_tcp_port: int) -> None:
    async def nonsense(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense\r\n\r\n")
        await writer.drain()
        writer.close()

    async with serve() as upstream, client() as js:
        upstream.answers["/"] = nonsense
        port = unused_tcp_port
        assert (
            await js.failure(f"http://127.0.0.1:{port}/")
            == f"127.0.0.1:{port} refused the connection"
        )
        assert (
            await js.failure("http://no-such-host.invalid/")
            == "there is no host no-such-host.invalid"
        )
        assert "does not speak HTTP" in await js.failure(upstream.url)
        upstream.greeting = b"220 hello\r\n"
        assert "does not speak TLS" in await js.failure(upstream.url.replace("http:", "https:"))
        upstream.greeting = b""
        assert "no URL" in await js.failure("ftp://example.com/")
        assert "no URL" in await js.failure("http://[::1/")
        assert "header" in await js.failure(upstream.url, headers=[["x", "a\nb"]])
        assert "U+00FF" in await js.failure(upstream.url, headers=[["x", "€"]])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
)
async def test_the_guard_sees_through_every_way_to_write_an_address(host: str) -> None:
    async with serve() as upstream, client(AddressPolicy()) as js:
        url = upstream.url.replace("127.0.0.1", host)
        assert "is not a public address" in await js.failure(url)
        assert upstream.seen == []


async def test_the_guard_judges_where_a_redirect_leads() -> None:
    async with serve() as open_, serve() as closed, client() as js:
        policy = AddressPolicy(allowed=["127.0.0.1"])
        fetch = js.bench.ops._handlers["fetch"]
        fetch._transport._pool._backend._policy = policy  # type: ignore[attr-defined]
        port = closed.url.rpartition(":")[2]
        open_.answers["/"] = whole(b"", f"location: http://127.0.0.2:{port}/", status="302 R")
        assert "127.0.0.2 is not a public address" in await js.failure(open_.url)


async def test_a_server_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fetch_op._TIMEOUTS, "read", 0.05)

    async def silent(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def half(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        await asyncio.Event().wait()

    async with serve() as upstream, client() as js:
        upstream.answers |= {"/silent": silent, "/half": half}
        assert await js.failure(f"{upstream.url}/silent") == "nothing moved for 60 s"
        answer, _ = await js.fetch(f"{upstream.url}/half")
        assert answer["body"] == "stream"
        assert "nothing moved" in await js.broken_body(2)


async def test_a_connection_is_never_another_tenants() -> None:
    used: list[Any] = []

    async def note(seen: Seen, writer: asyncio.StreamWriter) -> None:
        used.append(writer.get_extra_info("peername"))
        writer.write(whole(b""))

    async with serve() as upstream:
        upstream.answers["/"] = note
        async with GuardedTransport(AddressPolicy(allow_all=True), 10) as transport:
            for tenant in ["a", "a", "b", "a", "b"]:
                request = httpx.Request("GET", upstream.url, extensions={"tenant": tenant})
                response = await transport.handle_async_request(request)
                await response.aread()
        first, again, other, third, last = used
        assert first == again == third
        assert other == last != first


async def test_failures_have_a_code_for_programs(unused_tcp_port: int) -> None:
    async def code(js: Client, url: str) -> str:
        js.send(url)
        record, _ = await js.next()
        return str(record[2]["code"])

    async with serve() as upstream, client() as js:
        assert await code(js, f"http://127.0.0.1:{unused_tcp_port}/") == "ECONNREFUSED"
        assert await code(js, "http://no-such-host.invalid/") == "ENOTFOUND"
        upstream.greeting = b"nothing of HTTP\r\n\r\n"
        assert await code(js, upstream.url) == "EPROTO"
    async with client(AddressPolicy()) as js:
        assert await code(js, "http://127.0.0.1/") == "EACCES"


async def test_arguments_of_another_shape_end_the_host() -> None:
    async with client() as js:
        js.bench.lane.turn(1, [["op", 1, "fetch", {"method": 1}]])
        while not js.bench.host.ended:
            await asyncio.sleep(0)
        assert "arguments of fetch" in js.bench.host.ended[0]
        assert json.dumps(js.bench.host.ended)


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (httpcore.ReadTimeout, httpx.ReadTimeout),
        (httpcore.ConnectError, httpx.ConnectError),
        (httpcore.LocalProtocolError, httpx.LocalProtocolError),
        (type("Newer", (httpcore.NetworkError,), {}), httpx.NetworkError),
    ],
)
async def test_the_transport_raises_the_errors_of_httpx(
    raised: type[Exception], seen: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise raised("why")

    monkeypatch.setattr(httpcore.AsyncConnectionPool, "handle_async_request", fail)
    async with GuardedTransport(AddressPolicy(allow_all=True), 1) as transport:
        with pytest.raises(httpx.TransportError, match="why") as caught:
            await transport.handle_async_request(httpx.Request("GET", "http://a.test/"))
    assert type(caught.value) is seen
