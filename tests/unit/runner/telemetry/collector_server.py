"""A collector for tests: takes OTLP over HTTP on a real socket, and keeps what it decodes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Span:
    """A span as it came, with its attributes as a dict."""

    def __init__(self, span: Any, resource: dict[str, Any]) -> None:
        self.name: str = span.name
        self.trace_id: str = span.trace_id.hex()
        self.span_id: str = span.span_id.hex()
        self.parent_id: str = span.parent_span_id.hex()
        self.kind: int = span.kind
        self.begun: int = span.start_time_unix_nano
        self.ended: int = span.end_time_unix_nano
        self.status: int = span.status.code
        self.attributes = attributes_of(span.attributes)
        self.events = [event.name for event in span.events]
        self.state: str = span.trace_state
        self.resource = resource

    def __repr__(self) -> str:
        return f"Span({self.name})"


def attributes_of(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


class CollectorServer(ThreadingHTTPServer):
    """Answers 200, or what ``status`` says."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.spans: list[Span] = []
        self.metrics: dict[str, Any] = {}
        """The last reading, by name."""
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.arrived = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        with self.arrived:
            self.headers.append(headers)
            self.arrived.notify_all()
            if self.status != 200:
                return self.status, b""
            if path == "/v1/traces":
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    resource = attributes_of(group.resource.attributes)
                    for scope in group.scope_spans:
                        self.spans += [Span(span, resource) for span in scope.spans]
                return 200, ExportTraceServiceResponse().SerializeToString()
            assert path == "/v1/metrics"
            for reading in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metrics in reading.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in metrics.metrics}
            return 200, ExportMetricsServiceResponse().SerializeToString()

    def wait_for(self, condition: Callable[[], Any]) -> None:
        with self.arrived:
            assert self.arrived.wait_for(condition, timeout=20)


class _Handler(BaseHTTPRequestHandler):
    server: CollectorServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.server.take(self.path.partition("?")[0], headers, body)
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def collector_server(port: int = 0) -> Iterator[CollectorServer]:
    with CollectorServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
