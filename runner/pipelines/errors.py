"""What goes wrong with pipelines: with their documents, at their start, and with one event."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runner.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Place(NamedTuple):
    """Where in a document; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Fault(NamedTuple):
    """One thing that is wrong with a document."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class DocumentError(RunnerError):
    """A document that describes no pipeline; each fault is a line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(map(str, self.faults)))


class StageStartError(RunnerError):
    """A stage can not start: a file, a server or a setting is not as it needs it. Raise it with the reason as a sentence."""


class EventError(RunnerError):
    """A stage can not do its work with one event; ``stack`` are the lines that say where, if there is a where."""

    def __init__(self, message: str, *, name: str = "Error", stack: Sequence[str] = ()) -> None:
        self.name = name
        self.message = message
        self.stack = list(stack)
        super().__init__(f"{name}: {message}" if message else name)


class FunctionError(EventError):
    """JavaScript of the document threw, or used up a limit; the lines of ``stack`` name the document's own lines."""
