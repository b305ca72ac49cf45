"""The journal of ``isolane dev``: a line for each request, each console line, each outcome that is not ok."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, TextIO

from pools.protocol import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pools.protocol import Outcome
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.journal import EventLine

_COLOURS: Final = {"red": "31", "yellow": "33", "grey": "90", "bold": "1"}
_OF_LEVEL: Final = {"ERROR": "red", "WARN": "yellow", "DEBUG": "grey", "TRACE": "grey"}


# Several processes may write to one pipe: what is not longer than this comes out in one piece.
_PIPE_BUF: Final = 4096
_SURELY_WHOLE: Final = _PIPE_BUF // 4
"""Characters, whatever they are."""
_SOON_S: Final = 0.005
"""Nobody reads faster; a busy runner has a dozen lines by then, and a system call for each costs more than all the rest of it."""


def _in_whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines in parts that a pipe takes in one piece, unless a line alone is longer."""
    part, size = "", 0
    for line in lines:
        length = len(line.encode("utf-8", "surrogatepass")) + 1
        if part and size + length > _PIPE_BUF:
            yield part
            part, size = "", 0
        part, size = f"{part}{line}\n", size + length
    yield part


class LineWriter:
    """Writes lines to a terminal or a file; those of a moment go together."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._waiting: list[str] = []

    def write(self, text: str) -> None:
        """Write a line, soon."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(_SOON_S, self.flush)
        self._waiting.append(text)

    def flush(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            text = "\n".join([*waiting, ""])
            parts = [text] if len(text) <= _SURELY_WHOLE else _in_whole_lines(waiting)
            # Whoever read this may have left; the workers are served all the same.
            with contextlib.suppress(OSError):
                for part in parts:
                    self._out.write(part)
                    self._out.flush()


class TerminalJournal(LineWriter):
    """For people; colours only on a terminal that wants them."""

    def __init__(self, out: TextIO, *, colours: bool = False) -> None:
        super().__init__(out)
        self._colours = colours
        self.line = self.write

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        for line in text.splitlines() or [""]:
            text = f"[{deployment.name}] {level} {harmless(line)}"
            self.line(self._paint(_OF_LEVEL.get(level, ""), text))

    def failure(self, deployment: Deployment, outcome: Outcome, context: EventContext) -> None:
        """Nothing: the event's line says it."""

    def event(self, line: EventLine) -> None:
        status = str(line.status) if line.status else "left"
        text = f"{line.method} {line.url} {status}"
        if line.worker:
            text += f" {line.worker}"
        text += f" {line.duration_ms:.1f} ms"
        if line.outcome not in {None, OutcomeKind.OK}:
            text += f" {line.outcome}"
        if line.problem:
            text += f": {harmless(line.problem)}"
        colour = "red" if line.status >= 500 else "yellow" if line.status >= 400 else ""
        self.line(self._paint(colour, text))

    def _paint(self, colour: str, text: str) -> str:
        return _painted(colour, text) if self._colours else text


def in_colour_of(level: str, text: str) -> str:
    """Return a console line's text in the colour of its level."""
    return _painted(_OF_LEVEL.get(level, ""), text)


def _painted(colour: str, text: str) -> str:
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if colour else text


def harmless(text: str) -> str:
    """Return the text without what steers a terminal: it is a worker's."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)
