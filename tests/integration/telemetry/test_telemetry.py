"""Telemetry of ``isolane dev``: real isolates, a real collector, a real scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.runner.telemetry.collector_server import collector_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.conftest import Cli, Dev
    from tests.unit.runner.telemetry.collector_server import CollectorServer

HELLO = "export default { fetch: (request) => new Response(request.headers.get('traceparent')) };"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.fixture
def collector() -> Iterator[CollectorServer]:
    with collector_server() as server:
        yield server


def test_a_request_is_a_trace_and_metrics(
    cli: Cli, dev: Callable[..., Dev], collector: CollectorServer
) -> None:
    """Spans have the right parents and lie within each other; metrics come when the runner ends."""
    cli.write("w/hello.js", HELLO)
    running = dev("w", OTLP_ENDPOINT=collector.url)
    assert running.get("hello", "/a?b", headers=PARENT).text == PARENT["traceparent"]
    assert running.stop() == 0

    spans = {span.name: span for span in collector.spans if span.trace_id == TRACE}
    assert set(spans) == {"GET hello", "queue wait", "isolate acquire", "execution"}
    server = spans.pop("GET hello")
    assert (server.parent_id, server.kind, server.status) == (SPAN, 2, 0)
    assert server.resource["service.name"] == "openworkers-runner"
    assert server.attributes["http.response.status_code"] == 200
    assert server.attributes["url.path"] == "/a"
    for span in spans.values():
        assert span.parent_id == server.span_id
        assert server.begun <= span.begun <= span.ended <= server.ended
    assert spans["queue wait"].ended <= spans["execution"].begun
    assert spans["isolate acquire"].ended == spans["execution"].begun
    assert "http.server.request.duration" in collector.metrics
    assert "isolane.executions" in collector.metrics


def test_a_fetch_to_the_world_is_a_client_span_that_its_server_is_told_of(
    cli: Cli, dev: Callable[..., Dev], collector: CollectorServer
) -> None:
    """The server that is asked is the collector itself: it keeps the headers it got."""
    cli.write(
        "w/front.js",
        f"""export default {{ async fetch() {{
          const answer = await fetch('{collector.url}/v1/traces?key=1', {{ method: 'POST', body: '' }});
          return new Response(answer.status);
        }} }};""",
    )
    running = dev("w", OTLP_ENDPOINT=collector.url, FETCH_ALLOW_PRIVATE_NETWORK="true")
    assert running.get("front", headers=PARENT | {"tracestate": "vendor=1"}).text == "200"
    assert running.stop() == 0

    op = next(span for span in collector.spans if span.name == "POST")
    assert (op.trace_id, op.kind) == (TRACE, 3)
    assert op.attributes["url.full"] == f"{collector.url}/v1/traces"
    sent = next(headers for headers in collector.headers if "traceparent" in headers)
    assert sent["traceparent"] == f"00-{TRACE}-{op.span_id}-01"
    assert sent["tracestate"] == "vendor=1"


def test_a_request_that_goes_through_two_workers_is_one_trace(
    cli: Cli, dev: Callable[..., Dev], collector: CollectorServer
) -> None:
    """The called worker's span is a child of the fetch that called it, and its code sees that."""
    cli.write("w/hello.js", HELLO)
    cli.write(
        "w/front.js",
        """export default { async fetch() {
          return await fetch('http://hello.workers.dev.localhost/inside');
        } };""",
    )
    running = dev("w", OTLP_ENDPOINT=collector.url)
    seen = running.get("front", headers=PARENT).text
    assert running.stop() == 0

    spans = {span.name: span for span in collector.spans if span.trace_id == TRACE}
    front, op, hello = spans["GET front"], spans["GET"], spans["GET hello"]
    assert (front.parent_id, op.parent_id, hello.parent_id) == (SPAN, front.span_id, op.span_id)
    assert seen == f"00-{TRACE}-{op.span_id}-01"
    assert hello.attributes["url.path"] == "/inside"
    assert op.attributes["server.address"] == "hello.workers.dev.localhost"
    assert op.begun <= hello.begun <= hello.ended


def test_a_request_by_a_projects_route_is_named_after_it(
    cli: Cli, dev: Callable[..., Dev], collector: CollectorServer
) -> None:
    """A thousand paths are one name."""
    cli.write("w/shop.js", HELLO)
    running = dev("w", OTLP_ENDPOINT=collector.url)
    running.wait_for("curl")
    assert cli("routes", "set", "shop", "/items/*", "shop").returncode == 0
    assert cli("routes", "rm", "shop", "/*").returncode == 0
    while running.get("shop", "/elsewhere").status_code != 404:
        pass
    for number in range(2):
        assert running.get("shop", f"/items/{number}", headers=PARENT).status_code == 200
    assert running.stop() == 0
    routed = [span for span in collector.spans if span.name == "GET /items/*"]
    assert [span.attributes["http.route"] for span in routed] == ["/items/*"] * 2
    assert [span.attributes["url.path"] for span in routed] == ["/items/0", "/items/1"]


def test_without_a_collector_a_trace_goes_on_to_the_next_worker(
    cli: Cli, dev: Callable[..., Dev]
) -> None:
    """As an ordinary header, which the worker in between need not care for."""
    cli.write("w/hello.js", HELLO)
    cli.write(
        "w/front.js",
        "export default { fetch: () => fetch('http://hello.workers.dev.localhost/') };",
    )
    running = dev("w")
    assert running.get("front", headers=PARENT).text == PARENT["traceparent"]


def test_errors_are_kept_when_nothing_is_sampled(
    cli: Cli, dev: Callable[..., Dev], collector: CollectorServer
) -> None:
    """With a name for what went wrong, and nothing of the tenant's text."""
    cli.write("w/hello.js", HELLO)
    cli.write("w/broken.js", "export default { fetch() { throw new Error('secret'); } };")
    running = dev("w", OTLP_ENDPOINT=collector.url, OTLP_TRACES_PER_SECOND="0")
    assert running.get("hello", headers=PARENT).status_code == 200
    assert running.get("broken").status_code == 500
    assert running.stop() == 0

    (server,) = [span for span in collector.spans if span.kind == 2]
    assert (server.name, server.status) == ("GET broken", 2)
    assert server.attributes["error.type"] == "exception"
    assert not any("secret" in f"{span.attributes}" for span in collector.spans)


def test_metrics_are_there_for_prometheus(cli: Cli, dev: Callable[..., Dev]) -> None:
    """Behind the token, without a collector."""
    cli.write("w/hello.js", HELLO)
    running = dev("w")
    for _ in range(3):
        running.get("hello")
    control = running.wait_for("Control ").removeprefix("Control ")
    token = running.wait_for("Token ").removeprefix("Token ")
    assert httpx.get(f"{control}/metrics", trust_env=False).status_code == 401
    answer = httpx.get(
        f"{control}/metrics", headers={"authorization": f"Bearer {token}"}, trust_env=False
    )

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["http_server_request_duration_seconds_count", "GET", "200"] == 3
    assert samples["isolane_hosts",] > 0
    assert samples["isolane_admission_events", "waiting"] == 0
