"""Calls that no socket brought: the answer as HTTP would give it, bodies under credits, and places that come back."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.worker_table import WorkerTable
from pools.protocol import STREAM_WINDOW_BYTES, Mode, Outcome, OutcomeKind, Start, Terminate
from runner.admission import Admission, AdmissionLimits
from runner.calls import Calls, Reply
from runner.dispatch import Dispatcher
from runner.errors import StreamError
from runner.events.context import EventContext
from runner.events.fetch import make_request
from runner.exchange import Serving
from runner.ingress.answers import Problem
from runner.streams import ByteStream
from tests.unit.runner.fake_lane import HELLO, OK, Bench, connect, deployment
from tests.unit.runner.test_http_ingress import Lanes, Lines, answering, quiet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.calls import Call, Source
    from runner.events.fetch import Request


class Office:
    """Calls with the workers ``hello`` and ``other`` (another tenant's) on one lane."""

    def __init__(self, bench: Bench, **limits: int) -> None:
        self.bench = bench
        self.lane = bench.lane
        self.journal = Lines()
        self.table = WorkerTable(["workers.test"])
        self.table.put(deployment("hello"))
        self.table.put(deployment("other", tenant="u"))
        self.admission = Admission(
            AdmissionLimits(per_worker=limits.get("per_worker", 10), wait_timeout_ms=0)
        )
        serving = Serving(
            self.table,
            self.admission,
            Dispatcher(Lanes(bench), Mode.POOLED, 0),  # type: ignore[arg-type]
            self.journal,
            max_body_bytes=limits.get("max_body", 1 << 20),
            expose_errors=True,
        )
        self.calls = Calls(serving)

    def open(
        self,
        body: bytes | Source | None = None,
        *,
        caller: str | None = None,
        context: EventContext | None = None,
        **request: Any,
    ) -> Call:
        return self.calls.open(
            ask(**request),
            body,
            context=context or EventContext(request_id="r", hops=1),
            caller=caller,
        )


def ask(url: str = "http://hello.workers.test/a?b", method: str = "GET", **headers: str) -> Request:
    given = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return make_request(method, url, given, request_id="r")


@asynccontextmanager
async def office(**limits: int) -> AsyncIterator[Office]:
    made = Office(await connect(), **limits)
    yield made
    assert made.admission.total == 0, "a place did not come back"


class Pieces(ByteStream):
    """A body whose sender is the test."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.cancelled: list[str] = []
        super().__init__(self.taken.append, self.cancelled.append)


async def test_a_call_is_answered_by_its_worker_and_told_to_the_journal() -> None:
    async with office() as calls:
        async with calls.open(x_a="1") as call:
            answer = await call.answer()
        assert isinstance(answer, Reply)
        assert (answer.status, answer.body) == (200, b"Hello")
        assert ("content-length", "5") in answer.headers
        (start,) = calls.lane.got(Start)
        event = json.loads(start.event)
        assert event["url"] == "http://hello.workers.test/a?b"
        assert event["headers"] == [
            ["host", "hello.workers.test"],
            ["x-a", "1"],
            ["x-request-id", "r"],
        ]
        line = await calls.journal.next()
        assert (line.status, line.worker, line.outcome) == (200, "hello", OutcomeKind.OK)


async def test_the_place_is_given_back_when_answer_and_execution_are_over() -> None:
    async with office() as calls:
        calls.lane.on_start = answering(*json.loads(HELLO), outcome=None)
        async with calls.open() as call:
            await call.answer()
        assert calls.admission.total == 1
        calls.lane.turn(1, b"", outcome=OK)
        await calls.journal.next()


async def test_what_became_of_the_execution_is_a_problem_as_http_has_it() -> None:
    async with office() as calls:
        calls.lane.on_start = answering(outcome=Outcome(OutcomeKind.CPU_LIMIT))
        async with calls.open() as call:
            answer = await call.answer()
        assert isinstance(answer, Problem)
        assert (answer.status, answer.reason) == (429, "CpuTimeLimit")


async def test_an_unknown_worker_is_a_problem() -> None:
    async with office() as calls, calls.open(url="http://no.workers.test/") as call:
        answer = await call.answer()
        assert isinstance(answer, Problem)
        assert answer.status == 502


async def test_a_tenant_can_not_tell_another_tenants_worker_from_none() -> None:
    async with office() as calls:
        texts = []
        for name in ("other", "nobody"):
            async with calls.open(url=f"http://{name}.workers.test/", caller="t") as call:
                answer = await call.answer()
            assert isinstance(answer, Problem)
            texts.append((answer.status, answer.message.replace(name, "NAME")))
            line = await calls.journal.next()
            assert line.worker == ""
        assert texts[0] == texts[1]
        assert texts[0][0] == 502
        assert calls.lane.got(Start) == []


async def test_a_tenant_calls_its_own_workers() -> None:
    async with office() as calls, calls.open(caller="t") as call:
        assert isinstance(await call.answer(), Reply)


async def test_a_known_deployment_needs_no_resolving() -> None:
    async with office() as calls:
        known = deployment("unlisted")
        request = ask("http://anything.test/")
        context = EventContext(request_id="r")
        async with calls.calls.open(request, None, context=context, deployment=known) as call:
            assert isinstance(await call.answer(), Reply)
        assert (await calls.journal.next()).worker == "unlisted"


async def test_more_workers_in_a_row_than_there_may_be_are_a_loop() -> None:
    async with office() as calls:
        for hops, status in ((16, 200), (17, 508)):
            async with calls.open(context=EventContext(request_id="r", hops=hops)) as call:
                assert (await call.answer()).status == status


async def test_a_small_body_goes_with_the_event() -> None:
    async with office() as calls:
        async with calls.open(b"payload", method="POST") as call:
            await call.answer()
        (start,) = calls.lane.got(Start)
        assert json.loads(start.event)["body"] == "bytes"
        assert start.attachments == [b"payload"]


async def test_a_body_in_pieces_is_read_no_faster_than_the_worker_takes_it() -> None:
    async with office() as calls:
        calls.lane.on_start = answering(["credit", 0, 3], outcome=None)
        body = Pieces()
        for piece in (b"one", b"two", b"never"):
            body.push(piece)
        async with calls.open(body, method="POST") as call:
            asking = asyncio.ensure_future(call.answer())
            await calls.lane.wait_for(calls.lane.records)
            assert [parts for _, parts in calls.lane.records()] == [[b"one"]]
            assert body.taken == [3, 3]
            calls.lane.turn(1, HELLO, outcome=OK)
            await asking
        await asyncio.sleep(0)
        assert body.cancelled == ["nobody reads it any more"]


async def test_a_large_body_that_is_whole_goes_as_a_stream() -> None:
    async with office() as calls:
        calls.lane.on_start = answering(["credit", 0, STREAM_WINDOW_BYTES], outcome=None)
        async with calls.open(b"x" * (STREAM_WINDOW_BYTES + 1), method="POST") as call:
            asking = asyncio.ensure_future(call.answer())
            await calls.lane.wait_for(lambda: len(calls.lane.records()) >= 4)
            calls.lane.turn(1, HELLO, outcome=OK)
            assert (await asking).status == 200


async def test_a_body_that_turns_out_too_large_is_answered_with_413() -> None:
    async with office(max_body=5) as calls:
        calls.lane.on_start = answering(["credit", 0, 100], outcome=None)
        body = Pieces()
        body.push(b"123456")
        async with calls.open(body, method="POST") as call:
            asking = asyncio.ensure_future(call.answer())
            await calls.lane.wait_for(lambda: calls.lane.got(Terminate))
            calls.lane.turn(1, b"", outcome=Outcome(OutcomeKind.ABORTED))
            assert (await asking).status == 413
        async with calls.open(b"123456", method="POST") as call:
            assert (await call.answer()).status == 413


async def test_a_body_whose_sender_fails_fails_for_the_worker() -> None:
    async with office() as calls:
        calls.lane.on_start = quiet
        body = Pieces()
        async with calls.open(body, method="POST") as call:
            asking = asyncio.ensure_future(call.answer())
            await calls.lane.wait_for(lambda: calls.lane.got(Start))
            body.finish(StreamError("Error", "gone"))
            (found,) = await calls.lane.wait_for(calls.lane.records)
            assert found[0][:2] == ["fail", 0]
            calls.lane.turn(1, HELLO, outcome=OK)
            await asking


async def test_a_streamed_answer_is_read_as_it_comes() -> None:
    async with office() as calls:
        calls.lane.on_start = answering(
            ["head", 200, "", [], {"stream": True}], ["chunk", 0, 0], outcome=None, parts=(b"part",)
        )
        async with calls.open() as call:
            answer = await call.answer()
            assert isinstance(answer, Reply)
            assert isinstance(answer.body, ByteStream)
            assert await answer.body.read() == b"part"
            calls.lane.turn(1, [["end", 0]], outcome=OK)
            assert await answer.body.read() is None


async def test_a_body_left_half_read_is_a_client_that_left() -> None:
    async with office() as calls:
        calls.lane.on_start = answering(["head", 200, "", [], {"stream": True}], outcome=None)
        async with calls.open() as call:
            await call.answer()
        records = await calls.lane.wait_for(lambda: [record for record, _ in calls.lane.records()])
        assert records == [["stop", "client"], ["cancel", 0, "the client left"]]
        calls.lane.turn(1, b"", outcome=OK)
        await calls.journal.next()


async def test_a_caller_that_gives_up_while_it_waits_leaves_nothing_behind() -> None:
    async with office() as calls:
        calls.lane.on_start = quiet

        async def make() -> None:
            async with calls.open() as call:
                await call.answer()

        asking = asyncio.ensure_future(make())
        await calls.lane.wait_for(lambda: calls.lane.got(Start))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        records = await calls.lane.wait_for(lambda: [record for record, _ in calls.lane.records()])
        assert records == [["stop", "client"]]
        calls.lane.turn(1, b"", outcome=OK)
        assert (await calls.journal.next()).status == 0
