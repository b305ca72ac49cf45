"""An execution over a real socket: what a lane sends becomes answers, ops and streams, or the end of its host."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from pools.protocol import (
    STREAM_WINDOW_BYTES,
    CodeCache,
    Deliver,
    Deploy,
    ErrorInfo,
    Forget,
    Outcome,
    OutcomeKind,
    Start,
    Terminate,
    encode_frame,
)
from runner.errors import OpError, StreamError, ViolationError
from runner.execution import Response
from runner.ops.limits import OpLimit
from runner.records import Thrown, decode_records
from runner.streams import ByteStream
from tests.unit.runner.fake_lane import HELLO, OK, Bench, connect, deployment

if TYPE_CHECKING:
    from pools.protocol import Start as StartMessage
    from runner.deployments import Deployment
    from runner.ops.registry import OpCall
    from tests.unit.runner.fake_lane import FakeLane


def quiet(lane: FakeLane, start: StartMessage) -> None:
    """Answer nothing."""


async def started(bench: Bench, work: Deployment | None = None, **options: Any) -> Any:
    """Start an execution whose lane says nothing by itself."""
    bench.lane.on_start = quiet
    execution = bench.start(work, **options)
    await bench.lane.wait_for(lambda: bench.lane.got(Start))
    return execution


async def test_a_whole_response_comes_in_one_turn() -> None:
    bench = await connect()
    execution = bench.start()
    answer = await execution.answer
    assert isinstance(answer, Response)
    assert (answer.status, answer.headers, answer.body) == (
        200,
        [("content-type", "text/plain")],
        b"Hello",
    )
    assert (await execution.ended()).kind is OutcomeKind.OK
    assert bench.client.running == {}


async def test_a_deployment_is_introduced_once_to_a_lane() -> None:
    bench = await connect()
    for _ in range(3):
        await bench.start().ended()
    assert [type(message) for message in bench.lane.messages] == [Deploy, Start, Start, Start]


async def test_lanes_forget_what_was_not_used_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.lane_client._KNOWN_DEPLOYMENTS", 2)
    bench = await connect()
    works = [deployment(name) for name in "abc"]
    for work in (*works, works[0]):
        await bench.start(work).ended()
    assert [message.key for message in bench.lane.got(Forget)] == [works[0].key, works[1].key]
    assert len(bench.lane.got(Deploy)) == 4


async def test_code_caches_come_back_with_the_next_introduction() -> None:
    bench = await connect()
    work = deployment()
    await bench.start(work).ended()
    bench.lane.transport.write(encode_frame(CodeCache(work.key, "index.js", b"cache")))
    bench.lane.transport.write(encode_frame(CodeCache("unknown", "index.js", b"cache")))
    await bench.start(work).ended()
    caches = bench.client._caches
    assert caches.of(work.key) == {"index.js": b"cache"}
    assert caches.of("unknown") == {}


async def test_console_lines_arrive_with_their_level() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.turn(1, [["log", "WARN", "w"], ["log", "NONSENSE", "n"]], outcome=OK)
    await execution.ended()
    assert bench.console.lines == [("WARN", "w"), ("INFO", "n")]


async def test_a_core_that_was_taken_over_can_not_flood_the_log() -> None:
    bench = await connect()
    work = deployment(ops={"console": OpLimit(5, 100)})
    execution = await started(bench, work)
    bench.lane.turn(1, [["log", "INFO", "x"]] * 100, outcome=OK)
    await execution.ended()
    assert len(bench.console.lines) == 15


async def test_a_failed_handler_is_an_answer_before_wait_until_has_ended() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.turn(1, [["error", {"name": "E", "message": "m", "stack": "s"}]])
    assert await execution.answer == Thrown("E", "m", "s")
    assert execution.outcome is None
    bench.lane.turn(1, outcome=Outcome(OutcomeKind.EXCEPTION))
    assert (await execution.ended()).error == ErrorInfo("E", "m", "s")


async def test_an_op_limit_is_told_before_wait_until_has_ended() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.turn(1, [["error", {"name": "E", "message": "m", "stack": "s"}, "op_limit"]])
    answer = await execution.answer
    assert answer == Outcome(OutcomeKind.OP_LIMIT, ErrorInfo("E", "m", "s"))
    assert execution.outcome is None
    bench.lane.turn(1, outcome=Outcome(OutcomeKind.OP_LIMIT))
    assert (await execution.ended()).error == ErrorInfo("E", "m", "s")


async def test_in_the_last_turn_the_outcome_is_the_better_answer() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.turn(1, [["error", {"message": "m"}]], outcome=Outcome(OutcomeKind.OP_LIMIT))
    answer = await execution.answer
    assert answer == Outcome(OutcomeKind.OP_LIMIT, ErrorInfo("Error", "m"))


async def test_a_response_body_streams_under_credits() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.turn(1, [["head", 200, "", [], {"stream": True}]])
    answer = await execution.answer
    assert isinstance(answer.body, ByteStream)
    data = b"y" * (64 << 10)
    bench.lane.turn(1, [["chunk", 0, 0], ["chunk", 0, 1]], data, b"z")
    assert await answer.body.read() == data
    assert await answer.body.read() == b"z"
    record, _ = await bench.lane.wait_for(
        lambda: bench.lane.records()[0] if bench.lane.got(Deliver) else None
    )
    assert record == ["credit", 0, len(data)]
    bench.lane.turn(1, [["end", 0]], outcome=OK)
    assert await answer.body.read() is None


async def test_a_body_that_is_cut_off_by_a_limit_fails() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.turn(1, [["head", 200, "", [], {"stream": True}]])
    answer = await execution.answer
    bench.lane.turn(1, outcome=Outcome(OutcomeKind.WALL_CLOCK))
    with pytest.raises(StreamError, match="wall_clock"):
        await answer.body.read()


async def test_chunks_after_a_cancel_are_dropped_until_the_core_knows() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.turn(1, [["head", 200, "", [], {"stream": True}]])
    answer = await execution.answer
    answer.body.cancel("left")
    bench.lane.turn(1, [["chunk", 0, 0]], b"late")
    bench.lane.turn(1, [["end", 0]], outcome=OK)
    await execution.ended()
    assert bench.host.ended == []
    await bench.lane.wait_for(lambda: bench.lane.got(Deliver))
    assert bench.lane.records() == [(["cancel", 0, "left"], [])]


async def test_a_request_body_is_sent_when_javascript_reads() -> None:
    bench = await connect()
    execution = await started(bench, streamed_body=True)
    writing = asyncio.ensure_future(execution.request_body.write(b"abc"))
    bench.lane.turn(1, [["credit", 0, STREAM_WINDOW_BYTES]])
    await writing
    execution.request_body.close()
    await bench.lane.wait_for(lambda: len(bench.lane.records()) == 2)
    assert bench.lane.records() == [(["chunk", 0, 0], [b"abc"]), (["end", 0], [])]


async def test_a_request_body_can_be_the_response() -> None:
    bench = await connect()
    execution = await started(bench, streamed_body=True)
    bench.lane.turn(1, [["head", 200, "", [], {"forward": 0}]], outcome=OK)
    answer = await execution.answer
    await execution.request_body.write(b"echo")
    execution.request_body.close()
    assert await answer.body.read() == b"echo"
    assert await answer.body.read() is None


async def test_an_op_is_answered_with_its_attachment() -> None:
    async def double(call: OpCall) -> None:
        call.resolve({"got": call.args(list[int])}, call.attachment * 2)

    bench = await connect({"double": double})
    await started(bench)
    bench.lane.turn(1, [["op", 1, "double", [1], 0]], b"ab")
    records = await bench.lane.wait_for(bench.lane.records)
    assert records == [(["resolve", 1, {"got": [1]}, 0], [b"abab"])]


@pytest.mark.parametrize(
    ("raised", "rejected"),
    [
        (
            OpError("TypeError", "fetch failed: x"),
            {"name": "TypeError", "message": "fetch failed: x"},
        ),
        (KeyError("secret"), {"name": "Error", "message": "op failed inside the runner"}),
    ],
)
async def test_an_op_that_fails_is_rejected(
    raised: Exception, rejected: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(call: OpCall) -> None:
        raise raised

    bench = await connect({"op": fail})
    await started(bench)
    bench.lane.turn(1, [["op", 1, "op", {}]])
    records = await bench.lane.wait_for(bench.lane.records)
    assert records == [(["reject", 1, rejected], [])]


async def test_an_unknown_op_is_rejected() -> None:
    bench = await connect()
    await started(bench)
    bench.lane.turn(1, [["op", 1, "kv.get", {}]])
    records = await bench.lane.wait_for(bench.lane.records)
    assert records[0][0][2]["name"] == "TypeError"


@pytest.mark.parametrize("how", ["abort", "outcome"])
async def test_an_op_that_is_not_wanted_any_more_is_cancelled(how: str) -> None:
    running, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(call: OpCall) -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    bench = await connect({"wait": wait})
    await started(bench)
    bench.lane.turn(1, [["op", 1, "wait", {}]])
    await running.wait()
    if how == "abort":
        bench.lane.turn(1, [["abort", 1]])
    else:
        bench.lane.turn(1, outcome=OK)
    await cancelled.wait()


async def test_a_forwarded_body_outlives_its_execution() -> None:
    async def upstream(call: OpCall) -> None:
        body = call.open_body()
        call.resolve({})
        await body.write(b"one")
        await body.write(b"two")
        body.close()

    bench = await connect({"fetch": upstream})
    execution = await started(bench)
    bench.lane.turn(1, [["op", 1, "fetch", {}]])
    await bench.lane.wait_for(bench.lane.records)
    bench.lane.turn(1, [["head", 200, "", [], {"forward": 1}]], outcome=OK)
    answer = await execution.answer
    chunks = [await answer.body.read() for _ in range(3)]
    assert chunks == [b"one", b"two", None]


async def test_an_op_can_send_and_receive_streams() -> None:
    async def echo(call: OpCall) -> None:
        body, sent = call.open_body(), call.sent_body()
        call.resolve({})
        while (chunk := await sent.read()) is not None:
            await body.write(chunk.upper())
        body.close()

    bench = await connect({"echo": echo})
    await started(bench)
    bench.lane.turn(1, [["op", 1, "echo", {}], ["chunk", 1, 0]], b"a")
    await bench.lane.wait_for(bench.lane.records)
    bench.lane.turn(1, [["credit", 1, 1000], ["chunk", 1, 0], ["end", 1]], b"b")
    await bench.lane.wait_for(lambda: ["end", 1] in [record for record, _ in bench.lane.records()])
    chunks = [parts[record[2]] for record, parts in bench.lane.records() if record[0] == "chunk"]
    assert b"".join(chunks) == b"AB"


async def test_records_of_one_moment_go_together() -> None:
    bench = await connect()
    execution = await started(bench)
    execution.stop("client")
    execution.deliver("end", 1)
    execution.stop("drain")
    await bench.lane.wait_for(lambda: bench.lane.got(Deliver))
    (message,) = bench.lane.got(Deliver)
    assert json.loads(message.records) == [["stop", "client"], ["end", 1]]


async def test_terminating_asks_the_lane_and_sets_a_deadline_for_its_host() -> None:
    bench = await connect()
    execution = await started(bench)
    loop = asyncio.get_running_loop()
    execution.terminate(OutcomeKind.ABORTED)
    assert bench.client.overdue(loop.time()) is None
    assert bench.client.overdue(loop.time() + 3) is execution
    await bench.lane.wait_for(lambda: bench.lane.got(Terminate))
    assert bench.lane.got(Terminate) == [Terminate(1, OutcomeKind.ABORTED)]


async def test_an_execution_that_outlives_all_its_limits_is_overdue() -> None:
    bench = await connect()
    execution = await started(bench)
    now = asyncio.get_running_loop().time()
    assert bench.client.overdue(now + 3.5) is None
    assert bench.client.overdue(now + 4.5) is execution


async def test_what_ran_on_a_lost_lane_is_lost_with_its_host() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.transport.abort()
    assert (await execution.answer).kind is OutcomeKind.HOST_LOST
    assert "closed its socket" in bench.host.ended[0]


VIOLATIONS: list[list[Any] | bytes] = [
    b"nonsense",
    b"{}",
    b'[["no such record"]]',
    b'[["head","200","",[],null]]',
    b'[["head",200,"",[["a"]],null]]',
    b'[["head",200,"",[],{"bytes":0}]]',
    b'[["head",200,"",[],{"forward":7}]]',
    b'[["head",200,"",[],{"unknown":1}]]',
    b'[["head",200,"",[],null],["head",200,"",[],null]]',
    b'[["chunk",0,0]]',
    b'[["chunk",9,0]]',
    b'[["op",2,"x",{}]]',
    b'[["op",1,"x",{},3]]',
    b'[["op",1,"args",{}]]',
    b'[["op",1,"limited",{}],["op",2,"limited",{}]]',
    b'[["credit",0,999999999]]',
    b'[["log","INFO"]]',
    [["head", 200, "", [], {"text": "x" * (2 << 20)}]],
]


@pytest.mark.parametrize("records", VIOLATIONS, ids=lambda records: str(records)[:50])
async def test_nonsense_from_a_host_ends_it(records: bytes | list[Any]) -> None:
    async def args(call: OpCall) -> None:
        call.args(list[int])

    bench = await connect({"args": args, "limited": args})
    work = deployment(ops={"limited": OpLimit(1, 1)})
    execution = await started(bench, work, streamed_body=True)
    bench.lane.turn(1, records)
    assert (await execution.ended()).kind is OutcomeKind.HOST_LOST
    assert "broke the protocol" in bench.host.ended[0]


async def test_limits_of_ops_are_those_of_the_deployment() -> None:
    """Two workers on one lane: what is too much for one is not for the other, as their cores were told."""

    async def answer(call: OpCall) -> None:
        call.resolve(call.name)

    bench = await connect({"op": answer})
    many = await started(bench, deployment("many", ops={"op": OpLimit(3, 0)}))
    free = await started(bench, deployment("free"))
    for count in range(1, 4):
        bench.lane.turn(1, [["op", count, "op", []]])
        bench.lane.turn(2, [["op", count, "op", []]])
    bench.lane.turn(2, [["op", 4, "op", []]])
    await bench.lane.wait_for(lambda: len(bench.lane.records()) == 7)
    assert (many.outcome, free.outcome) == (None, None)

    bench.lane.turn(1, [["op", 4, "op", []]])
    assert (await many.ended()).kind is OutcomeKind.HOST_LOST
    assert "op op 4, which is more than allowed" in bench.host.ended[0]


async def test_a_turn_of_an_execution_that_is_not_there_ends_the_host() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.turn(77, HELLO, outcome=OK)
    assert (await execution.ended()).kind is OutcomeKind.HOST_LOST


async def test_a_frame_that_is_none_ends_the_host() -> None:
    bench = await connect()
    execution = await started(bench)
    bench.lane.transport.write(b"\xff\xff\xff\xff")
    assert (await execution.ended()).kind is OutcomeKind.HOST_LOST


def test_lone_surrogates_in_a_tenants_text_are_no_violation() -> None:
    (record,) = decode_records(rb'[["log","INFO","a\ud800b \\ud800 \ud83d\ude00"]]')
    assert record.text == "a\ufffdb \\ud800 \U0001f600"  # type: ignore[union-attr]


def test_records_that_are_none_are_a_violation() -> None:
    with pytest.raises(ViolationError):
        decode_records(b'["log"]')
