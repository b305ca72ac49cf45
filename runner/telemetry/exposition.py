"""Metrics as Prometheus reads them (https://prometheus.io/docs/instrumenting/exposition_formats/), by OpenTelemetry's rules for
names (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from runner.telemetry.families import SECONDS, Distribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.telemetry.families import Family

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_UNITS: Final = {"s": "_seconds", "ms": "_milliseconds", "By": "_bytes"}
_BOUNDS: Final = tuple(f"{bound:g}" for bound in SECONDS)


def render(families: Iterable[Family]) -> bytes:
    """Return the text of all families."""
    return "".join(f"{line}\n" for family in families for line in _family(family)).encode()


def _family(family: Family) -> Iterator[str]:
    name = family.name.replace(".", "_") + _UNITS.get(family.unit, "")
    kind: str = family.kind
    if kind == "counter":
        name += "_total"
    elif kind == "distribution":
        kind = "histogram"
    names = [label.replace(".", "_") for label in family.labels]
    yield f"# HELP {name} {family.help}"
    yield f"# TYPE {name} {kind}"
    for values, sample in family.series.items():
        labels = [
            f'{label}="{_escaped(value)}"' for label, value in zip(names, values, strict=True)
        ]
        if isinstance(sample, Distribution):
            yield from _distribution(name, labels, sample)
        else:
            yield f"{_series(name, labels)} {_number(sample)}"


def _distribution(name: str, labels: list[str], sample: Distribution) -> Iterator[str]:
    counts = list(accumulate(sample.counts))
    for bound, count in zip((*_BOUNDS, "+Inf"), counts, strict=True):
        bounded = [*labels, f'le="{bound}"']
        yield f"{_series(name + '_bucket', bounded)} {count}"
    yield f"{_series(f'{name}_sum', labels)} {_number(sample.total)}"
    yield f"{_series(f'{name}_count', labels)} {counts[-1]}"


def _series(name: str, labels: list[str]) -> str:
    return f"{name}{{{','.join(labels)}}}" if labels else name


def _number(value: float) -> str:
    return repr(value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
