"""The gateway between real HTTP and a real bus, with runners whose lanes are written in Python."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from pools.protocol import STREAM_WINDOW_BYTES, Outcome, OutcomeKind, Start
from runner.config import Address
from runner.ingress.proxies import TrustedProxies
from runner.ingress.server import HttpServer, bind
from runner.nats.client import pairs_of
from runner.nats.connection import open_bus
from runner.nats.gateway import Gateway, GatewayServer
from runner.nats.requester import Requester
from tests.integration.nats.fleet import runner
from tests.integration.nats.server import NatsServer
from tests.unit.runner.fake_lane import HELLO, OK
from tests.unit.runner.test_http_ingress import Answer, Lines, answering, quiet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from nats.aio.msg import Msg

    from tests.integration.nats.fleet import FakeRunner
    from tests.unit.runner.fake_lane import FakeLane

STREAM = ["head", 200, "", [["content-type", "text/event-stream"]], {"stream": True}]


class Front:
    """A gateway on a socket."""

    def __init__(self, requester: Requester, **options: Any) -> None:
        self.journal = Lines()
        self.sock = bind(Address("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.requester = requester
        self.gateway = Gateway(
            requester,
            TrustedProxies(options.get("trusted", ["loopback"])),
            self.journal,
            ["workers.test"],
            options.get("max_body", 10_000_000),
        )
        self.server = GatewayServer(self.gateway, HttpServer(self.gateway, self.sock))

    async def open(self, *lines: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join([*lines, "", ""]).encode())
        return reader, writer

    async def get(
        self,
        target: str = "/",
        *headers: str,
        method: str = "GET",
        host: str = "hello.workers.test:99",
        body: bytes = b"",
    ) -> Answer:
        lines = [f"{method} {target} HTTP/1.1", f"host: {host}", "connection: close", *headers]
        if body:
            lines.append(f"content-length: {len(body)}")
        reader, writer = await self.open(*lines)
        writer.write(body)
        raw = await reader.read()
        writer.close()
        await writer.wait_closed()
        return Answer(raw)


@asynccontextmanager
async def front(url: str, timeout_s: float = 0, **options: Any) -> AsyncIterator[Front]:
    async with open_bus([url], name="gateway") as bus:
        made = Front(Requester(bus, timeout_s), **options)
        await made.server.start()
        await bus.flush()
        try:
            yield made
        finally:
            await made.server.close()
            made.sock.close()


@asynccontextmanager
async def pair(url: str, **options: Any) -> AsyncIterator[tuple[FakeRunner, Front]]:
    limits = {"max_body": 10_000_000}
    async with runner(url, **limits) as one, front(url, **options) as other:
        yield one, other


def told(lane: FakeLane, *record: object) -> bool:
    return list(record) in [found[: len(record)] for found, _ in lane.records()]


async def test_a_request_reaches_its_worker_and_comes_back(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        answer = await http.get("/a%20b?c=d", "x-a: 1", "x-a: 2")
        assert (answer.status, answer.body) == (200, b"Hello")
        assert answer.headers["content-type"] == "text/plain"
        assert answer.headers["content-length"] == "5"
        assert not [name for name in answer.headers if name.startswith("fetch-")]
        (start,) = one.lane.got(Start)
        event = json.loads(start.event)
        assert event["url"] == "http://hello.workers.test:99/a%20b?c=d"
        assert [value for name, value in event["headers"] if name == "x-a"] == ["1", "2"]
        assert ["x-request-id", answer.headers["x-request-id"]] in event["headers"]
        line = await http.journal.next()
        assert (line.status, line.method) == (200, "GET")


@pytest.mark.parametrize(
    ("host", "header"),
    [
        ("hello.workers.test", "x-none: 1"),
        ("127.0.0.1", "x-worker-name: hello"),
        ("HELLO.WORKERS.TEST.", "x-none: 1"),
    ],
)
async def test_the_worker_is_named_by_header_or_host(nats_url: str, host: str, header: str) -> None:
    async with pair(nats_url) as (_, http):
        assert (await http.get("/", header, host=host)).status == 200


async def test_a_host_that_only_the_fleet_knows_is_resolved_by_a_runner(nats_url: str) -> None:
    async with pair(nats_url) as (_, http):
        answer = await http.get(host="shop.example")
        assert answer.status == 502
        assert b"shop.example" in answer.body


async def test_a_stranger_names_no_worker(nats_url: str) -> None:
    async with pair(nats_url, trusted=["10.0.0.0/8"]) as (one, http):
        answer = await http.get("/", "x-worker-name: hello", host="127.0.0.1")
        assert answer.status == 502
        assert not one.lane.got(Start)


async def test_a_client_can_say_nothing_in_the_gateways_place(nats_url: str) -> None:
    async with pair(nats_url, trusted=["10.0.0.0/8"]) as (one, http):
        own = "Fetch-Worker: hello", "FETCH-URL: http://hello.workers.test/", "fetch-body: stream"
        answer = await http.get("/", *own, host="127.0.0.1")
        assert answer.status == 502
        answer = await http.get("/", *own, "nats-msg-id: 1", "sec-fetch-mode: cors")
        assert answer.status == 200
        (start,) = one.lane.got(Start)
        event = json.loads(start.event)
        assert event["url"] == "http://hello.workers.test:99/"
        names = {name for name, _ in event["headers"]}
        assert names == {"host", "sec-fetch-mode", "x-request-id"}


async def test_a_worker_can_say_nothing_in_the_runners_place(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        own = [["fetch-status", "500"], ["Fetch-Part", "head"], ["nats-msg-id", "1"], ["a", "b"]]
        one.lane.on_start = answering(["head", 201, "", own, {"text": "yes"}])
        answer = await http.get()
        assert (answer.status, answer.body) == (201, b"yes")
        assert answer.headers["a"] == "b"
        assert not [name for name in answer.headers if name.startswith(("fetch-", "nats-"))]


async def test_an_id_that_is_none_is_400(nats_url: str) -> None:
    async with pair(nats_url) as (_, http):
        assert (await http.get("/", "x-worker-id: hello")).status == 400


async def test_a_stream_comes_as_it_is_made(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        one.lane.on_start = answering(STREAM, outcome=None)
        reader, writer = await http.open("GET / HTTP/1.1", "host: hello.workers.test")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        one.lane.turn(1, [["chunk", 0, 0]], b"data: 1\n\n")
        assert b"data: 1" in await reader.readuntil(b"\n\n")
        one.lane.turn(1, [["chunk", 0, 0], ["end", 0]], b"data: 2\n\n", outcome=OK)
        assert b"data: 2" in await reader.readuntil(b"\n\n")
        await reader.readuntil(b"0\r\n\r\n")
        writer.close()


async def test_a_stream_goes_on_as_its_client_reads(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        one.lane.on_start = answering(STREAM, outcome=None)
        reader, writer = await http.open(
            "GET / HTTP/1.1", "host: hello.workers.test", "connection: close"
        )
        await reader.readuntil(b"\r\n\r\n")
        piece = bytes(1 << 16)
        for _ in range(4):
            one.lane.turn(1, [["chunk", 0, 0]], piece)
        # The lane is told to go on only because the client takes what came.
        await one.lane.wait_for(lambda: told(one.lane, "credit", 0))
        one.lane.turn(1, [["chunk", 0, 0]], piece)
        one.lane.turn(1, [["end", 0]], outcome=OK)
        raw = await reader.read()
        assert raw.count(b"\0") == 5 * len(piece)
        writer.close()


async def test_a_stream_that_fails_is_cut(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        one.lane.on_start = answering(STREAM, outcome=None)
        reader, writer = await http.open("GET / HTTP/1.1", "host: hello.workers.test")
        await reader.readuntil(b"\r\n\r\n")
        one.lane.turn(1, [["fail", 0, "oh no"]], outcome=OK)
        assert not (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()


async def test_a_body_comes_with_the_request(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        answer = await http.get(method="POST", body=b"payload")
        assert answer.status == 200
        (start,) = one.lane.got(Start)
        assert start.attachments == [b"payload"]


async def test_a_body_larger_than_a_message_streams_to_the_worker(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        one.lane.on_start = answering(["credit", 0, STREAM_WINDOW_BYTES], outcome=None)
        body = bytes(range(256)) * 12_000
        asking = asyncio.create_task(http.get(method="POST", body=body))
        taken, ended = 0, False
        while not ended:
            for record, parts in await one.lane.wait_for(one.lane.records):
                ended = record[0] == "end"
                if not ended:
                    data = parts[record[2]]
                    assert data == body[taken : taken + len(data)]
                    taken += len(data)
                    one.lane.turn(1, [["credit", 0, len(data)]])
            one.lane.messages.clear()
        assert taken == len(body)
        one.lane.turn(1, json.loads(HELLO), outcome=OK)
        assert (await asking).status == 200


async def test_a_body_that_is_too_large_is_413(nats_url: str) -> None:
    async with pair(nats_url, max_body=10) as (one, http):
        answer = await http.get(method="POST", body=bytes(11))
        assert answer.status == 413
        assert not one.lane.got(Start)


async def test_a_body_that_turns_out_too_large_is_413_and_ends_the_execution(nats_url: str) -> None:
    async with pair(nats_url, max_body=10) as (one, http):
        one.lane.on_start = answering(["credit", 0, 1000], outcome=None)
        reader, writer = await http.open(
            "POST / HTTP/1.1", "host: hello.workers.test", "transfer-encoding: chunked"
        )
        writer.write(b"5\r\nfirst\r\n")
        await one.lane.wait_for(one.lane.records)
        writer.write(b"9\r\nmore more\r\n")
        assert b" 413 " in await reader.read()
        await one.lane.wait_for(lambda: told(one.lane, "stop", "client"))
        one.lane.turn(1, b"", outcome=Outcome(OutcomeKind.ABORTED))
        writer.close()


async def test_without_a_runner_the_answer_is_503_at_once(nats_url: str) -> None:
    async with front(nats_url) as http:
        answer = await http.get()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")


async def test_without_nats_the_answer_is_503_at_once(tmp_path: Path) -> None:
    async with NatsServer(tmp_path) as server, pair(server.url) as (one, http):
        again = asyncio.Event()
        both = [one.bus, http.requester.bus]
        for bus in both:
            bus.on_reconnect.append(lambda: again.set() if all(b.connected for b in both) else None)
        gone = asyncio.Event()
        http.requester.bus.on_disconnect.append(gone.set)
        await server.stop()
        await gone.wait()
        answer = await http.get()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        await server.start()
        await again.wait()
        assert (await http.get()).status == 200


async def test_an_answer_that_takes_too_long_is_504_and_the_worker_is_told(nats_url: str) -> None:
    async with pair(nats_url, timeout_s=0.1) as (one, http):
        one.lane.on_start = quiet
        answer = await http.get()
        assert (answer.status, answer.headers["x-termination-reason"]) == (504, "WallClockTimeout")
        await one.lane.wait_for(lambda: told(one.lane, "stop", "client"))
        one.lane.turn(1, b"", outcome=Outcome(OutcomeKind.ABORTED))


async def test_a_client_that_leaves_early_is_told_to_the_worker(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        one.lane.on_start = quiet
        _, writer = await http.open("GET / HTTP/1.1", "host: hello.workers.test")
        await one.lane.wait_for(lambda: one.lane.got(Start))
        writer.close()
        await one.lane.wait_for(lambda: told(one.lane, "stop", "client"))
        one.lane.turn(1, b"", outcome=Outcome(OutcomeKind.ABORTED))
        assert (await http.journal.next()).status == 0


async def test_a_client_that_leaves_a_stream_is_told_to_the_worker(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        one.lane.on_start = answering(STREAM, outcome=None)
        reader, writer = await http.open("GET / HTTP/1.1", "host: hello.workers.test")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await one.lane.wait_for(lambda: told(one.lane, "stop", "client"))
        one.lane.turn(1, b"", outcome=OK)


async def test_a_runner_lost_in_the_middle_of_a_stream_cuts_it(nats_url: str) -> None:
    async with front(nats_url) as http:
        async with runner(nats_url) as one:
            one.lane.on_start = answering(STREAM, outcome=None)
            reader, writer = await http.open("GET / HTTP/1.1", "host: hello.workers.test")
            await reader.readuntil(b"\r\n\r\n")
            crash(one)
            assert not (await reader.read()).endswith(b"0\r\n\r\n")
            one.lane.turn(1, b"", outcome=OK)
        writer.close()


async def test_a_safe_request_whose_runner_is_lost_is_asked_again(nats_url: str) -> None:
    async with front(nats_url) as http, runner(nats_url) as one:
        one.lane.on_start = quiet
        asking = asyncio.create_task(http.get())
        await one.lane.wait_for(lambda: one.lane.got(Start))
        await until_waiting(http)
        crash(one)
        async with runner(nats_url) as two:
            assert (await asking).body == b"Hello"
            assert two.lane.got(Start)
        one.lane.turn(1, b"", outcome=OK)


async def test_a_request_that_may_have_done_something_is_not_asked_again(nats_url: str) -> None:
    async with front(nats_url) as http, runner(nats_url) as one:
        one.lane.on_start = quiet
        asking = asyncio.create_task(http.get(method="POST"))
        await one.lane.wait_for(lambda: one.lane.got(Start))
        await until_waiting(http)
        crash(one)
        async with runner(nats_url) as two:
            answer = await asking
            assert (answer.status, answer.headers["x-termination-reason"]) == (502, "HostLost")
            assert not two.lane.got(Start)
        one.lane.turn(1, b"", outcome=OK)


async def test_a_gateway_that_drains_finishes_what_it_began(nats_url: str) -> None:
    async with pair(nats_url) as (one, http):
        one.lane.on_start = quiet
        asking = asyncio.create_task(http.get())
        await one.lane.wait_for(lambda: one.lane.got(Start))
        draining = asyncio.create_task(http.server.drain(10))
        one.lane.turn(1, json.loads(HELLO), outcome=OK)
        assert (await asking).body == b"Hello"
        await draining
        with pytest.raises(ConnectionError):
            await http.get()


def crash(one: FakeRunner) -> None:
    """End a runner's connection as the end of its process does; it may not come back."""
    client = one.bus.client
    client.options["allow_reconnect"] = False
    assert client._transport is not None
    client._transport.close()  # type: ignore[no-untyped-call]


async def until_waiting(http: Front) -> None:
    """Wait until the runner has said where it is."""
    (call,) = http.requester._calls.values()
    arrived = asyncio.Event()
    hear = call.hear

    def spy(message: Any) -> None:
        hear(message)
        arrived.set()

    call.hear = spy  # type: ignore[method-assign]
    await arrived.wait()


@asynccontextmanager
async def scripted(url: str, *answers: tuple[int, str]) -> AsyncIterator[list[str]]:
    """Serve in the runners' place: each request gets the next status and termination reason; yields the methods asked."""
    asked: list[str] = []

    async def answer(message: Msg) -> None:
        status, reason = answers[min(len(asked), len(answers) - 1)]
        asked.append(dict(pairs_of(message))["Fetch-Method"])
        headers = [("Fetch-Part", "whole"), ("Fetch-Status", f"{status}")]
        headers += [("x-termination-reason", reason)] if reason else []
        await bus.publish(message.reply, b"x", headers=headers)

    async with open_bus([url], name="scripted") as bus:
        await bus.subscribe("fetch.*", answer, queue="runner")
        await bus.flush()
        yield asked


@pytest.mark.parametrize(
    ("method", "answers", "status", "tries"),
    [
        ("GET", [(503, "Overloaded"), (200, "")], 200, 2),
        ("GET", [(503, "Overloaded"), (503, "Overloaded"), (200, "")], 503, 2),
        ("POST", [(503, "Overloaded"), (200, "")], 503, 1),
        ("GET", [(503, "Terminated"), (200, "")], 503, 1),
        ("GET", [(503, ""), (200, "")], 503, 1),
        ("GET", [(429, "Overloaded"), (200, "")], 429, 1),
    ],
)
async def test_a_safe_request_that_found_no_place_is_tried_once_more(
    nats_url: str, method: str, answers: list[tuple[int, str]], status: int, tries: int
) -> None:
    async with scripted(nats_url, *answers) as asked, front(nats_url) as http:
        assert (await http.get(method=method)).status == status
        assert asked == [method] * tries
