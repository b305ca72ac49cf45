"""The way to a collector: OTLP over HTTP, from threads of its own, so that a slow or dead collector costs nobody anything.

What can not be sent is dropped: a bounded queue for spans, the latest reading for metrics.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from typing import TYPE_CHECKING, Final, Self

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

_log = logging.getLogger(__name__)
_TIMEOUT_S: Final = 10.0
_QUEUE: Final = 4096
# A batch is encoded in one go, and while it is, the event loop gets the interpreter only now and then.
_BATCH: Final = 128
_DELAY_MS: Final = 1000


def make_resource(service: str, version: str, instance: str) -> Resource:
    """Return who sends, in full: the SDK's own would also read the environment."""
    return Resource(
        {
            "service.name": service,
            "service.version": version,
            "service.instance.id": instance,
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
        }
    )


class Outage:
    """Whether the collector answers; says so in one line when that changes. Called from several threads."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self.lasts = False
        self.closing = False

    @property
    def hopeless(self) -> bool:
        """There is no time left to try again."""
        return self.lasts and self.closing

    def tell(self, *, sent: bool) -> None:
        with self._lock:
            before, self.lasts = self.lasts, not sent
        if sent and before:
            _log.info("the collector at %s takes telemetry again", self._endpoint)
        elif not sent and not before:
            _log.warning(
                "the collector at %s does not take telemetry; it is dropped until it does",
                self._endpoint,
            )


class _Spans(SpanExporter):
    """The exporter, watched for outages."""

    def __init__(self, exporter: OTLPSpanExporter, outage: Outage) -> None:
        self._exporter = exporter
        self._outage = outage

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._outage.hopeless:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        self._outage.tell(sent=result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


class _Metrics(threading.Thread):
    """Sends one reading after another; one that comes while another is under way is dropped."""

    def __init__(self, exporter: OTLPMetricExporter, outage: Outage) -> None:
        super().__init__(name="metrics export", daemon=True)
        self._exporter = exporter
        self._outage = outage
        self._readings: queue.Queue[MetricsData | None] = queue.Queue(maxsize=1)

    def send(self, reading: MetricsData) -> None:
        with contextlib.suppress(queue.Full):
            self._readings.put_nowait(reading)

    def run(self) -> None:
        while (reading := self._readings.get()) is not None:
            if not self._outage.hopeless:
                result = self._exporter.export(reading, timeout_millis=_TIMEOUT_S * 1000)
                self._outage.tell(sent=result is MetricExportResult.SUCCESS)

    def finish(self) -> None:
        """Send what there is, and end."""
        self._readings.put(None)
        self.join()


class Collector:
    """Takes spans and readings of metrics; ``close`` sends what is left, within a bound."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        # They would repeat every failure; one line for each outage is ours.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        self._outage = Outage(endpoint)
        self._span_exporter = OTLPSpanExporter(
            endpoint=f"{endpoint}/v1/traces", headers=dict(headers), timeout=_TIMEOUT_S
        )
        self._metric_exporter = OTLPMetricExporter(
            endpoint=f"{endpoint}/v1/metrics", headers=dict(headers), timeout=_TIMEOUT_S
        )
        self._processor = BatchSpanProcessor(
            _Spans(self._span_exporter, self._outage),
            max_queue_size=_QUEUE,
            schedule_delay_millis=_DELAY_MS,
            max_export_batch_size=_BATCH,
            export_timeout_millis=_TIMEOUT_S * 1000,
        )
        self._metrics = _Metrics(self._metric_exporter, self._outage)

    def open(self) -> Self:
        self._metrics.start()
        return self

    def span(self, span: ReadableSpan) -> None:
        self._processor.on_end(span)

    def reading(self, reading: MetricsData) -> None:
        self._metrics.send(reading)

    async def close(self, within_s: float) -> None:
        """Send what is left; what takes longer than ``within_s`` is dropped."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        self._outage.closing = True

        def finish() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            self._metrics.finish()
            self._metric_exporter.shutdown()
            # The loop may not have waited, and be closed.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

        # Nobody waits for a daemon at the end of the process.
        threading.Thread(target=finish, name="telemetry's end", daemon=True).start()
        try:
            async with asyncio.timeout(within_s):
                await done.wait()
        except TimeoutError:
            if not self._outage.lasts:
                _log.warning("what the collector did not take within %g s is dropped", within_s)
            self._outage.lasts = True
            self._span_exporter.shutdown()  # type: ignore[no-untyped-call]
            self._metric_exporter.shutdown()
