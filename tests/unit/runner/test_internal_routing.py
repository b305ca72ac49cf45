"""Requests from worker to worker: what stays inside, who may call whom, what the callee gets to see, streams and ends."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from benchmarks.worker_table import WorkerTable
from pools.protocol import STREAM_WINDOW_BYTES, Deliver, Mode, Start
from runner.admission import Admission, AdmissionLimits
from runner.bindings import ServiceBinding
from runner.calls import Calls
from runner.deployments import worker_id
from runner.dispatch import Dispatcher
from runner.events.context import EventContext
from runner.events.trace import parse_traceparent
from runner.exchange import Serving
from runner.ops.addresses import AddressPolicy
from runner.ops.fetch import Fetch
from runner.ops.internal import InternalRoutes
from runner.ops.service import Service
from tests.unit.runner.fake_lane import HELLO, OK, connect, deployment
from tests.unit.runner.fetch_upstream import Client, serve, whole
from tests.unit.runner.test_http_ingress import Lanes, Lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pools.protocol import Start as StartMessage
    from runner.deployments import Deployment
    from tests.unit.runner.fake_lane import FakeLane

MINE = "http://mine.workers.test"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def worker(name: str, tenant: str = "t", **changes: Any) -> Deployment:
    made = deployment(name, tenant=tenant)
    return msgspec.structs.replace(made, worker=worker_id(tenant, name), **changes)


class House(Client):
    """One execution of the worker ``caller`` (tenant t) is under way on a lane, and others can be called there."""

    def __init__(
        self, bench: Any, table: WorkerTable, journal: Lines, admission: Admission
    ) -> None:
        super().__init__(bench)
        self.table = table
        self.journal = journal
        self.admission = admission

    def answer(self, *records: Any, outcome: Any = OK, parts: tuple[bytes, ...] = ()) -> None:
        """Have every call answered so."""
        self.bench.lane.on_start = lambda lane, start: lane.turn(
            start.execution, list(records), *parts, outcome=outcome
        )

    async def called(self, number: int = 0) -> StartMessage:
        """Return the call, the first one without a number."""
        starts = await self.bench.lane.wait_for(
            lambda: found if len(found := self.bench.lane.got(Start)) > number + 1 else None
        )
        return starts[number + 1]  # type: ignore[no-any-return]

    async def event(self, number: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self.called(number)).event)
        return found

    async def status(self, url: str, **changes: Any) -> int:
        answer, _ = await self.fetch(url, **changes)
        return int(answer["status"])

    def send_service(self, binding: str, url: str = "https://x.test/", **changes: Any) -> int:
        self._ops += 1
        args: dict[str, Any] = {"method": "GET", "url": url, "headers": [], "binding": binding}
        self.bench.lane.turn(1, [["op", self._ops, "service", args | changes]])
        return self._ops

    def records_of(self, execution: int) -> list[Any]:
        return [
            record
            for message in self.bench.lane.got(Deliver)
            if message.execution == execution
            for record in json.loads(message.records)
        ]


def quiet(lane: FakeLane, start: StartMessage) -> None:
    """Answer nothing."""


BINDINGS = {
    "MINE": ServiceBinding(worker_id("t", "mine")),
    "PUBLIC": ServiceBinding(worker_id("u", "public")),
    "PRIVATE": ServiceBinding(worker_id("u", "private")),
    "GONE": ServiceBinding(worker_id("u", "gone")),
}


@asynccontextmanager
async def house(
    context: EventContext | None = None, policy: AddressPolicy | None = None, **limits: int
) -> AsyncIterator[House]:
    fetch = Fetch(policy or AddressPolicy(allow_all=True), 10, "Isolane/test")
    bench = await connect({"fetch": fetch, "service": Service(lambda: fetch)})
    table = WorkerTable(["workers.test", "other.test"])
    table.put(worker("mine"))
    table.put(worker("public", "u", public=True))
    table.put(worker("private", "u"))
    journal = Lines()
    admission = Admission(AdmissionLimits(**{"wait_timeout_ms": 0, **limits}))
    dispatcher = Dispatcher(Lanes(bench), Mode.POOLED, 0)  # type: ignore[arg-type]
    serving = Serving(table, admission, dispatcher, journal, 1 << 20, expose_errors=True)
    fetch.routes = InternalRoutes(Calls(serving), ["workers.test", "other.test"])
    bench.lane.on_start = quiet
    caller = worker("caller", bindings=BINDINGS)
    bench.start(caller, context=context or EventContext(request_id="r"))
    await bench.lane.wait_for(lambda: bench.lane.got(Start))
    made = House(bench, table, journal, admission)
    made.answer(*json.loads(HELLO))
    try:
        yield made
    finally:
        await bench.ops.close()
        await fetch.close()


async def test_a_host_below_a_worker_domain_is_a_call() -> None:
    async with house() as js:
        answer, body = await js.fetch(f"{MINE}/a?b#c", headers=[["x-a", "1"]])
        assert (answer["status"], body) == (200, b"Hello")
        assert answer["url"] == f"{MINE}/a?b"
        event = await js.event()
        assert (event["method"], event["url"]) == ("GET", f"{MINE}/a?b")
        assert ["x-a", "1"] in event["headers"]
        line = await js.journal.next()
        assert (line.worker, line.status) == ("mine", 200)


@pytest.mark.parametrize(
    "url",
    [
        "http://MINE.Workers.Test/",
        "http://mine.workers.test./",
        "https://mine.workers.test:8443/",
        "http://user:word@mine.workers.test/",
        "http://mine.other.test/",
        "http://mine.workers.test?x",
    ],
)
async def test_however_the_host_is_written(url: str) -> None:
    async with house() as js:
        assert await js.status(url) == 200


@pytest.mark.parametrize(
    "url", ["http://workers.test:1/", "http://mineworkers.test:1/", "http://mine.workers.test.x:1/"]
)
async def test_other_hosts_are_outside(url: str) -> None:
    async with house(policy=AddressPolicy()) as js:
        await js.failure(url)
        assert len(js.bench.lane.got(Start)) == 1


@pytest.mark.parametrize(
    "url",
    ["http://private.workers.test/", "http://nobody.workers.test/", "http://a.mine.workers.test/"],
)
async def test_another_tenants_worker_and_none_look_the_same(url: str) -> None:
    async with house() as js:
        tricks = [
            ["x-worker-name", "private"],
            ["x-worker-id", worker_id("u", "private")],
            ["X-Isolane-Hops", "0"],
            ["host", "mine.workers.test"],
            ["x-forwarded-host", "mine.workers.test"],
        ]
        answer, body = await js.fetch(url, headers=tricks)
        assert answer["status"] == 502
        assert body.decode() == f"there is no worker at {url[7:-1]}\n"
        assert len(js.bench.lane.got(Start)) == 1


async def test_a_public_worker_of_another_tenant_can_be_called() -> None:
    async with house() as js:
        assert await js.status("http://public.workers.test/") == 200
        assert (await js.called()).tenant == "u"


async def test_headers_that_are_not_the_callers_are_not_passed() -> None:
    async with house() as js:
        given = [
            ["X-Worker-Id", worker_id("u", "private")],
            ["x-worker-name", "private"],
            ["X-ISOLANE-HOPS", "-5"],
            ["host", "other"],
            ["x-request-id", "forged"],
            ["x-forwarded-for", "1.2.3.4"],
            ["forwarded", "for=1.2.3.4"],
            ["connection", "close"],
            ["content-length", "7"],
        ]
        assert await js.status(MINE, headers=given) == 200
        headers = dict((await js.event())["headers"])
        assert headers.keys() == {"host", "user-agent", "accept", "accept-encoding", "x-request-id"}
        assert headers["host"] == "mine.workers.test"
        assert headers["x-request-id"] == "r"


async def test_a_loop_ends_with_508() -> None:
    async with house(EventContext(request_id="r", hops=15)) as js:
        assert await js.status(MINE) == 200
    async with house(EventContext(request_id="r", hops=16)) as js:
        answer, body = await js.fetch(MINE, headers=[["accept", "application/json"]])
        assert answer["status"] == 508
        assert json.loads(body)["error"]["requestId"] == "r"
        assert len(js.bench.lane.got(Start)) == 1


async def test_a_trace_goes_on() -> None:
    trace = parse_traceparent(TRACE)
    async with house(EventContext(request_id="r", trace=trace)) as js:
        await js.status(MINE)
        assert dict((await js.event())["headers"])["traceparent"] == TRACE
    async with house() as js:
        await js.status(MINE, headers=[["traceparent", TRACE]])
        assert dict((await js.event())["headers"])["traceparent"] == TRACE


async def test_a_body_goes_with_the_call() -> None:
    async with house() as js:
        await js.status(MINE, method="POST", body="text", text="payload")
        start = await js.called()
        assert start.attachments == [b"payload"]
        assert ["content-length", "7"] in json.loads(start.event)["headers"]


async def test_bodies_stream_both_ways_at_the_readers_pace() -> None:
    async with house() as js:
        js.bench.lane.on_start = quiet
        number = js.send(MINE, ["chunk", 1, 0], method="POST", body="stream", attachment=b"up")
        callee = (await js.called()).execution
        js.bench.lane.turn(callee, [["credit", 0, STREAM_WINDOW_BYTES]])
        await js.bench.lane.wait_for(lambda: js.records_of(callee))
        assert js.records_of(callee)[0][:2] == ["chunk", 0]
        js.bench.lane.turn(
            callee, [["head", 200, "", [], {"stream": True}], ["chunk", 0, 0]], b"x" * 65536
        )
        found = await js.bench.lane.wait_for(lambda: js.records_of(1))
        assert found[0][0] == "resolve"
        for _ in range(3):
            js.bench.lane.turn(callee, [["chunk", 0, 0]], b"x" * 65536)
        js.bench.lane.turn(1, [["credit", number, 65536]])
        # What the caller took is granted to the callee, and no more.
        await js.bench.lane.wait_for(lambda: ["credit", 0, 65536] in js.records_of(callee))
        taken = sum(record[2] for record in js.records_of(callee) if record[0] == "credit")
        assert taken <= 2 * 65536


async def test_a_caller_that_gives_up_is_a_client_that_left() -> None:
    async with house() as js:
        js.bench.lane.on_start = quiet
        number = js.send(MINE)
        callee = (await js.called()).execution
        js.bench.lane.turn(1, [["abort", number]])
        await js.bench.lane.wait_for(lambda: js.records_of(callee))
        assert js.records_of(callee) == [["stop", "client"]]
        js.bench.lane.turn(callee, b"", outcome=OK)
        await js.journal.next()
        assert js.admission.total == 0


async def test_a_body_that_nobody_reads_on_is_cancelled_at_its_source() -> None:
    async with house() as js:
        js.answer(["head", 200, "", [], {"stream": True}], outcome=None)
        number = js.send(MINE)
        callee = (await js.called()).execution
        await js.next()
        js.bench.lane.turn(1, [["cancel", number]])
        await js.bench.lane.wait_for(lambda: len(js.records_of(callee)) == 2)
        assert js.records_of(callee) == [["stop", "client"], ["cancel", 0, "the client left"]]


async def test_a_body_that_fails_fails_for_the_caller() -> None:
    async with house() as js:
        js.answer(["head", 200, "", [], {"stream": True}], ["fail", 0, "boom"], outcome=OK)
        number = js.send(MINE)
        await js.next()
        record, _ = await js.next()
        assert record == [
            "fail",
            number,
            {"name": "TypeError", "message": "fetch failed: the body failed: boom"},
        ]


async def test_redirects_from_inside_to_outside_and_back_are_judged_anew() -> None:
    async with serve() as upstream, house() as js:
        location = f"location: {MINE}/back"
        upstream.answers["/"] = whole(b"", location, status="302 Found")

        def respond(lane: FakeLane, start: StartMessage) -> None:
            url = json.loads(start.event)["url"]
            if url.endswith("/back"):
                lane.turn(start.execution, HELLO, outcome=OK)
            else:
                head = ["head", 307, "", [["location", f"{upstream.url}/"]], None]
                lane.turn(start.execution, [head], outcome=OK)

        js.bench.lane.on_start = respond
        secret = [["authorization", "secret"]]
        answer, body = await js.fetch(MINE, headers=secret)
        assert (answer["status"], body, answer["redirected"]) == (200, b"Hello", True)
        assert "authorization" in dict((await js.event(0))["headers"])
        assert "authorization" not in upstream.seen[0].headers
        assert "authorization" not in dict((await js.event(1))["headers"])


async def test_a_redirect_does_not_lead_over_the_wall() -> None:
    async with serve() as upstream, house() as js:
        location = "location: http://private.workers.test/"
        upstream.answers["/"] = whole(b"", location, status="302 Found")
        assert await js.status(upstream.url) == 502
    async with house(policy=AddressPolicy()) as js:
        js.answer(["head", 302, "", [["location", "http://127.0.0.1:1080/"]], None])
        assert "127.0.0.1" in await js.failure(MINE)
        assert len(js.bench.lane.got(Start)) == 2


async def test_redirects_can_be_taken_as_they_are_or_refused() -> None:
    async with house() as js:
        js.answer(["head", 302, "", [["location", "/x"]], None])
        answer, _ = await js.fetch(MINE, redirect="manual")
        assert (answer["status"], dict(answer["headers"])["location"]) == (302, "/x")
        assert "redirect" in await js.failure(MINE, redirect="error")


async def test_a_worker_that_has_all_it_may_have_is_said_to() -> None:
    async with house(per_worker=1) as js:
        assert js.admission.try_enter("t", worker_id("t", "mine"), 1)
        answer, _ = await js.fetch(MINE)
        assert answer["status"] == 429
        assert dict(answer["headers"])["retry-after"] == "1"


async def test_what_no_request_could_have_is_refused() -> None:
    async with house() as js:
        assert "header" in await js.failure(MINE, headers=[["x-a", "1\r\nx-b: 2"]])
        assert "header" in await js.failure(MINE, headers=[["x a", "1"]])
        assert "characters" in await js.failure(f"{MINE}/\u20ac")
        assert "method" in await js.failure(MINE, method="TRACE")


# --- service bindings -------------------------------------------------------------------------------------------------


async def test_a_binding_names_the_worker_whatever_the_url_says() -> None:
    async with house() as js:
        number = js.send_service("MINE", "https://private.workers.test:1/a")
        record, attachments = await js.next()
        assert record[:2] == ["resolve", number]
        assert attachments == [b"Hello"]
        start = await js.called()
        assert start.worker == worker_id("t", "mine")
        assert json.loads(start.event)["url"] == "https://private.workers.test:1/a"


async def test_a_bound_worker_must_be_the_tenants_own_or_public_at_the_time_of_the_call() -> None:
    async with house() as js:
        texts = set()
        for name in ("PRIVATE", "GONE"):
            js.send_service(name)
            record, attachments = await js.next()
            assert record[2]["status"] == 502
            texts.add(attachments[0])
        assert len(texts) == 1
        js.send_service("PUBLIC")
        assert (await js.next())[0][2]["status"] == 200
        js.table.put(worker("public", "u"))
        js.send_service("PUBLIC")
        assert (await js.next())[0][2]["status"] == 502


async def test_a_binding_that_was_not_given_is_an_error() -> None:
    async with house() as js:
        number = js.send_service("NOBODY")
        record, _ = await js.next()
        assert record[:2] == ["reject", number]
        assert record[2]["name"] == "TypeError"


async def test_a_redirect_within_the_bound_worker_stays_there() -> None:
    async with house() as js:

        def respond(lane: FakeLane, start: StartMessage) -> None:
            if json.loads(start.event)["url"].endswith("/next"):
                lane.turn(start.execution, HELLO, outcome=OK)
            else:
                lane.turn(
                    start.execution, [["head", 303, "", [["location", "/next"]], None]], outcome=OK
                )

        js.bench.lane.on_start = respond
        js.send_service("PUBLIC", method="POST")
        record, _ = await js.next()
        assert (record[2]["status"], record[2]["url"]) == (200, "https://x.test/next")
        assert (await js.event(1))["method"] == "GET"


async def test_a_redirect_to_elsewhere_leaves_the_bound_worker() -> None:
    async with house() as js:
        js.answer(["head", 302, "", [["location", "http://private.workers.test/"]], None])
        js.send_service("PUBLIC")
        record, _ = await js.next()
        assert record[2]["status"] == 502


async def test_a_runner_without_workers_has_nobody_to_bind() -> None:
    fetch = Fetch(AddressPolicy(), 10, "Isolane/test")
    bench = await connect({"service": Service(lambda: fetch)})
    bench.lane.on_start = quiet
    bench.start(worker("caller", bindings=BINDINGS))
    js = House(bench, WorkerTable([]), Lines(), Admission(AdmissionLimits()))
    js.send_service("MINE")
    assert (await js.next())[0][0] == "reject"
    await bench.ops.close()
    await fetch.close()
