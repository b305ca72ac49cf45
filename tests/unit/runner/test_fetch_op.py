"""The fetch op against a real HTTP server: redirects, bodies, encodings, the guard, and how failures read."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import brotli
import httpcore
import httpx
import pytest
from backports import zstd

from pools.protocol import STREAM_WINDOW_BYTES, Start
from runner.execution import Response
from runner.ops import fetch as fetch_op
from runner.ops.addresses import AddressPolicy
from runner.ops.fetch import Fetch
from runner.ops.transport import GuardedTransport
from runner.streams import ByteStream
from tests.unit.runner.fake_lane import Bench, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pools.protocol import Start as StartMessage
    from runner.execution import Execution
    from tests.unit.runner.fake_lane import FakeLane

    Handler = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]


class Seen:
    """A request as the server got it."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body


class Upstream:
    """A server that answers with what a test wrote for the path."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Handler] = {}
        self.seen: list[Seen] = []
        self.url = ""
        self.greeting = b""
        self.tasks: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self.greeting)
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").strip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines)
                }
                body = b""
                if headers.get("transfer-encoding") == "chunked":
                    while size := int(await reader.readline(), 16):
                        body += (await reader.readexactly(size + 2))[:-2]
                    await reader.readline()
                elif length := int(headers.get("content-length", "0")):
                    body = await reader.readexactly(length)
                seen = Seen(method, target, headers, body)
                self.seen.append(seen)
                answer = self.answers[target]
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(seen, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def serve() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.close()


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Client:
    """Makes fetch ops in one execution."""

    execution: Execution

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._ops = 0
        self._taken = 0

    async def next(self) -> tuple[list[Any], list[bytes]]:
        """Return the next record that the core would get."""
        records = await self.bench.lane.wait_for(
            lambda: found if len(found := self.bench.lane.records()) > self._taken else None
        )
        self._taken += 1
        return records[self._taken - 1]  # type: ignore[no-any-return]

    def send(self, url: str, *extra: list[Any], **changes: Any) -> int:
        self._ops += 1
        args = {
            "method": "GET",
            "url": url,
            "headers": [],
            "redirect": "follow",
            "body": None,
        } | changes
        attachments = [args.pop("attachment")] if "attachment" in args else []
        op = ["op", self._ops, "fetch", args, *([0] if attachments else [])]
        self.bench.lane.turn(1, [op, *extra], *attachments)
        return self._ops

    async def fetch(self, url: str, **changes: Any) -> tuple[dict[str, Any], bytes]:
        """Return the answer, with its body if that came along."""
        number = self.send(url, **changes)
        record, attachments = await self.next()
        assert record[:2] == ["resolve", number], record
        return record[2], attachments[record[3]] if len(record) > 3 else b""

    async def failure(self, url: str, **changes: Any) -> str:
        number = self.send(url, **changes)
        record, _ = await self.next()
        assert record[:2] == ["reject", number], record
        assert record[2]["name"] == "TypeError"
        assert record[2]["message"].startswith("fetch failed: ")
        return str(record[2]["message"]).removeprefix("fetch failed: ")

    async def broken_body(self, number: int) -> str:
        """Read a streamed body until it fails, and return why."""
        self.bench.lane.turn(1, [["credit", number, STREAM_WINDOW_BYTES]])
        while (record := (await self.next())[0])[0] == "chunk":
            pass
        assert record[:2] == ["fail", number], record
        return str(record[2]["message"])

    async def body(self, number: int) -> bytes:
        """Read a streamed body to its end."""
        self.bench.lane.turn(1, [["credit", number, STREAM_WINDOW_BYTES]])
        body = b""
        while True:
            record, attachments = await self.next()
            if record[0] == "end":
                return body
            assert record[0] == "chunk", record
            chunk = attachments[record[2]]
            body += chunk
            self.bench.lane.turn(1, [["credit", number, len(chunk)]])


def quiet(lane: FakeLane, start: StartMessage) -> None:
    """Answer nothing."""


@asynccontextmanager
async def client(policy: AddressPolicy | None = None) -> AsyncIterator[Client]:
    fetch = Fetch(policy or AddressPolicy(allow_all=True), 10, "Isolane/test")
    bench = await connect({"fetch": fetch})
    bench.lane.on_start = quiet
    execution = bench.start()
    await bench.lane.wait_for(lambda: bench.lane.got(Start))
    try:
        js = Client(bench)
        js.execution = execution
        yield js
    finally:
        await bench.ops.close()
        await fetch.close()


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
