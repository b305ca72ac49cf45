"""HTTP in, over a real server and a real socket, with a lane written in Python behind it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.worker_table import WorkerTable
from pools.protocol import Mode, Outcome, OutcomeKind, Start, Terminate
from runner.admission import Admission, AdmissionLimits
from runner.config import Address
from runner.dispatch import Dispatcher
from runner.drain import drain
from runner.errors import AddressError
from runner.exchange import Serving
from runner.ingress.http import HttpIngress
from runner.ingress.proxies import TrustedProxies
from runner.ingress.server import HttpServer, bind
from runner.pages import Pages
from tests.unit.runner.fake_lane import HELLO, OK, Bench, connect, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pools.protocol import Start as StartMessage
    from runner.journal import EventLine
    from tests.unit.runner.fake_lane import FakeLane


class Lanes:
    """A supervisor whose hosts never die by themselves."""

    def __init__(self, *benches: Bench) -> None:
        self.lanes = tuple(bench.client for bench in benches)

    async def serving(self, timeout_s: float) -> bool:
        return bool(self.lanes)


class Lines:
    """A journal that keeps the lines."""

    def __init__(self) -> None:
        self.events: list[EventLine] = []
        self.arrived = asyncio.Event()

    def console(self, deployment: object, level: str, text: str) -> None:
        pass

    def failure(self, deployment: object, outcome: object, context: object) -> None:
        pass

    def event(self, line: EventLine) -> None:
        self.events.append(line)
        self.arrived.set()

    async def next(self) -> EventLine:
        while not self.events:
            self.arrived.clear()
            await self.arrived.wait()
        return self.events.pop(0)


class Answer:
    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = dict(line.split(": ", 1) for line in lines)


HEAD = b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\n"


class Site:
    """The ingress with a worker ``hello`` on the given lanes."""

    def __init__(self, *benches: Bench, **limits: Any) -> None:
        self.benches = benches
        self.lane = benches[0].lane
        self.journal = Lines()
        self.table = WorkerTable(["workers.test"], Pages("http://127.0.0.1:1", "workers.test"))
        self.table.put(deployment("hello"))
        self.lanes = Lanes(*benches)
        self.admission = Admission(
            AdmissionLimits(
                per_worker=limits.get("per_worker", 10),
                waiting=limits.get("waiting", 10),
                wait_timeout_ms=0,
            )
        )
        self.serving = Serving(
            self.table,
            self.admission,
            Dispatcher(self.lanes, Mode.POOLED, 0),  # type: ignore[arg-type]
            self.journal,
            max_body_bytes=limits.get("max_body", 1000),
            expose_errors=True,
        )
        self.ingress = HttpIngress(
            self.serving, self.table, TrustedProxies(limits.get("trusted", ["loopback"]))
        )
        self.sock = bind(Address("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.server = HttpServer(self.ingress, self.sock)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, data: bytes) -> Answer:
        """Send bytes, and return what came back when the server closed."""
        reader, writer = await self.open()
        writer.write(data)
        raw = await reader.read()
        writer.close()
        await writer.wait_closed()
        return Answer(raw)

    async def get(
        self, target: str = "/", *headers: str, method: str = "GET", body: bytes = b""
    ) -> Answer:
        lines = [
            f"{method} {target} HTTP/1.1",
            "host: hello.workers.test:99",
            "connection: close",
            *headers,
        ]
        if body:
            lines.append(f"content-length: {len(body)}")
        return await self.send("\r\n".join([*lines, "", ""]).encode() + body)


@asynccontextmanager
async def site(lanes: int = 1, **limits: Any) -> AsyncIterator[Site]:
    benches = [await connect(name=f"{number}.0") for number in range(lanes)]
    made = Site(*benches, **limits)
    await made.server.start()
    try:
        yield made
    finally:
        await made.server.close()
        made.sock.close()


def quiet(lane: FakeLane, start: StartMessage) -> None:
    """Answer nothing."""


def answering(*records: Any, outcome: Outcome | None = OK, parts: tuple[bytes, ...] = ()) -> Any:
    return lambda lane, start: lane.turn(start.execution, list(records), *parts, outcome=outcome)


async def test_a_request_is_answered_by_its_worker() -> None:
    async with site() as http:
        answer = await http.get("/a%20b?c=d", "x-a: 1")
        assert (answer.status, answer.body) == (200, b"Hello")
        assert answer.headers["content-length"] == "5"
        assert len(answer.headers["x-request-id"]) == 32
        (start,) = http.lane.got(Start)
        event = json.loads(start.event)
        assert event["url"] == "http://hello.workers.test:99/a%20b?c=d"
        assert ["x-a", "1"] in event["headers"]
        assert event["body"] is None
        line = await http.journal.next()
        assert (line.status, line.worker, line.outcome) == (200, "hello", OutcomeKind.OK)
        assert http.admission.total == 0


async def test_connections_are_kept() -> None:
    async with site() as http:
        reader, writer = await http.open()
        for _ in range(3):
            writer.write(HEAD + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(5) == b"Hello"
        writer.close()


async def test_a_head_request_gets_no_body() -> None:
    async with site() as http:
        answer = await http.get(method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-length"] == "5"


async def test_a_small_body_goes_with_the_event() -> None:
    async with site() as http:
        await http.get(method="POST", body=b"payload")
        (start,) = http.lane.got(Start)
        assert json.loads(start.event)["body"] == "bytes"
        assert start.attachments == [b"payload"]


async def test_a_body_in_pieces_streams_to_the_worker() -> None:
    async with site() as http:
        http.lane.on_start = answering(["credit", 0, 1000], outcome=None)
        reader, writer = await http.open()
        writer.write(
            b"POST / HTTP/1.1\r\nhost: hello.workers.test\r\nconnection: close\r\n"
            b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n"
        )
        await http.lane.wait_for(http.lane.records)
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
        await http.lane.wait_for(lambda: http.lane.records()[-1][0] == ["end", 0])
        chunks = [parts[record[2]] for record, parts in http.lane.records() if record[0] == "chunk"]
        assert chunks == [b"one", b"two"]
        http.lane.turn(1, HELLO, outcome=OK)
        assert (await reader.read()).endswith(b"Hello")
        writer.close()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused(*, chunked: bool) -> None:
    async with site(max_body=10) as http:
        http.lane.on_start = answering(["credit", 0, 1000], outcome=None)
        if not chunked:
            answer = await http.get(method="POST", body=b"x" * 11)
            assert http.lane.got(Start) == []
        else:
            reader, writer = await http.open()
            writer.write(
                b"POST / HTTP/1.1\r\nhost: hello.workers.test\r\ntransfer-encoding: chunked\r\n\r\n"
                b"8\r\n12345678\r\n"
            )
            await http.lane.wait_for(http.lane.records)
            writer.write(b"8\r\n12345678\r\n")
            answer = Answer(await reader.read())
            await http.lane.wait_for(lambda: http.lane.got(Terminate))
            writer.close()
        assert answer.status == 413


async def test_a_response_streams_as_it_is_made() -> None:
    async with site() as http:
        http.lane.on_start = answering(["head", 200, "", [], {"stream": True}], outcome=None)
        reader, writer = await http.open()
        writer.write(b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\nconnection: close\r\n\r\n")
        assert b"chunked" in await reader.readuntil(b"\r\n\r\n")
        for text in (b"one", b"two"):
            http.lane.turn(1, [["chunk", 0, 0]], text)
            assert await reader.readexactly(8) == b"3\r\n" + text + b"\r\n"
        http.lane.turn(1, [["end", 0]], outcome=OK)
        assert await reader.read() == b"0\r\n\r\n"
        writer.close()


async def test_a_body_that_fails_is_cut_off() -> None:
    async with site() as http:
        http.lane.on_start = answering(
            ["head", 200, "", [], {"stream": True}],
            ["chunk", 0, 0],
            ["fail", 0, "oh no"],
            outcome=Outcome(OutcomeKind.EXCEPTION),
            parts=(b"abc",),
        )
        answer = await http.get()
        assert answer.body == b"3\r\nabc\r\n"
        assert "oh no" in (await http.journal.next()).problem


@pytest.mark.parametrize(("length", "sent"), [("2", b""), ("9", b"abc")])
async def test_a_length_that_is_wrong_cuts_the_connection(length: str, sent: bytes) -> None:
    async with site() as http:
        http.lane.on_start = answering(
            ["head", 200, "", [["content-length", length]], {"stream": True}],
            ["chunk", 0, 0],
            ["end", 0],
            parts=(b"abc",),
        )
        answer = await http.get()
        assert answer.body == sent
        assert "can not be sent" in (await http.journal.next()).problem


async def test_what_http_forbids_is_a_500_and_the_next_request_is_served() -> None:
    async with site() as http:
        http.lane.on_start = answering(["head", 200, "", [["x", "a\nb"]], {"text": ""}])
        answer = await http.get()
        assert answer.status == 500
        assert b"header 'x' is not allowed" in answer.body
        http.lane.on_start = answering(["head", 200, "", [], {"text": "fine"}])
        assert (await http.get()).body == b"fine"


async def test_an_outcome_is_told_as_json_to_those_who_ask() -> None:
    async with site() as http:
        http.lane.on_start = answering(outcome=Outcome(OutcomeKind.CPU_LIMIT))
        answer = await http.get("/", "accept: application/json", "x-request-id: mine")
        assert answer.status == 429
        assert answer.headers["x-termination-reason"] == "CpuTimeLimit"
        assert json.loads(answer.body)["error"]["requestId"] == "mine"
        assert answer.headers["x-request-id"] == "mine"


async def test_a_failed_handler_is_told_before_its_wait_until_has_ended() -> None:
    async with site() as http:
        http.lane.on_start = answering(["error", {"name": "E", "message": "m"}], outcome=None)
        answer = await http.get()
        assert (answer.status, answer.body) == (500, b"E: m\n")
        assert http.admission.total == 1
        http.lane.turn(1, outcome=Outcome(OutcomeKind.EXCEPTION))
        await http.journal.next()
        assert http.admission.total == 0


async def test_an_op_limit_is_a_429_before_its_wait_until_has_ended() -> None:
    async with site() as http:
        record = ["error", {"name": "Error", "message": "m"}, "op_limit"]
        http.lane.on_start = answering(record, outcome=None)
        answer = await http.get()
        assert (answer.status, answer.body) == (429, b"Error: m\n")
        assert answer.headers["x-termination-reason"] == "OpLimit"
        http.lane.turn(1, outcome=Outcome(OutcomeKind.OP_LIMIT))
        assert (await http.journal.next()).outcome is OutcomeKind.OP_LIMIT


async def test_a_client_that_leaves_early_is_noticed() -> None:
    async with site() as http:
        http.lane.on_start = quiet
        _, writer = await http.open()
        writer.write(b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\n\r\n")
        await http.lane.wait_for(lambda: http.lane.got(Start))
        writer.close()
        await http.lane.wait_for(http.lane.records)
        assert http.lane.records() == [(["stop", "client"], [])]
        http.lane.turn(1, HELLO, outcome=OK)
        assert (await http.journal.next()).status == 0


async def test_a_client_that_leaves_a_stream_cancels_it() -> None:
    async with site() as http:
        http.lane.on_start = answering(["head", 200, "", [], {"stream": True}], outcome=None)
        reader, writer = await http.open()
        writer.write(b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await http.lane.wait_for(lambda: len(http.lane.records()) == 2)
        assert sorted(record for record, _ in http.lane.records()) == [
            ["cancel", 0, "the client left"],
            ["stop", "client"],
        ]
        http.lane.turn(1, outcome=OK)
        await http.journal.next()


async def test_a_safe_request_is_tried_again_when_its_host_was_lost() -> None:
    async with site(lanes=2) as http:
        for bench in http.benches:
            bench.lane.on_start = lambda lane, _start: lane.transport.abort()
        first, second = http.benches
        second.lane.on_start = answering(["head", 200, "", [], {"text": "second"}])
        answers = [await http.get()]
        http.lanes.lanes = (second.client,)
        assert answers[0].body == b"second"
        assert len(first.lane.got(Start)) + len(second.lane.got(Start)) == 2 or not first.lane.got(
            Start
        )


async def test_an_unsafe_request_is_not_tried_again() -> None:
    async with site(lanes=2) as http:
        for bench in http.benches:
            bench.lane.on_start = lambda lane, _start: lane.transport.abort()
        answer = await http.get(method="POST", body=b"x")
        assert answer.status == 502
        assert answer.headers["x-termination-reason"] == "HostLost"


async def test_too_many_who_wait_are_sent_away() -> None:
    async with site(per_worker=1, waiting=0) as http:
        http.lane.on_start = quiet
        _, writer = await http.open()
        writer.write(b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\n\r\n")
        await http.lane.wait_for(lambda: http.lane.got(Start))
        answer = await http.get()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-termination-reason"] == "Overloaded"
        http.lane.turn(1, HELLO, outcome=OK)
        await http.journal.next()
        writer.close()


async def test_a_worker_that_has_all_it_may_have_is_no_overload() -> None:
    async with site(per_worker=1) as http:
        http.lane.on_start = quiet
        _, writer = await http.open()
        writer.write(b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\n\r\n")
        await http.lane.wait_for(lambda: http.lane.got(Start))
        answer = await http.get()
        assert answer.status == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-termination-reason"] == "ConcurrencyLimit"
        http.lane.turn(1, HELLO, outcome=OK)
        await http.journal.next()
        writer.close()


async def test_headers_that_choose_a_worker_count_from_trusted_proxies_alone() -> None:
    async with site() as http:
        assert (await http.get("/", "x-worker-name: nobody")).status == 502
    async with site(trusted=["10.0.0.0/8"]) as http:
        assert (await http.get("/", "x-worker-name: nobody")).status == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n", 400),
        (b"TRACE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 405),
        (b"GET /x HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n", 502),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"x" * 70_000, 431),
    ],
)
async def test_requests_that_are_none_get_an_answer(data: bytes, status: int) -> None:
    async with site() as http:
        if b"connection: close" in data or status in {431, 400}:
            data = data.replace(b"host: b\r\n", b"host: b\r\nconnection: close\r\n")
        assert (await http.send(data)).status == status


async def test_the_bare_address_lists_the_workers() -> None:
    async with site() as http:
        line = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        text = await http.send(line + b"\r\n")
        assert text.body == b"curl -H 'x-worker-name: hello' http://127.0.0.1:1/\n"
        page = await http.send(line + b"accept: text/html,*/*\r\n\r\n")
        assert b'<a href="http://hello.workers.test:1/">hello</a>' in page.body
        listed = await http.send(line + b"accept: application/json\r\n\r\n")
        assert [worker["name"] for worker in json.loads(listed.body)["workers"]] == ["hello"]
        icon = await http.send(line.replace(b"GET /", b"GET /favicon.ico") + b"\r\n")
        assert icon.status == 204


async def test_draining_finishes_what_runs_and_refuses_the_rest() -> None:
    async with site() as http:
        http.lane.on_start = quiet
        reader, writer = await http.open()
        writer.write(b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\nconnection: close\r\n\r\n")
        await http.lane.wait_for(lambda: http.lane.got(Start))
        other_reader, other = await http.open()
        http.admission.draining = True
        draining = asyncio.ensure_future(
            drain(lambda: set(http.benches[0].client.running.values()), 60_000)
        )
        await http.lane.wait_for(http.lane.records)
        assert http.lane.records() == [(["stop", "drain"], [])]
        other.write(b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\nconnection: close\r\n\r\n")
        refused = Answer(await other_reader.read())
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        http.lane.turn(1, HELLO, outcome=OK)
        assert await draining == 0
        assert (await reader.read()).endswith(b"Hello")
        writer.close()
        other.close()


async def test_what_does_not_finish_in_time_is_ended() -> None:
    async with site() as http:
        http.lane.on_start = quiet
        reader, writer = await http.open()
        writer.write(b"GET / HTTP/1.1\r\nhost: hello.workers.test\r\nconnection: close\r\n\r\n")
        await http.lane.wait_for(lambda: http.lane.got(Start))
        draining = asyncio.ensure_future(
            drain(lambda: set(http.benches[0].client.running.values()), 0)
        )
        await http.lane.wait_for(lambda: http.lane.got(Terminate))
        http.lane.turn(1, outcome=Outcome(OutcomeKind.TERMINATED))
        assert await draining == 1
        answer = Answer(await reader.read())
        assert (answer.status, answer.headers["x-termination-reason"]) == (503, "Terminated")
        writer.close()


def test_a_taken_port_says_which_and_what_to_do() -> None:
    taken = bind(Address("127.0.0.1", 0))
    address = Address(*taken.getsockname())
    with pytest.raises(AddressError, match=f"{address}: address already in use; stop what listens"):
        bind(address)
    taken.close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressError, match="give an address of this machine"):
        bind(Address("192.0.2.1", 0))


async def test_an_idle_connection_is_closed_after_a_minute_and_a_quarter() -> None:
    async with site() as http:
        reader, writer = await http.open()
        for _ in range(2):
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b"Hello")).startswith(b"HTTP/1.1 200")
            http.server.sweep(asyncio.get_running_loop().time() + 74)
        http.server.sweep(asyncio.get_running_loop().time() + 76)
        assert await reader.read() == b""
        writer.close()


async def test_who_is_being_answered_is_not_idle() -> None:
    async with site() as http:
        http.lane.on_start = quiet
        reader, writer = await http.open()
        writer.write(HEAD + b"\r\n")
        (start,) = await http.lane.wait_for(lambda: http.lane.got(Start))
        http.server.sweep(asyncio.get_running_loop().time() + 1000)
        http.lane.turn(start.execution, HELLO, outcome=OK)
        assert (await reader.readuntil(b"Hello")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_who_connects_and_says_nothing_is_cut_off() -> None:
    async with site() as http:
        reader, writer = await http.open()
        rest = asyncio.create_task(reader.read())
        while not rest.done():
            http.server.sweep(asyncio.get_running_loop().time() + 31)
            await asyncio.sleep(0)
        assert await rest == b""
        writer.close()
