"""What is printed, kept and judged."""

import json
from pathlib import Path

import msgspec
import pytest

from benchmarks.chart import draw
from benchmarks.figures import make_row
from benchmarks.machine import Machine
from benchmarks.report import CPU, RATE, Bar, Curve, Findings, Report, at_least, at_most
from benchmarks.table import number, render, render_bars, render_rows

MACHINE = Machine(
    cpu="Abacus",
    cores=2,
    memory_mb=640,
    kernel="6.1",
    python="3.13",
    stpyv8="13",
    commit="abc",
    snapshot_kb=1200,
    settings={"V8_FLAGS": "--jitless"},
    load_before=(0.5, 0.25, 0.1),
    load_after=(1.5, 0.5, 0.25),
)


def report_with(*bars: Bar, curves: list[Curve] | None = None) -> Report:
    rows = [make_row("a", RATE, [1.0, 3.0, 2.0]), make_row("a", CPU, [500.0])]
    findings = Findings(rows=rows, bars=list(bars), rounds=3, curves=curves or [], notes=["Why."])
    return Report(scenario="test", machine=MACHINE, quick=False, findings=findings)


@pytest.mark.parametrize(
    ("bar", "met"),
    [
        (at_most("a", 10, 10.0, "ms"), True),
        (at_most("a", 10, 10.1, "ms"), False),
        (at_least("a", 10, 10.0, "x"), True),
        (at_least("a", 10, 9.9, "x"), False),
    ],
)
def test_a_bar_is_met_from_its_target_on(bar: Bar, met: bool) -> None:
    """The target itself is good enough, in both directions."""
    assert bar.met is met
    assert report_with(bar).met is met


def test_one_missed_bar_is_enough() -> None:
    """A report is good when all bars are met, also when there is none."""
    good, bad = at_most("a", 2, 1, "s"), at_most("b", 1, 2, "s")

    assert report_with().met
    assert report_with(good).met
    assert not report_with(good, bad).met


def test_json_has_the_promised_shape() -> None:
    """Scripts find scenario, machine, rows and bars, each with the promised keys."""
    whole = json.loads(msgspec.json.encode(report_with(at_most("a", 2, 1, "s")).as_object()))

    assert whole["scenario"] == "test"
    assert whole["machine"]["load_after"] == [1.5, 0.5, 0.25]
    assert {"name": "a", "metric": "rate", "value": 2, "unit": "1/s"}.items() <= whole["rows"][
        0
    ].items()
    assert whole["bars"] == [
        {"name": "a", "target": 2, "value": 1, "unit": "s", "relation": "<=", "met": True}
    ]


def test_the_table_has_a_line_for_each_contender() -> None:
    """Metrics are columns; what a contender has no figure for stays empty."""
    rows = [
        make_row("short", RATE, [4500.0]),
        make_row("a longer name", RATE, [7.0]),
        make_row("short", CPU, [50.0]),
    ]

    assert render_rows(rows) == [
        "               rate 1/s  CPU µs/request",
        "short             4,500            50.0",
        "a longer name      7.00",
    ]


def test_a_missed_bar_can_be_seen() -> None:
    """Each bar says whether it was met, by which figure, and what it should be."""
    lines = render_bars([at_most("p99", 10, 12.5, "ms"), at_least("rate", 4500, 5000, "1/s")])

    assert lines == ["MISSED  p99    12.5   <= 10.0   ms", "met     rate  5,000  >= 4,500  1/s"]


def test_the_whole_text_says_where_figures_come_from() -> None:
    """Machine, load, settings, rounds and notes are in the text, so that it can be quoted alone."""
    text = render(report_with())

    for part in ("test: medians of 3 rounds", "Abacus", "1.50 0.50 0.25 after", "V8_FLAGS", "Why."):
        assert part in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "0.12"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    """More digits than that are noise."""
    assert number(value) == text


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    """Rows and curves are drawn into a PNG file."""
    curve = Curve(name="a", x_label="executions", y_label="MB", x=[1, 2], y=[10, 11])

    draw(report_with(curves=[curve]), tmp_path / "chart.png")

    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
