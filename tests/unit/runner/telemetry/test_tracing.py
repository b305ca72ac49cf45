"""Events become spans when they have ended: real observers, calls and lanes' sockets; the isolate is written in Python."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind, StatusCode

from benchmarks.worker_table import WorkerTable
from pools.protocol import Deliver, Mode, Outcome, OutcomeKind, Start, Usage
from runner.admission import Admission, AdmissionLimits
from runner.calls import Calls, Reply
from runner.dispatch import Dispatcher
from runner.errors import OpError
from runner.events.context import EventContext
from runner.events.fetch import make_request
from runner.events.trace import TraceContext
from runner.exchange import Serving
from runner.journal import EventLine
from runner.telemetry.sampling import Sampler
from runner.telemetry.spans import SpanWriter
from runner.telemetry.tracing import Tracing
from tests.unit.runner.fake_lane import HELLO, OK, Bench, connect, deployment
from tests.unit.runner.test_http_ingress import Lanes, Lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from opentelemetry.sdk.trace import ReadableSpan

    from runner.ops.registry import OpCall
    from runner.telemetry.tracing import EndedEvent

PARENT = TraceContext("a" * 32, "b" * 16, sampled=True)
FAILED = Outcome(OutcomeKind.EXCEPTION)


class Traced:
    """Workers ``hello`` and ``front`` on one lane; ``front`` uses ops."""

    def __init__(self, per_s: float, handlers: dict[str, Any]) -> None:
        self.spans: list[ReadableSpan] = []
        self.observer = Tracing(
            Mode.POOLED,
            Sampler(per_s),
            SpanWriter(Mode.POOLED, Resource({}), "1", self.spans.append),
        )
        self.handlers = handlers
        self.journal = Lines()
        self.bench: Bench = None  # type: ignore[assignment]
        self.calls: Calls = None  # type: ignore[assignment]

    async def open(self) -> None:
        self.bench = await connect(self.handlers, observer=self.observer)
        table = WorkerTable(["workers.test"])
        table.put(deployment("hello"))
        table.put(deployment("front"))
        self.calls = Calls(
            Serving(
                table,
                Admission(AdmissionLimits()),
                Dispatcher(Lanes(self.bench), Mode.POOLED, 0),  # type: ignore[arg-type]
                self.journal,
                max_body_bytes=1000,
                expose_errors=True,
                observer=self.observer,
            )
        )

    async def call(self, worker: str = "hello", context: EventContext | None = None) -> Any:
        request = make_request("GET", f"http://{worker}.workers.test/a?token=1", [], request_id="r")
        context = context or EventContext(request_id="r")
        async with self.calls.open(request, None, context=context) as call:
            return await call.answer()

    def named(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def using(self, op: str, **args: Any) -> None:
        """Have ``front`` call an op, and answer when that has answered."""

        def start(lane: Any, message: Start) -> None:
            if message.worker == "id-of-front":
                lane.turn(message.execution, [["op", 1, op, args]])
                lane.data_received, receive = deliver, lane.data_received
                self.receive = receive
            else:
                lane.turn(message.execution, HELLO, outcome=self.outcome)

        def deliver(data: bytes) -> None:
            self.receive(data)
            if any(b"resolve" in m.records or b"reject" in m.records for m in lane.got(Deliver)):
                lane.turn(1, HELLO, outcome=OK)

        lane = self.bench.lane
        self.outcome = OK
        lane.on_start = start


@asynccontextmanager
async def traced(per_s: float = 5, handlers: dict[str, Any] | None = None) -> AsyncIterator[Traced]:
    made = Traced(per_s, handlers or {})
    await made.open()
    yield made


def within(span: ReadableSpan, parent: ReadableSpan) -> bool:
    assert span.context is not None
    assert parent.context is not None
    assert span.start_time is not None
    assert span.end_time is not None
    assert parent.start_time is not None
    assert parent.end_time is not None
    return (
        span.parent is not None
        and span.parent.span_id == parent.context.span_id
        and span.context.trace_id == parent.context.trace_id
        and parent.start_time <= span.start_time <= span.end_time <= parent.end_time
    )


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_an_event_is_a_server_span_with_its_queue_its_isolate_and_its_execution() -> None:
    async with traced() as site:
        site.bench.lane.on_start = lambda lane, start: lane.turn(
            start.execution,
            HELLO,
            outcome=Outcome(
                OutcomeKind.OK, None, Usage(cpu_us=300, wall_us=20, queue_us=5, turns=1)
            ),
        )
        assert isinstance(await site.call(), Reply)

        server = site.named("GET hello")
        assert server.kind is SpanKind.SERVER
        assert server.parent is None
        assert server.status.status_code is StatusCode.UNSET
        assert said(server) == {
            "faas.trigger": "http",
            "faas.name": "hello",
            "faas.version": "0",
            "faas.invocation_id": "r",
            "faas.coldstart": True,
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "url.scheme": "http",
            "url.path": "/a",
            "server.address": "hello.workers.test",
            "isolane.tenant.id": "t",
            "isolane.worker.id": "id-of-hello",
            "isolane.mode": "POOLED",
            "isolane.outcome": "ok",
        }
        assert len(site.spans) == 4
        assert all(
            within(site.named(name), server)
            for name in ("queue wait", "isolate acquire", "execution")
        )
        execution = site.named("execution")
        assert said(execution)["isolane.cpu_time_ms"] == 0.3
        assert [event.name for event in execution.events] == ["answer"]
        acquire = site.named("isolate acquire")
        assert (acquire.end_time or 0) - (acquire.start_time or 0) in range(4_900, 5_100)


async def test_an_event_belongs_to_the_trace_it_came_with() -> None:
    async with traced() as site:
        await site.call(
            context=EventContext(
                request_id="r",
                trace=PARENT,
                tracestate="vendor=1",
                came_by={"messaging.system": "nats"},
            )
        )

        server = site.named("GET hello")
        assert server.context is not None
        assert f"{server.context.trace_id:032x}" == PARENT.trace_id
        assert server.parent is not None
        assert (f"{server.parent.span_id:016x}", server.parent.is_remote) == (PARENT.span_id, True)
        assert server.context.trace_state["vendor"] == "1"
        assert said(server)["messaging.system"] == "nats"


async def test_a_trace_that_is_not_sampled_makes_no_spans() -> None:
    async with traced() as site:
        trace = TraceContext("a" * 32, "b" * 16, sampled=False)
        await site.call(context=EventContext(request_id="r", trace=trace))

        assert site.spans == []


async def test_errors_are_kept_when_nothing_is_sampled() -> None:
    async with traced(per_s=0) as site:
        await site.call()
        assert site.spans == []
        site.bench.lane.on_start = lambda lane, start: lane.turn(start.execution, outcome=FAILED)
        await site.call()

        server = site.named("GET hello")
        assert server.status.status_code is StatusCode.ERROR
        assert said(server)["error.type"] == "exception"
        assert said(server)["http.response.status_code"] == 500
        assert said(site.named("execution"))["error.type"] == "exception"


async def test_an_op_is_a_client_span_with_what_its_handler_noted() -> None:
    async def query(call: OpCall) -> None:
        call.note("db.namespace", "shop")
        call.resolve([])

    async with traced(handlers={"database.query": query}) as site:
        site.using("database.query")
        await site.call("front")

        op = site.named("database.query")
        assert op.kind is SpanKind.CLIENT
        assert within(op, site.named("GET front"))
        assert said(op) == {
            "isolane.op": "database.query",
            "db.system.name": "postgresql",
            "db.operation.name": "query",
            "db.namespace": "shop",
        }


async def test_a_failed_op_says_how_it_failed() -> None:
    async def get(call: OpCall) -> None:
        raise OpError("TypeError", "secret")

    async with traced(handlers={"kv.get": get}) as site:
        site.using("kv.get")
        await site.call("front")

        op = site.named("kv.get")
        assert op.status.status_code is StatusCode.ERROR
        assert said(op)["error.type"] == "TypeError"
        assert "secret" not in f"{said(op)}{op.status.description}"


async def test_a_worker_that_another_calls_is_in_the_same_trace() -> None:
    async def service(call: OpCall) -> None:
        await site.call("hello", call.onward())
        call.resolve(None)

    async with traced(handlers={"service": service}) as site:
        site.using("service")
        await site.call("front", EventContext(request_id="r", trace=PARENT))

        op, callee = site.named("service"), site.named("GET hello")
        assert within(op, site.named("GET front"))
        assert within(callee, op)
        assert said(callee)["isolane.hops"] == 1
        assert callee.context is not None
        assert f"{callee.context.trace_id:032x}" == PARENT.trace_id


async def test_an_error_of_a_worker_keeps_the_spans_of_its_caller() -> None:
    async def service(call: OpCall) -> None:
        site.outcome = FAILED
        await site.call("hello", call.onward())
        call.resolve(None)

    async with traced(per_s=0, handlers={"service": service}) as site:
        site.using("service")
        await site.call("front")

        assert within(site.named("GET hello"), site.named("service"))
        assert within(site.named("service"), site.named("GET front"))
        assert site.named("GET front").status.status_code is StatusCode.UNSET


async def test_a_worker_with_many_ops_has_a_bounded_number_of_spans() -> None:
    async def get(call: OpCall) -> None:
        call.resolve(None)

    async with traced(handlers={"kv.get": get}) as site:
        lane = site.bench.lane
        lane.on_start = lambda lane, start: lane.turn(
            start.execution, [["op", n + 1, "kv.get", {}] for n in range(200)]
        )
        answer = asyncio.create_task(site.call())
        await lane.wait_for(lambda: len(lane.records()) == 200)
        lane.turn(1, HELLO, outcome=OK)
        await answer

        assert sum(span.name == "kv.get" for span in site.spans) == 128
        counted = {family.name: family for family in site.observer.collect()}
        assert counted["isolane.ops"].series == {("kv.get", "ok"): 200}


async def test_what_an_op_asks_for_hangs_on_its_span() -> None:
    seen: list[TraceContext] = []

    async def fetch(call: OpCall) -> None:
        assert call.trace is not None
        seen.append(call.trace)
        call.resolve(None)

    async with traced(handlers={"fetch": fetch}) as site:
        site.using("fetch")
        await site.call("front", EventContext(trace=PARENT))

        (trace,) = seen
        op = site.named("fetch").context
        assert op is not None
        assert trace == TraceContext(PARENT.trace_id, f"{op.span_id:016x}", sampled=True)


async def test_what_is_not_sampled_here_is_not_asked_for_elsewhere() -> None:
    seen: list[TraceContext | None] = []

    async def fetch(call: OpCall) -> None:
        seen.append(call.trace)
        call.resolve(None)

    async with traced(per_s=0, handlers={"fetch": fetch}) as site:
        site.using("fetch")
        await site.call("front", EventContext(trace=PARENT))

        (trace,) = seen
        assert trace is not None
        assert (trace.trace_id, trace.sampled) == (PARENT.trace_id, False)


async def test_what_goes_wrong_in_telemetry_is_not_the_events_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        def write(self, event: EndedEvent) -> None:
            raise ValueError("no spans today")

    async with traced() as site:
        site.observer._sink = Broken()
        assert isinstance(await site.call(), Reply)

        assert site.calls.serving.admission.total == 0
        assert "no spans today" in caplog.text


async def test_long_texts_of_clients_are_cut() -> None:
    async with traced() as site:
        request = make_request("GET", f"http://hello.workers.test/{'a' * 9000}", [], request_id="r")
        async with site.calls.open(request, None, context=EventContext()) as call:
            await call.answer()

        assert len(said(site.named("GET hello"))["url.path"]) == 1024


def test_a_scheduled_event_is_named_by_its_worker_and_says_what_its_source_knows() -> None:
    spans: list[ReadableSpan] = []
    writer = SpanWriter(Mode.PINNED, Resource({}), "1", spans.append)
    observer = Tracing(Mode.PINNED, Sampler(5), writer)
    work = deployment("hello")
    context = observer.begin(EventContext(kind="scheduled", request_id="r"), work)
    line = EventLine(
        method="SCHEDULED",
        url="* * * * *",
        status=200,
        worker="hello",
        request_id="r",
        duration_ms=1,
        outcome=OutcomeKind.OK,
    )
    observer.ended(context, line, work, {"faas.cron": "* * * * *"})

    (server,) = [span for span in spans if span.kind is SpanKind.SERVER]
    assert server.name == "scheduled hello"
    assert said(server)["faas.trigger"] == "timer"
    assert said(server)["faas.cron"] == "* * * * *"
    assert not any(name.startswith(("http.", "url.")) for name in said(server))
