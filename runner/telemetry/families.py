"""Counts and distributions in plain integers, and what they are called when somebody asks for them.

Counting costs a tenth of a microsecond; names, labels and formats matter when metrics are read, and no sooner.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)
"""Upper bounds, from what a warm execution takes to the default wall clock limit."""


class Distribution:
    """How many values there were up to each of :data:`SECONDS`, and above."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        """Not cumulative; the last one is for what is above all bounds."""
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(SECONDS, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)


Labels: TypeAlias = tuple[str, ...]


class Family(NamedTuple):
    """One metric with all its series, named as in OpenTelemetry (``isolane.executions``)."""

    name: str
    kind: Literal["counter", "gauge", "distribution"]
    help: str
    unit: str
    """UCUM: ``s``, ``By``, ``ms``; braces for what is counted (``{execution}``)."""
    labels: Labels
    series: Mapping[Labels, float | Distribution]


def counter(
    name: str, what: str, unit: str, labels: Labels, series: Mapping[Labels, float]
) -> Family:
    return Family(name, "counter", what, unit, labels, series)


def gauge(
    name: str, what: str, unit: str, labels: Labels, series: Mapping[Labels, float]
) -> Family:
    return Family(name, "gauge", what, unit, labels, series)


def distribution(
    name: str, what: str, labels: Labels, series: Mapping[Labels, Distribution]
) -> Family:
    return Family(name, "distribution", what, "s", labels, series)
