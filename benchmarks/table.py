"""A report as text for people: one line for each contender, one for each bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.report import Bar, Report, Row


def render(report: Report) -> str:
    """Return the whole report."""
    found = report.findings
    rounds = "one run" if found.rounds == 1 else f"medians of {found.rounds} rounds"
    quick = ", quick: the figures are rough" if report.quick else ""
    parts = [f"{report.scenario}: {rounds}{quick}", report.machine.describe(), ""]
    parts += render_rows(found.rows)
    if found.bars:
        parts += ["", *render_bars(found.bars)]
    if found.notes:
        parts += ["", *found.notes]
    return "\n".join(parts)


def render_rows(rows: Sequence[Row]) -> list[str]:
    """Return a line for each contender, with a column for each metric."""
    metrics = list(dict.fromkeys((row.metric, row.unit) for row in rows))
    cells: dict[str, dict[tuple[str, str], str]] = {}
    for row in rows:
        cells.setdefault(row.name, {})[row.metric, row.unit] = number(row.value)
    lines = [["", *(f"{metric} {unit}" for metric, unit in metrics)]]
    lines += [
        [name, *(figures.get(metric, "") for metric in metrics)] for name, figures in cells.items()
    ]
    return align(lines)


def render_bars(bars: Sequence[Bar]) -> list[str]:
    """Return a line for each bar, and whether it was met."""
    return align(
        [
            [
                "met" if bar.met else "MISSED",
                bar.name,
                number(bar.value),
                f"{bar.relation} {number(bar.target)}",
                bar.unit,
            ]
            for bar in bars
        ],
        left=2,
    )


def number(value: float) -> str:
    """Return a figure with as many digits as mean anything."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def align(lines: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Return the lines with their cells under each other, the first ``left`` columns to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
