"""JSON values of a text that comes in pieces: one after the other, on a line each or over many.

After a broken one the next line is tried. Must not know stages or events.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BROKEN: Final = 100
"""So many values of one text may be broken until the rest is given up: looking for the end of each takes time."""
_SPACE: Final = re.compile(r"[ \t\r\n\ufeff]*")
_SHOWN: Final = 60
_PART: Final = re.compile(r'["\\{}\[\]]')
_WORD_END: Final = re.compile(r"[ \t\r\n]")


class BrokenValue(msgspec.Struct, frozen=True):
    """Where a value should be and none is."""

    reason: str


class _Bounds:
    """Looks for the end of the value at the beginning of a text that may grow; never looks at a character twice."""

    def __init__(self) -> None:
        self._seen = 0
        self._depth = 0
        self._quoted = False

    def find(self, text: str, start: int) -> int:
        """Return where the value at ``start`` ends; -1 when the text does not have all of it."""
        if text[start] not in '{["':
            end = _WORD_END.search(text, start)
            return end.start() if end else -1
        at = start + self._seen
        while part := _PART.search(text, at):
            at = part.end()
            sign = part[0]
            if sign == '"':
                self._quoted = not self._quoted
            elif self._quoted:
                if sign == "\\":
                    at += 1
                continue
            elif sign in "{[":
                self._depth += 1
            elif sign in "}]":
                self._depth -= 1
            if self._depth <= 0 and not self._quoted:
                return at
        self._seen = max(at, len(text)) - start
        return -1


class JsonReader:
    """Reads values of at most ``max_characters`` each; between them is white space."""

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._text = ""
        self._bounds = _Bounds()
        self._broken = 0

    def feed(self, piece: str) -> Iterator[Any]:
        """Yield the values that a piece ends, and where none can be read a :class:`BrokenValue`."""
        self._text += piece
        yield from self._read(last=False)

    def finish(self) -> Iterator[Any]:
        """Yield what is left at the end of the text; the next piece begins another."""
        yield from self._read(last=True)
        self._text = ""
        self._bounds = _Bounds()
        self._broken = 0

    def _read(self, *, last: bool) -> Iterator[Any]:
        text = self._text
        at = 0
        while (at := _after_space(text, at)) < len(text):
            found = self._next(text, at, last=last)
            if found is None:
                break
            value, at = found
            self._bounds = _Bounds()
            if isinstance(value, BrokenValue):
                self._broken += 1
                if self._broken >= _MOST_BROKEN:
                    yield BrokenValue(
                        f"{value.reason}; it is the {_MOST_BROKEN}th, the rest of the text is left out"
                    )
                    at = len(text)
                    break
            yield value
        self._text = text[at:]

    def _next(self, text: str, at: int, *, last: bool) -> tuple[Any, int] | None:
        """Return the value at a place and where it ends; None when more of the text is needed."""
        line = text.find("\n", at)
        if line >= 0 or last:
            # Most values are alone on a line.
            end = line if line >= 0 else len(text)
            try:
                return msgspec.json.decode(text[at:end]), end
            except (msgspec.DecodeError, RecursionError):
                pass
        end = self._bounds.find(text, at)
        if end < 0:
            if last:
                reason = "the text ends in the middle of a value"
            elif len(text) - at > self._max_characters:
                reason = f"a value has more than {self._max_characters} characters"
            else:
                return None
        else:
            try:
                return msgspec.json.decode(text[at:end]), end
            except (msgspec.DecodeError, RecursionError) as error:
                reason = str(error)
        shown = text[at : at + _SHOWN].split("\n", maxsplit=1)[0]
        return BrokenValue(f"{reason}: {shown!r}"), line + 1 if line >= 0 else len(text)


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None
    return space.end()
