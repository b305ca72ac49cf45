"""Medians, quantiles and ratios: how many measurements become one figure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.report import Figures, Metric, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def quantile(ascending: Sequence[float], share: float) -> float:
    """Return the value that ``share`` (0 to 1) of the values are not above; the nearest there is.

    Raises
    ------
    ValueError
        There are no values.

    """
    if not ascending:
        raise ValueError("no values")
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]


def deviation(values: Sequence[float]) -> float:
    """Return how far the farthest value is from the median, as a share of the median."""
    middle = median(values)
    return max(abs(value / middle - 1) for value in values)


class Measurements:
    """Figures by contender, one for each round."""

    def __init__(self) -> None:
        self._rounds: dict[str, list[Figures]] = {}

    def add(self, name: str, figures: Figures) -> None:
        self._rounds.setdefault(name, []).append(figures)

    def values(self, name: str, metric: Metric) -> list[float]:
        """Return a contender's figures, in the order of the rounds."""
        return [figures[metric] for figures in self._rounds[name]]

    def median(self, name: str, metric: Metric) -> float:
        return median(self.values(name, metric))

    def ratio(self, name: str, other: str, metric: Metric) -> float:
        """Return the median of the rounds' ratios.

        A round's contenders were measured one right after the other, under the same load of the machine: their ratio
        moves less than the ratio of two medians.
        """
        pairs = zip(self.values(name, metric), self.values(other, metric), strict=True)
        return median(mine / theirs for mine, theirs in pairs)

    def rows(self) -> list[Row]:
        return [
            make_row(name, metric, [figures[metric] for figures in rounds])
            for name, rounds in self._rounds.items()
            for metric in rounds[0]
        ]

    def in_order(self, names: Iterable[str]) -> Measurements:
        """Return the same with the contenders in another order."""
        ordered = Measurements()
        ordered._rounds = {name: self._rounds[name] for name in names}
        return ordered


def make_row(name: str, metric: Metric, values: Sequence[float]) -> Row:
    """Return the row of a contender's figure of all rounds."""
    return Row(
        name=name,
        metric=metric.name,
        value=median(values),
        unit=metric.unit,
        low=min(values),
        high=max(values),
        drawn=metric.drawn,
    )
