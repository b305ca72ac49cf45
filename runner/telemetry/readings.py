"""Metrics as OpenTelemetry's exporter takes them. Must not know what they count."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from runner.telemetry.families import SECONDS, Distribution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.resources import Resource

    from runner.telemetry.families import Family


class Readings:
    """Reads metrics: cumulative ones since this was made."""

    def __init__(self, resource: Resource, version: str) -> None:
        self._resource = resource
        self._scope = InstrumentationScope("isolane", version)
        self._since = time_ns()

    def of(self, families: Iterable[Family]) -> MetricsData:
        """Return what they say now; none of it changes any more."""
        now = time_ns()
        metrics = [self._metric(family, now) for family in families if family.series]
        scope = ScopeMetrics(self._scope, metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])

    def _metric(self, family: Family, now: int) -> Metric:
        data: Sum | Gauge | Histogram
        if family.kind == "distribution":
            data = Histogram(self._distributions(family, now), AggregationTemporality.CUMULATIVE)
        elif family.kind == "counter":
            points = self._numbers(family, now)
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
        else:
            data = Gauge(self._numbers(family, now))
        return Metric(family.name, family.help, family.unit, data)

    def _numbers(self, family: Family, now: int) -> list[NumberDataPoint]:
        return [
            NumberDataPoint(dict(zip(family.labels, values, strict=True)), self._since, now, sample)
            for values, sample in family.series.items()
            if not isinstance(sample, Distribution)
        ]

    def _distributions(self, family: Family, now: int) -> list[HistogramDataPoint]:
        return [
            HistogramDataPoint(
                attributes=dict(zip(family.labels, values, strict=True)),
                start_time_unix_nano=self._since,
                time_unix_nano=now,
                count=sample.count,
                sum=sample.total,
                bucket_counts=tuple(sample.counts),
                explicit_bounds=SECONDS,
                # The least and the most since the start say nothing.
                min=None,  # type: ignore[arg-type]
                max=None,  # type: ignore[arg-type]
            )
            for values, sample in family.series.items()
            if isinstance(sample, Distribution)
        ]
