"""How many measurements become one figure."""

import pytest

from benchmarks.figures import Measurements, deviation, make_row, quantile
from benchmarks.report import CPU, P99, RATE


def test_quantiles_are_values_that_were_measured() -> None:
    """A quantile is one of the values; the highest share gives the highest value."""
    values = [float(number) for number in range(1, 101)]

    assert quantile(values, 0.0) == 1
    assert quantile(values, 0.5) == 51
    assert quantile(values, 0.99) == 100
    assert quantile([7.0], 1.0) == 7


def test_no_values_have_no_quantile() -> None:
    """Nothing measured is an error, and not a figure."""
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


@pytest.mark.parametrize(
    ("values", "share"), [([100.0, 100.0], 0.0), ([95, 100, 104], 0.05), ([100, 100, 130], 0.3)]
)
def test_deviation_is_that_of_the_farthest_value(values: list[float], share: float) -> None:
    """One value far from the median counts, however many are close to it."""
    assert deviation(values) == pytest.approx(share)


def test_a_figure_is_the_median_of_its_rounds() -> None:
    """One bad round moves the extremes, and not the figure."""
    row = make_row("a", RATE, [10.0, 1000.0, 11.0])

    assert (row.value, row.low, row.high) == (11, 10, 1000)
    assert (row.metric, row.unit) == ("rate", "1/s")


def test_a_ratio_is_taken_within_each_round() -> None:
    """When the machine is slow for both contenders of a round, their ratio stays."""
    measured = Measurements()
    for speed in (1.0, 5.0, 25.0):
        measured.add("fast", {RATE: 400 * speed})
        measured.add("slow", {RATE: 100 * speed})

    assert measured.ratio("fast", "slow", RATE) == pytest.approx(4)


def test_rows_come_by_contender_then_metric() -> None:
    """The order of the report is the order in which contenders were named, whatever was measured first."""
    measured = Measurements()
    for name in ("b", "a"):
        measured.add(name, {CPU: 1.0, P99: 2.0})

    rows = measured.in_order(["a", "b"]).rows()

    assert [(row.name, row.metric) for row in rows] == [
        ("a", "CPU"),
        ("a", "p99"),
        ("b", "CPU"),
        ("b", "p99"),
    ]
