"""A report as a picture. Needs matplotlib, which is not part of a distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.report import Curve, Report, Row


class NoChartsError(Exception):
    """Matplotlib is not installed."""


def draw(report: Report, path: Path) -> None:
    """Draw a panel for each metric, and one for all curves, into a PNG file.

    Raises
    ------
    NoChartsError
        There is nothing to draw with.

    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NoChartsError from None
    rows = [row for row in report.findings.rows if row.drawn]
    panels = list(dict.fromkeys((row.metric, row.unit) for row in rows))
    curves = report.findings.curves
    count = len(panels) + bool(curves)
    if not count:
        return
    longest = max((_lines_of(rows, panel) for panel in panels), default=0)
    figure = Figure(figsize=(4 + 4 * count, max(3.0, 1.2 + 0.28 * longest)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{report.scenario}: medians and extremes")
    axes: list[Any] = [figure.add_subplot(1, count, place + 1) for place in range(count)]
    for axis, (metric, unit) in zip(axes, panels, strict=False):
        _draw_rows(axis, [row for row in rows if row.metric == metric], f"{metric}, {unit}")
    if curves:
        _draw_curves(axes[-1], curves)
    figure.savefig(path, dpi=110)


def _lines_of(rows: Sequence[Row], panel: tuple[str, str]) -> int:
    return sum((row.metric, row.unit) == panel for row in rows)


def _draw_rows(axis: Any, rows: Sequence[Row], label: str) -> None:
    values = [row.value for row in rows]
    spread = [[row.value - row.low for row in rows], [row.high - row.value for row in rows]]
    axis.barh([row.name for row in rows], values, xerr=spread, capsize=2, color="#4c78a8")
    axis.invert_yaxis()
    axis.set_xlabel(label)
    axis.tick_params(labelsize=8)


def _draw_curves(axis: Any, curves: Sequence[Curve]) -> None:
    for curve in curves:
        axis.plot(curve.x, curve.y, label=curve.name)
    axis.set_xlabel(curves[0].x_label)
    axis.set_ylabel(curves[0].y_label)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8)
