"""Requests from NATS: what comes as messages is answered as HTTP would, in one message or in parts."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from pools.protocol import STREAM_CHUNK_BYTES, Outcome, OutcomeKind, Start
from runner.nats.client import nobody_there
from runner.nats.parts import Kind
from tests.integration.nats.fleet import asker as asker_of
from tests.integration.nats.fleet import both, header, runner
from tests.integration.nats.server import NatsServer
from tests.unit.runner.fake_lane import OK
from tests.unit.runner.test_http_ingress import answering, quiet

if TYPE_CHECKING:
    from pathlib import Path

    from runner.nats.client import Pairs
    from tests.integration.nats.fleet import Question
    from tests.unit.runner.fake_lane import FakeLane

STREAM = ["head", 200, "", [["content-type", "text/event-stream"]], {"stream": True}]


async def collect(question: Question) -> tuple[list[Kind], bytes]:
    """Return kinds and data of the parts after the head."""
    kinds: list[Kind] = []
    data = b""
    while not kinds or kinds[-1] not in {Kind.END, Kind.ERROR}:
        part = await question.next()
        assert part.number == len(kinds) + 1
        kinds.append(part.kind)
        data += part.data if part.kind is Kind.CHUNK else b""
    return kinds, data


def grant_all(lane: FakeLane, number: int, data: bytes, *, end: bool = True) -> None:
    """Send a body of at most one window."""
    for start in range(0, len(data), STREAM_CHUNK_BYTES):
        lane.turn(number, [["chunk", 0, 0]], data[start : start + STREAM_CHUNK_BYTES])
    if end:
        lane.turn(number, [["end", 0]], outcome=OK)


async def test_a_request_is_answered_in_one_message(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        question = await asker.ask("fetch.hello", ("X-A", "1"), ("x-a", "2"))
        part = await question.next()
        assert (part.kind, part.status, part.data) == (Kind.WHOLE, 200, b"Hello")
        assert header(part, "content-type") == "text/plain"
        assert header(part, "content-length") == "5"
        (start,) = one.lane.got(Start)
        event = json.loads(start.event)
        assert event["method"] == "GET"
        assert event["url"] == "http://hello.workers.test/a?b"
        assert ["x-a", "1"] in event["headers"]
        assert ["x-a", "2"] in event["headers"]
        assert ["x-request-id", header(part, "x-request-id")] in event["headers"]
        line = await one.office.journal.next()
        assert (line.status, line.worker, line.outcome) == (200, "hello", OutcomeKind.OK)


async def test_what_only_the_runner_may_say_does_not_reach_the_worker(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        given = ("X-Worker-Id", "7"), ("x-isolane-hops", "3"), ("Nats-Msg-Id", "1")
        question = await asker.ask("fetch.hello", *given, ("x-request-id", "mine"))
        part = await question.next()
        assert header(part, "x-request-id") == "mine"
        (start,) = one.lane.got(Start)
        names = {name for name, _ in json.loads(start.event)["headers"]}
        assert names == {"host", "x-request-id"}


async def test_a_trace_goes_on(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        trace = f"00-{'a' * 32}-{'b' * 16}-01"
        one.lane.on_start = quiet
        await asker.ask("fetch.hello", ("traceparent", trace))
        await one.lane.wait_for(lambda: one.lane.got(Start))
        (execution,) = one.office.bench.client.running.values()
        assert execution.context.trace is not None
        assert execution.context.trace.trace_id == "a" * 32
        one.lane.turn(1, b"", outcome=Outcome(OutcomeKind.EXCEPTION))


@pytest.mark.parametrize(
    ("subject", "headers"),
    [
        ("fetch.hello", ()),
        ("fetch.HELLO", ()),
        ("fetch", ()),
        ("fetch", (("Fetch-Worker", "hello"),)),
    ],
)
async def test_a_worker_is_found_by_name_and_by_host(
    nats_url: str, subject: str, headers: Pairs
) -> None:
    async with both(nats_url) as (_, asker):
        part = await (await asker.ask(subject, *headers)).next()
        assert part.status == 200


@pytest.mark.parametrize("subject", ["fetch.nobody", "fetch.00000000-0000-0000-0000-000000000000"])
async def test_a_worker_that_is_not_there_is_502(nats_url: str, subject: str) -> None:
    async with both(nats_url) as (_, asker):
        part = await (await asker.ask(subject)).next()
        assert (part.kind, part.status) == (Kind.WHOLE, 502)


async def test_headers_that_come_twice_come_back_twice(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        cookies = [["set-cookie", "a=ü"], ["set-cookie", "b=2"]]
        one.lane.on_start = answering(["head", 201, "", cookies, {"text": ""}])
        part = await (await asker.ask()).next()
        assert part.status == 201
        assert [value for name, value in part.headers if name == "set-cookie"] == ["a=ü", "b=2"]


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ([], 400, "no Fetch-Method"),
        ([("Fetch-Method", "GET")], 400, "no Fetch-Url"),
        ([("Fetch-Url", "http://a/")], 400, "no Fetch-Method"),
        ([("Fetch-Method", "GET"), ("Fetch-Url", "ftp://a/")], 400, "URL"),
        ([("Fetch-Method", "GET"), ("Fetch-Url", "hello")], 400, "URL"),
        ([("Fetch-Method", "GET"), ("Fetch-Url", "http://a b/")], 400, "URL"),
        ([("Fetch-Method", "G T"), ("Fetch-Url", "http://a/")], 405, "method"),
        ([("Fetch-Method", "TRACE"), ("Fetch-Url", "http://a/")], 405, "TRACE"),
        ([("Fetch-Method", "GET"), ("Fetch-Url", "http://a/"), ("a", "\x01")], 400, "'a'"),
        ([("Fetch-Method", "GET"), ("Fetch-Url", "http://a/"), ("a", "€")], 400, "'a'"),
    ],
)
async def test_a_message_that_is_no_request_gets_an_answer_that_says_so(
    nats_url: str, headers: Pairs, status: int, text: str
) -> None:
    async with both(nats_url) as (one, asker):
        part = await (await asker.send("fetch.hello", headers, b"rubbish")).next()
        assert (part.kind, part.status) == (Kind.WHOLE, status)
        assert text in part.data.decode()
        # And without an inbox there is nobody to tell.
        await asker.bus.publish("fetch.hello", b"rubbish", headers=headers)
        assert (await (await asker.ask()).next()).status == 200
        assert len(one.lane.got(Start)) == 1


async def test_a_body_comes_with_the_message(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        await (await asker.ask(method="POST", data=b"body")).next()
        (start,) = one.lane.got(Start)
        event = json.loads(start.event)
        assert (event["body"], start.attachments) == ("bytes", [b"body"])
        assert ["content-length", "4"] in event["headers"]


async def test_a_body_that_is_too_large_is_413(nats_url: str) -> None:
    async with both(nats_url, max_body=1000) as (one, asker):
        part = await (await asker.ask(method="POST", data=bytes(1001))).next()
        assert part.status == 413
        assert not one.lane.got(Start)


async def test_a_runner_that_drains_says_when_to_come_again(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.office.admission.draining = True
        part = await (await asker.ask()).next()
        assert (part.status, header(part, "retry-after")) == (503, "1")
        one.office.admission.draining = False


async def test_more_requests_than_a_worker_may_have_are_told_to_come_again(nats_url: str) -> None:
    async with both(nats_url, per_worker=2) as (one, asker):
        one.lane.on_start = quiet
        for _ in range(2):
            await asker.ask()
        part = await (await asker.ask()).next()
        assert (part.status, header(part, "retry-after")) == (429, "1")
        assert header(part, "x-termination-reason") == "ConcurrencyLimit"
        await one.lane.wait_for(lambda: len(one.lane.got(Start)) == 2)
        for number in range(1, 3):
            one.lane.turn(number, b"", outcome=Outcome(OutcomeKind.EXCEPTION))


async def test_what_became_of_the_execution_is_answered_as_http_has_it(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = lambda lane, start: lane.turn(
            start.execution, b"", outcome=Outcome(OutcomeKind.CPU_LIMIT)
        )
        question = await asker.ask("fetch.hello", ("accept", "application/json"))
        part = await question.next()
        assert (part.status, header(part, "x-termination-reason")) == (429, "CpuTimeLimit")
        assert json.loads(part.data)["error"]["status"] == 429


async def test_a_stream_comes_in_numbered_parts(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = answering(STREAM, outcome=None)
        question = await asker.ask()
        part = await question.next()
        assert (part.kind, part.number, part.status) == (Kind.HEAD, 0, 200)
        one.lane.turn(1, [["chunk", 0, 0]], b"data: 1\n\n")
        assert (await question.next()).data == b"data: 1\n\n"
        one.lane.turn(1, [["chunk", 0, 0], ["end", 0]], b"data: 2\n\n", outcome=OK)
        part = await question.next()
        assert (part.kind, part.number, part.data) == (Kind.CHUNK, 2, b"data: 2\n\n")
        part = await question.next()
        assert (part.kind, part.number) == (Kind.END, 3)


async def test_a_stream_that_fails_ends_with_an_error(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = answering(STREAM, outcome=None)
        question = await asker.ask()
        await question.next()
        one.lane.turn(1, [["fail", 0, "secret"]], outcome=OK)
        part = await question.next()
        assert (part.kind, part.data) == (Kind.ERROR, b"the body failed")


async def test_a_body_larger_than_a_message_comes_in_parts(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        body = bytes(range(256)) * 4096
        one.lane.on_start = lambda lane, start: lane.turn(
            start.execution, [["head", 200, "", [], {"bytes": 0}]], body, outcome=OK
        )
        question = await asker.ask()
        part = await question.next()
        assert (part.kind, header(part, "content-length")) == (Kind.HEAD, f"{len(body)}")
        kinds, data = await collect(question)
        assert data == body
        assert kinds[-1] is Kind.END


async def test_a_requester_that_counts_gets_no_more_than_it_allows(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = answering(STREAM, outcome=None)
        question = await asker.ask("fetch.hello", ("Fetch-Window", "100"))
        assert (await question.next()).kind is Kind.HEAD
        grant_all(one.lane, 1, bytes(250))
        assert len((await question.next()).data) == 100
        # The runner answers in order: what follows the ping was sent after it.
        await question.tell(Kind.PING)
        assert (await question.next()).kind is Kind.PONG
        await question.tell(Kind.CREDIT, b"", ("Fetch-Credit", "150"))
        assert len((await question.next()).data) == 50
        await question.tell(Kind.CREDIT, b"", ("Fetch-Credit", "1000"))
        part = await question.next()
        assert (len(part.data), part.number) == (100, 3)
        assert (await question.next()).kind is Kind.END


async def test_an_allowance_that_got_lost_is_made_up_for_by_a_ping(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = answering(STREAM, outcome=None)
        question = await asker.ask("fetch.hello", ("Fetch-Window", "10"))
        await question.next()
        grant_all(one.lane, 1, bytes(20))
        await question.next()
        await question.tell(Kind.PING, b"", ("Fetch-Credit", "20"))
        parts = [(await question.next()).kind for _ in range(3)]
        assert sorted(parts) == [Kind.CHUNK, Kind.END, Kind.PONG]


async def test_a_requester_that_counts_is_told_where_to_find_the_runner(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = quiet
        question = await asker.ask("fetch.hello", ("Fetch-Window", "100"))
        assert (await question.next()).kind is Kind.WAIT
        assert question.runner
        one.lane.turn(1, json.loads('[["head",200,"",[],{"text":"late"}]]'), outcome=OK)
        assert (await question.next()).data == b"late"


async def test_a_requester_that_cancels_has_the_signal_aborted(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = quiet
        question = await asker.ask("fetch.hello", ("Fetch-Window", "100"))
        await question.next()
        await question.tell(Kind.CANCEL)
        await one.lane.wait_for(
            lambda: ["stop", "client"] in [record for record, _ in one.lane.records()]
        )
        one.lane.turn(1, b"", outcome=Outcome(OutcomeKind.ABORTED))
        line = await one.office.journal.next()
        assert line.outcome is OutcomeKind.ABORTED


async def test_a_requester_that_cancels_a_stream_gets_no_more_of_it(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = answering(STREAM, outcome=None)
        question = await asker.ask()
        await question.next()
        await question.tell(Kind.CANCEL)
        await one.lane.wait_for(
            lambda: ["stop", "client"] in [record for record, _ in one.lane.records()]
        )
        assert ("cancel", 0) in {tuple(record[:2]) for record, _ in one.lane.records()}
        one.lane.turn(1, b"", outcome=OK)
        await one.office.journal.next()
        assert question.messages.empty()


async def test_a_requester_whose_connection_ends_has_left(nats_url: str) -> None:
    async with runner(nats_url) as one:
        one.lane.on_start = answering(STREAM, outcome=None)
        async with asker_of(nats_url) as asker:
            await (await asker.ask()).next()
        # The server tells who sends to an inbox without an owner.
        one.lane.turn(1, [["chunk", 0, 0]], b"data: 1\n\n")
        await one.lane.wait_for(
            lambda: ["stop", "client"] in [record for record, _ in one.lane.records()]
        )
        one.lane.turn(1, b"", outcome=OK)


async def test_a_ping_for_what_is_over_says_so(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = quiet
        question = await asker.ask("fetch.hello", ("Fetch-Window", "100"))
        await question.next()
        await question.tell(Kind.PING)
        assert (await question.next()).kind is Kind.PONG
        one.lane.turn(1, b"", outcome=Outcome(OutcomeKind.EXCEPTION))
        assert (await question.next()).status == 500
        await question.tell(Kind.PING)
        assert (await question.next()).kind is Kind.GONE


async def test_a_body_in_parts_is_taken_as_fast_as_the_worker_reads(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = quiet
        question = await asker.ask(
            "fetch.hello",
            ("Fetch-Body", "stream"),
            ("Fetch-Window", "100"),
            ("content-length", "9"),
            method="POST",
            data=b"one",
        )
        part = await question.next()
        assert part.kind is Kind.WAIT
        assert part.credit is not None
        assert part.credit > 100_000
        (start,) = await one.lane.wait_for(lambda: one.lane.got(Start))
        event = json.loads(start.event)
        assert event["body"] == "stream"
        assert ["content-length", "9"] in event["headers"]
        one.lane.turn(1, [["credit", 0, 1000]])
        await question.tell(Kind.CHUNK, b"two", ("Fetch-Number", "1"))
        await question.tell(Kind.CHUNK, b"end", ("Fetch-Number", "2"))
        await question.tell(Kind.END, b"", ("Fetch-Number", "3"))
        await one.lane.wait_for(lambda: ["end", 0] in [record for record, _ in one.lane.records()])
        records = one.lane.records()
        chunks = [parts[record[2]] for record, parts in records if record[0] == "chunk"]
        assert b"".join(chunks) == b"onetwoend"
        one.lane.turn(1, json.loads('[["head",200,"",[],{"text":"yes"}]]'), outcome=OK)
        assert (await question.next()).data == b"yes"


async def test_a_body_with_a_gap_fails_for_the_worker(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = quiet
        question = await asker.ask(
            "fetch.hello", ("Fetch-Body", "stream"), method="POST", data=b"one"
        )
        await question.next()
        await one.lane.wait_for(lambda: one.lane.got(Start))
        one.lane.turn(1, [["credit", 0, 1000]])
        await question.tell(Kind.CHUNK, b"three", ("Fetch-Number", "2"))
        await one.lane.wait_for(
            lambda: [record for record, _ in one.lane.records() if record[0] == "fail"]
        )
        one.lane.turn(1, b"", outcome=OK)
        await question.next()


async def test_the_service_can_be_asked_what_it_serves(nats_url: str) -> None:
    async with both(nats_url) as (_, asker):
        client = asker.bus.client
        ping = json.loads((await client.request("$SRV.PING")).data)
        assert ping["type"] == "io.nats.micro.v1.ping_response"
        assert (ping["name"], ping["id"], ping["version"]) == ("isolane", "one", "1.2.3")
        info = json.loads((await client.request("$SRV.INFO.isolane")).data)
        assert [one["subject"] for one in info["endpoints"]] == ["fetch.*", "fetch"]
        assert {one["queue_group"] for one in info["endpoints"]} == {"runner"}


async def test_the_service_counts_requests_and_errors(nats_url: str) -> None:
    async with both(nats_url) as (_, asker):
        await (await asker.ask()).next()
        await (await asker.ask("fetch.nobody")).next()
        stats = json.loads((await asker.bus.client.request("$SRV.STATS.isolane.one")).data)
        by_worker, by_host = stats["endpoints"]
        assert (by_worker["num_requests"], by_worker["num_errors"]) == (2, 1)
        assert "nobody" in by_worker["last_error"]
        assert by_worker["average_processing_time"] > 0
        assert by_host["num_requests"] == 0


async def test_a_runner_that_stops_serves_what_it_was_sent(nats_url: str) -> None:
    async with both(nats_url) as (one, asker):
        one.lane.on_start = quiet
        question = await asker.ask()
        await asker.bus.flush()
        await one.ingress.stop_accepting()
        (start,) = await one.lane.wait_for(lambda: one.lane.got(Start))
        late = await asker.ask()
        assert nobody_there(await late.messages.get())
        one.lane.turn(start.execution, [["head", 200, "", [], {"text": "yes"}]], outcome=OK)
        await one.ingress.finish(5)
        assert (await question.next()).data == b"yes"


async def test_runners_share_the_load(nats_url: str) -> None:
    async with runner(nats_url) as one, both(nats_url) as (two, asker):
        questions = [await asker.ask() for _ in range(40)]
        for question in questions:
            assert (await question.next()).status in {200, 429, 503}
        assert one.lane.got(Start)
        assert two.lane.got(Start)


async def test_after_a_restart_of_the_server_requests_are_served_again(tmp_path: Path) -> None:
    async with NatsServer(tmp_path) as server, both(server.url) as (one, asker):
        assert (await (await asker.ask()).next()).status == 200
        again = [asyncio.Event(), asyncio.Event()]
        one.bus.on_reconnect.append(again[0].set)
        asker.bus.on_reconnect.append(again[1].set)
        await server.stop()
        await server.start()
        for event in again:
            await event.wait()
        assert (await (await asker.ask()).next()).status == 200
