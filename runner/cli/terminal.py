"""The journal of ``isolane dev``: a line for each request, each console line, each outcome that is not ok."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TextIO

from pools.protocol import OutcomeKind

if TYPE_CHECKING:
    from runner.deployments import Deployment
    from runner.journal import EventLine

_COLOURS: Final = {"red": "31", "yellow": "33", "grey": "90", "bold": "1"}
_OF_LEVEL: Final = {"ERROR": "red", "WARN": "yellow", "DEBUG": "grey", "TRACE": "grey"}


class TerminalJournal:
    """Writes to a terminal or a file; colours only on a terminal that wants them."""

    def __init__(self, out: TextIO = sys.stdout, *, colours: bool = False) -> None:
        self._out = out
        self._colours = colours

    def line(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        for line in text.splitlines() or [""]:
            # A worker must not steer the terminal.
            shown = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)
            self.line(self._paint(_OF_LEVEL.get(level, ""), f"[{deployment.name}] {level} {shown}"))

    def event(self, line: EventLine) -> None:
        status = str(line.status) if line.status else "left"
        text = f"{line.method} {line.url} {status}"
        if line.worker:
            text += f" {line.worker}"
        text += f" {line.duration_ms:.1f} ms"
        if line.outcome not in {None, OutcomeKind.OK}:
            text += f" {line.outcome}"
        if line.problem:
            text += f": {line.problem}"
        colour = "red" if line.status >= 500 else "yellow" if line.status >= 400 else ""
        self.line(self._paint(colour, text))

    def _paint(self, colour: str, text: str) -> str:
        if not colour or not self._colours:
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"
