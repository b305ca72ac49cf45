"""What a scenario found, as data: figures of contenders, bars they have to meet, curves over time.

Must not know how anything is measured, or where a report goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from benchmarks.machine import Machine


class Metric(NamedTuple):
    """A kind of figure, with its unit."""

    name: str
    unit: str
    drawn: bool = False
    """Whether a chart has a panel for it."""


RATE = Metric("rate", "1/s", drawn=True)
CPU = Metric("CPU", "µs/request", drawn=True)
"""Of the whole process tree that serves."""
RUNNER_CPU = Metric("runner", "µs/request")
HOSTS_CPU = Metric("hosts", "µs/request")
P50 = Metric("p50", "ms")
P99 = Metric("p99", "ms", drawn=True)

Figures = dict[Metric, float]
"""What one measurement of one contender gave."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a contender: the median of all rounds, and what it varied between."""

    name: str
    metric: str
    value: float
    unit: str
    low: float
    high: float
    drawn: bool = False


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure has to be."""

    name: str
    target: float
    value: float
    unit: str
    relation: Literal["<=", ">="]
    met: bool


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over the course of a run."""

    name: str
    x_label: str
    y_label: str
    x: list[float]
    y: list[float]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario returns."""

    rows: list[Row]
    bars: list[Bar]
    rounds: int
    """How many measurements each row is the median of."""
    curves: list[Curve] = []
    notes: list[str] = []
    """What a reader must know to understand the figures."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Findings with where and how they were made."""

    scenario: str
    machine: Machine
    quick: bool
    findings: Findings

    @property
    def met(self) -> bool:
        return all(bar.met for bar in self.findings.bars)

    def as_object(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        found = self.findings
        whole = {
            "scenario": self.scenario,
            "machine": self.machine,
            "rounds": found.rounds,
            "quick": self.quick,
            "rows": found.rows,
            "bars": found.bars,
            "curves": found.curves,
            "notes": found.notes,
        }
        plain: dict[str, Any] = msgspec.to_builtins(whole)
        return plain


def at_most(name: str, target: float, value: float, unit: str) -> Bar:
    return Bar(name=name, target=target, value=value, unit=unit, relation="<=", met=value <= target)


def at_least(name: str, target: float, value: float, unit: str) -> Bar:
    return Bar(name=name, target=target, value=value, unit=unit, relation=">=", met=value >= target)
