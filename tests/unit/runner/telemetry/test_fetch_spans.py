"""What a server sees of a trace when a worker fetches from it, and what the trace sees of the server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind

from pools.protocol import Mode
from runner.events.context import EventContext
from runner.events.trace import TraceContext
from runner.journal import EventLine
from runner.ops.addresses import AddressPolicy
from runner.ops.fetch import Fetch
from runner.telemetry.observer import UNOBSERVED
from runner.telemetry.sampling import Sampler
from runner.telemetry.spans import SpanWriter
from runner.telemetry.tracing import Tracing
from tests.unit.runner.fake_lane import OK, connect, deployment
from tests.unit.runner.fetch_upstream import Client, quiet, serve, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from opentelemetry.sdk.trace import ReadableSpan

    from runner.telemetry.observer import Observer

PARENT = TraceContext("a" * 32, "b" * 16, sampled=True)
COMING = EventContext(request_id="r", trace=PARENT, tracestate="vendor=1")


class Worker(Client):
    """Fetches under an observer; :meth:`end` ends its event."""

    spans: list[ReadableSpan]
    observer: Observer
    context: EventContext
    execution: Any

    async def end(self) -> ReadableSpan:
        """End the event, and return the span of its fetch."""
        self.bench.lane.turn(1, outcome=OK)
        await self.execution.ended()
        await self.bench.ops.close()
        line = EventLine(
            method="GET",
            url="http://hello.test/",
            status=200,
            worker="hello",
            request_id="r",
            duration_ms=1,
            outcome=None,
        )
        self.observer.ended(self.context, line, deployment())
        (span,) = [span for span in self.spans if span.kind is SpanKind.CLIENT]
        return span


@asynccontextmanager
async def worker(*, observed: bool = True) -> AsyncIterator[Worker]:
    spans: list[ReadableSpan] = []
    writer = SpanWriter(Mode.PINNED, Resource({}), "1", spans.append)
    observer = Tracing(Mode.PINNED, Sampler(5), writer) if observed else UNOBSERVED
    fetch = Fetch(AddressPolicy(allow_all=True), 10, "Isolane/test")
    bench = await connect({"fetch": fetch}, observer=observer)
    bench.lane.on_start = quiet
    made = Worker(bench)
    made.spans, made.observer = spans, observer
    made.context = observer.begin(COMING, deployment())
    made.execution = bench.start(context=made.context)
    try:
        yield made
    finally:
        await bench.ops.close()
        await fetch.close()


async def test_a_fetch_carries_its_trace_and_is_a_client_span() -> None:
    async with serve() as upstream, worker() as js:
        upstream.answers["/a?token=secret"] = whole(b"", status="404 None")
        await js.fetch(f"{upstream.url}/a?token=secret")
        span = await js.end()

        assert span.context is not None
        assert upstream.seen[0].headers["traceparent"] == (
            f"00-{PARENT.trace_id}-{span.context.span_id:016x}-01"
        )
        assert upstream.seen[0].headers["tracestate"] == "vendor=1"
        port = int(upstream.url.rpartition(":")[2])
        assert span.name == "GET"
        assert dict(span.attributes or {}) == {
            "isolane.op": "fetch",
            "http.request.method": "GET",
            "http.response.status_code": 404,
            "server.address": "127.0.0.1",
            "server.port": port,
            "url.scheme": "http",
            "url.path": "/a",
            "url.full": f"http://127.0.0.1:{port}/a",
        }


async def test_a_worker_that_traces_by_itself_is_left_alone() -> None:
    async with serve() as upstream, worker() as js:
        upstream.answers["/"] = whole(b"")
        own = TraceContext("c" * 32, "d" * 16).traceparent
        await js.fetch(f"{upstream.url}/", headers=[["traceparent", own]])

        assert upstream.seen[0].headers["traceparent"] == own
        assert "tracestate" not in upstream.seen[0].headers


async def test_a_fetch_that_fails_is_an_error_of_the_ops_span() -> None:
    async with worker() as js:
        await js.failure("http://127.0.0.1:1080/")
        span = await js.end()

        assert dict(span.attributes or {})["error.type"] == "TypeError"
        assert not span.status.is_ok


async def test_without_telemetry_nothing_is_added() -> None:
    async with serve() as upstream, worker(observed=False) as js:
        upstream.answers["/"] = whole(b"")
        await js.fetch(f"{upstream.url}/")

        assert "traceparent" not in upstream.seen[0].headers
