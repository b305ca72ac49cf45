"""Metrics as text, read by Prometheus' own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from runner.telemetry.exposition import render
from runner.telemetry.families import Distribution, counter, distribution, gauge


def read(*families: object) -> dict[str, dict[tuple[str, ...], float]]:
    text = render(families).decode()  # type: ignore[arg-type]
    return {
        sample.name: {
            tuple(other.labels.values()): other.value
            for other in family.samples
            if other.name == sample.name
        }
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_and_gauges_are_named_by_the_rules() -> None:
    """Dots become underscores, units and _total are appended."""
    found = read(
        counter("isolane.ops", "Ops.", "{op}", ("op",), {("fetch",): 3}),
        gauge("isolane.host.memory", "Memory.", "By", (), {(): 4096}),
    )

    assert found == {
        "isolane_ops_total": {("fetch",): 3.0},
        "isolane_host_memory_bytes": {(): 4096.0},
    }


def test_distributions_are_cumulative_histograms() -> None:
    """Each bucket counts what is up to its bound."""
    values = Distribution()
    for value in (0.0001, 0.001, 0.0011, 500):
        values.add(value)

    found = read(distribution("a.duration", "Time.", ("k",), {("x",): values}))

    buckets = found["a_duration_seconds_bucket"]
    assert buckets["x", "0.0005"] == 1
    assert buckets["x", "0.001"] == 2
    assert buckets["x", "0.0025"] == 3
    assert buckets["x", "60"] == 3
    assert buckets["x", "+Inf"] == found["a_duration_seconds_count"]["x",] == 4
    assert found["a_duration_seconds_sum"]["x",] == 500.0022


def test_labels_are_escaped() -> None:
    """No value of a label can end it."""
    value = 'a"b\\c\nd'

    assert read(gauge("g", "G.", "1", ("l.m",), {(value,): 1})) == {"g": {(value,): 1.0}}
