"""Lines of a text that comes in pieces."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One, without its end."""

    text: str
    cut: bool
    """Whether it was longer than allowed; what was too much is gone."""


class LineSplitter:
    r"""Cuts at ``\n`` and ``\r\n``. Keeps no more than one line of ``max_bytes`` bytes (of UTF-8)."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = ""
        self._cut = False

    def feed(self, piece: str) -> list[Line]:
        """Return the lines that a piece ends."""
        first, *others = piece.split("\n")
        self._append(first)
        lines = []
        for text in others:
            lines.append(self._take())
            self._append(text)
        return lines

    def finish(self) -> list[Line]:
        """Return the last line, when it has no end."""
        return [self._take()] if self._rest or self._cut else []

    def _append(self, text: str) -> None:
        # One more than allowed may be a \r, which does not count.
        room = self._max_bytes + 1 - len(self._rest)
        if len(text) > room:
            self._cut = True
        self._rest += text[: max(room, 0)]

    def _take(self) -> Line:
        text = self._rest.removesuffix("\r")
        cut = self._cut
        if len(text) * 4 > self._max_bytes:
            data = text.encode(errors="replace")
            if len(data) > self._max_bytes:
                cut = True
                text = data[: self._max_bytes].decode(errors="ignore")
        self._rest = ""
        self._cut = False
        return Line(text, cut)
