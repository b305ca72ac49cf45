"""Telemetry of a runner, received by a collector on a real socket."""

from __future__ import annotations

import asyncio
import logging
import socket
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from pools.protocol import Outcome, OutcomeKind
from runner.config import Settings
from runner.deployments import Deployment
from runner.events.context import EventContext
from runner.journal import EventLine
from runner.telemetry.service import Telemetry
from tests.unit.runner.fake_lane import connect, deployment
from tests.unit.runner.telemetry.collector_server import collector_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.runner.telemetry.collector_server import CollectorServer

WORK: Deployment = deployment("hello")


@pytest.fixture
def collector() -> Iterator[CollectorServer]:
    with collector_server() as server:
        yield server


def make(url: str, per_s: int = 5) -> Telemetry:
    return Telemetry(
        Settings(
            otlp_endpoint=url,
            otlp_service_name="shop",
            otlp_headers=(("authorization", "Bearer abc"),),
            otlp_traces_per_second=per_s,
        )
    )


def event(telemetry: Telemetry, status: int = 200) -> None:
    """One event that never reached a lane."""
    observer = telemetry.observer
    context = observer.begin(EventContext(request_id="r"), WORK)
    line = EventLine(
        method="GET",
        url="http://hello.test/",
        status=status,
        worker="hello",
        request_id="r",
        duration_ms=1,
        outcome=None,
    )
    observer.ended(context, line, WORK)


async def test_spans_arrive_with_who_sent_them(collector: CollectorServer) -> None:
    async with make(collector.url) as telemetry:
        event(telemetry)

    server = next(span for span in collector.spans if span.name == "GET hello")
    assert server.resource["service.name"] == "shop"
    assert len(server.resource["service.instance.id"]) == 16
    assert server.attributes["http.response.status_code"] == 200
    assert {headers["authorization"] for headers in collector.headers} == {"Bearer abc"}
    assert all(headers["content-type"] == "application/x-protobuf" for headers in collector.headers)


async def test_metrics_arrive_at_the_end_at_the_latest(collector: CollectorServer) -> None:
    async with make(collector.url) as telemetry:
        bench = await connect(observer=telemetry.observer)
        bench.lane.on_start = lambda lane, start: lane.turn(
            start.execution, outcome=Outcome(OutcomeKind.CPU_LIMIT)
        )
        await bench.start(WORK).ended()
        event(telemetry)

    (executions,) = collector.metrics["isolane.executions"].sum.data_points
    assert executions.as_int == 1
    assert collector.metrics["isolane.executions"].sum.is_monotonic
    (requests,) = collector.metrics["http.server.request.duration"].histogram.data_points
    assert (requests.count, len(requests.bucket_counts)) == (1, len(requests.explicit_bounds) + 1)


async def test_errors_arrive_when_nothing_is_sampled(collector: CollectorServer) -> None:
    async with make(collector.url, per_s=0) as telemetry:
        for status in (200, 503, 200):
            event(telemetry, status)

    servers = [span for span in collector.spans if span.name == "GET hello"]
    assert [span.attributes["error.type"] for span in servers] == ["503"]


async def test_a_dead_collector_costs_nothing_and_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    caplog.set_level(logging.DEBUG)
    telemetry = make(f"http://127.0.0.1:{port}", per_s=100_000)
    async with telemetry:
        for _ in range(5000):
            event(telemetry)
        began = perf_counter()
    # Each attempt to send would wait for ten.
    assert perf_counter() - began < 9
    told = [record for record in caplog.records if record.name.startswith("runner.")]
    assert [record.levelname for record in told] == ["WARNING"]
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


async def test_a_collector_that_never_answers_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        telemetry = make(f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = perf_counter()
        async with telemetry:
            event(telemetry)
        assert perf_counter() - began < 9


async def test_a_collector_that_comes_back_is_told_of(
    collector: CollectorServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="runner")
    collector.status = 400
    async with make(collector.url) as telemetry:
        event(telemetry)
        await asyncio.to_thread(collector.wait_for, lambda: collector.headers)
        collector.status = 200
        event(telemetry)
        await asyncio.to_thread(collector.wait_for, lambda: collector.spans)

    assert "GET hello" in [span.name for span in collector.spans]
    texts = [record.message for record in caplog.records]
    assert [text for text in texts if "collector" in text] == [
        f"the collector at {collector.url} does not take telemetry; it is dropped until it does",
        f"the collector at {collector.url} takes telemetry again",
    ]


async def test_without_a_collector_metrics_are_there_to_be_read() -> None:
    async with Telemetry(Settings()) as telemetry:
        context = telemetry.observer.begin(EventContext(request_id="r"), WORK)
        assert context.observation is None
        event(telemetry)

        text = telemetry.render().decode()
    assert (
        'http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200"} 1'
        in text
    )
    assert "isolane_event_loop_lag_seconds_count 0" in text
    assert "isolane_admission_wait_duration_seconds_count 0" in text
