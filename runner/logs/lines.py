"""Console lines on their way out: a bounded buffer between executions, which must not wait, and whatever takes the lines.

A worker that prints faster than its lines are taken loses some, and one line says how many; other workers lose none by it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from pools.protocol import OutcomeKind

if TYPE_CHECKING:
    from pools.protocol import ErrorInfo, Outcome
    from runner.events.context import EventContext

MAX_CHARACTERS: Final = 16 << 10
"""Of one line; what follows is counted."""
_MAX_LINES: Final = 10_000
_MAX_TEXT: Final = 8 << 20
_SHARE: Final = 4
"""One worker may fill a quarter of the buffer."""
_OURS: Final = frozenset(
    {OutcomeKind.TERMINATED, OutcomeKind.ABORTED, OutcomeKind.BUSY, OutcomeKind.HOST_LOST}
)
"""Ends that are not the worker's fault."""
_WORDS: Final = {
    OutcomeKind.EXCEPTION: "an uncaught exception",
    OutcomeKind.INIT_ERROR: "the worker can not be started",
    OutcomeKind.NO_HANDLER: "the worker has no handler for it",
    OutcomeKind.CPU_LIMIT: "the CPU time limit was exceeded",
    OutcomeKind.MEMORY_LIMIT: "the memory limit was exceeded",
    OutcomeKind.OP_LIMIT: "a limit of operations was exceeded",
    OutcomeKind.WALL_CLOCK: "the wall-clock time limit was exceeded",
    OutcomeKind.TERMINATED: "it was ended, as the runner shuts down",
    OutcomeKind.ABORTED: "it was given up",
    OutcomeKind.BUSY: "it waited too long for an isolate",
    OutcomeKind.HOST_LOST: "its process was lost",
}


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a worker."""

    time_us: int
    """Microseconds since the epoch; two lines of one buffer never have the same."""
    worker: str
    level: str
    """``ERROR WARN INFO DEBUG TRACE``."""
    text: str


class LineBuffer:
    """Takes lines without waiting, and gives them in batches."""

    def __init__(self, most_lines: int = _MAX_LINES, most_text: int = _MAX_TEXT) -> None:
        self._most_lines = most_lines
        self._most_text = most_text
        self._lines: deque[LogLine] = deque()
        self._text = 0
        self._held: dict[str, list[int]] = {}
        """By worker: lines and characters in the buffer."""
        self._dropped: dict[str, int] = {}
        self._last = 0
        self._filled = asyncio.Event()
        self.many = asyncio.Event()
        """Set when there are so many lines that a batch is worth while."""

    def line(self, worker: str, level: str, text: str) -> None:
        """Take a line, or count it as dropped."""
        if len(text) > MAX_CHARACTERS:
            more = len(text) - MAX_CHARACTERS
            text = f"{text[:MAX_CHARACTERS]}… ({more} characters more)"
        held = self._held.get(worker)
        if held is None:
            held = self._held[worker] = [0, 0]
        size = len(text)
        if (
            len(self._lines) >= self._most_lines
            or self._text + size > self._most_text
            or held[0] * _SHARE >= self._most_lines
            or (held[1] + size) * _SHARE > self._most_text
        ):
            self._dropped[worker] = self._dropped.get(worker, 0) + 1
        else:
            held[0] += 1
            held[1] += size
            self._text += size
            self._lines.append(self._made(worker, level, text))
            if len(self._lines) * 20 >= self._most_lines:
                self.many.set()
        self._filled.set()

    async def filled(self) -> None:
        """Wait until there is a line."""
        await self._filled.wait()

    def take(self, most: int) -> list[LogLine]:
        """Return the oldest lines; after the last ones, what was dropped meanwhile, in a line for each worker."""
        lines: list[LogLine] = []
        while self._lines and len(lines) < most:
            line = self._lines.popleft()
            self._text -= len(line.text)
            held = self._held[line.worker]
            held[0] -= 1
            held[1] -= len(line.text)
            lines.append(line)
        if not self._lines:
            for worker, count in self._dropped.items():
                text = f"{count} lines were dropped: they came faster than they could be taken"
                lines.append(self._made(worker, "WARN", text))
            self._dropped.clear()
            self._held.clear()
            self._filled.clear()
            self.many.clear()
        return lines

    def _made(self, worker: str, level: str, text: str) -> LogLine:
        # The table has no other order than that of time.
        self._last = max(time.time_ns() // 1000, self._last + 1)
        return LogLine(self._last, worker, level, text)


def describe_failure(outcome: Outcome, context: EventContext) -> tuple[str, str]:
    """Return level and text of the line that tells a tenant how an execution ended."""
    error = outcome.error
    if outcome.kind in _OURS:
        return "WARN", f"{context.kind} event: {_WORDS[outcome.kind]}"
    if outcome.kind is OutcomeKind.EXCEPTION and error is not None:
        return "ERROR", f"Uncaught {_stack(error)}"
    text = f"{context.kind} event: {_WORDS.get(outcome.kind, outcome.kind)}"
    return "ERROR", f"{text}: {_stack(error)}" if error is not None else text


def _stack(error: ErrorInfo) -> str:
    head = f"{error.name}: {error.message}" if error.message else error.name
    if error.file:
        head += f" ({error.file}:{error.line}:{error.column})" if error.line else f" ({error.file})"
    places = [line for line in error.stack.splitlines() if line.lstrip().startswith("at ")]
    return "\n".join([head, *places])
