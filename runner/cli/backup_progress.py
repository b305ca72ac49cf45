"""How far a backup is: bars on a terminal, a line for each stage elsewhere, nothing beside JSON."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runner.backup.progress import Unwatched

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import rich.progress

    from runner.backup.progress import Progress, Unit


class _Lines:
    """For logs."""

    def begin(self, stage: str, total: int, unit: Unit) -> None:
        amount = f": {total} {unit}" if total else ""
        print(f"{stage}{amount}", file=sys.stderr, flush=True)

    def advance(self, amount: int) -> None:
        pass


class _Bars:
    """For people."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._task: rich.progress.TaskID | None = None

    def begin(self, stage: str, total: int, unit: Unit) -> None:
        self.end()
        self._task = self._bars.add_task(stage, total=total or None, unit=unit)

    def advance(self, amount: int) -> None:
        assert self._task is not None
        self._bars.advance(self._task, amount)

    def end(self) -> None:
        """Fill the last bar: how much there is was an estimate, or has come."""
        if self._task is not None:
            done = self._bars.tasks[self._task].completed or 1
            self._bars.update(self._task, total=done, completed=done)


@contextmanager
def open_progress(options: argparse.Namespace) -> Iterator[Progress]:
    """Tell of it on stderr."""
    if not sys.stderr.isatty():
        yield Unwatched() if options.json else _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} {task.fields[unit]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        shown = _Bars(bars)
        yield shown
        shown.end()
