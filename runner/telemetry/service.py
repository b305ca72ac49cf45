"""Telemetry as one part of a runner: its observer, its metrics, and the way to a collector if there is one."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from runner.telemetry.counting import Counting
from runner.telemetry.exposition import render
from runner.telemetry.loop_lag import LoopLag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

    from runner.config import Settings
    from runner.telemetry.collector import Collector
    from runner.telemetry.families import Family
    from runner.telemetry.readings import Readings

_METRICS_EVERY_S: Final = 15.0
_FLUSH_S: Final = 3.0


class Telemetry:
    """Counts, and traces when ``OTLP_ENDPOINT`` is set. ``async with`` opens and flushes it.

    ``observer`` is for whoever takes part in events; ``watch`` adds metrics that others have; ``render`` is ``/metrics``.
    """

    def __init__(self, settings: Settings) -> None:
        self._sources: list[Callable[[], Iterable[Family]]] = []
        self._lag = LoopLag()
        self._collector: Collector | None = None
        self._readings: Readings | None = None
        self._pushing: asyncio.Task[None] | None = None
        self.observer = (
            self._open_collector(settings) if settings.otlp_endpoint else Counting(settings.mode)
        )
        self.watch(self.observer.collect)
        self.watch(self._lag)

    def _open_collector(self, settings: Settings) -> Counting:
        """Return an observer that traces. Only who asks for the libraries pays for them."""
        from importlib.metadata import version

        from runner.telemetry.collector import Collector, make_resource
        from runner.telemetry.readings import Readings
        from runner.telemetry.sampling import Sampler
        from runner.telemetry.spans import SpanWriter
        from runner.telemetry.tracing import Tracing

        ours = version("isolane")
        resource = make_resource(settings.otlp_service_name, ours, os.urandom(8).hex())
        self._collector = Collector(settings.otlp_endpoint, dict(settings.otlp_headers))
        self._readings = Readings(resource, ours)
        writer = SpanWriter(settings.mode, resource, ours, self._collector.span)
        return Tracing(settings.mode, Sampler(settings.otlp_traces_per_second), writer)

    def watch(self, source: Callable[[], Iterable[Family]]) -> None:
        """Add metrics; ``source()`` is called whenever they are read, on the event loop."""
        self._sources.append(source)

    def collect(self) -> Iterable[Family]:
        for source in self._sources:
            yield from source()

    def render(self) -> bytes:
        """Return all metrics as Prometheus reads them (:data:`runner.telemetry.exposition.CONTENT_TYPE`)."""
        return render(self.collect())

    async def __aenter__(self) -> Self:
        self._lag.start()
        if self._collector is not None:
            self._collector.open()
            self._pushing = asyncio.create_task(self._push(), name="metrics export")
        return self

    async def __aexit__(self, *error: object) -> None:
        self._lag.stop()
        if self._pushing is not None:
            self._pushing.cancel()
            await asyncio.wait([self._pushing])
        if self._collector is not None:
            self._read()
            await self._collector.close(_FLUSH_S)

    async def _push(self) -> None:
        while True:
            await asyncio.sleep(_METRICS_EVERY_S)
            self._read()

    def _read(self) -> None:
        assert self._collector is not None
        assert self._readings is not None
        self._collector.reading(self._readings.of(self.collect()))
