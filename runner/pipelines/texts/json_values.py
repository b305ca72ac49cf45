"""JSON values of a text that comes in pieces: one after the other, on a line each or over many.

After a broken one the next line is tried. Must not know stages or events.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_IN_VAIN: Final = 2 << 20
"""So many characters of one piece may be looked at in vain, for the ends of broken values, until the rest of it is given up."""
_SPACE: Final = re.compile(r"[ \t\r\n\ufeff]*")
_SHOWN: Final = 60
_PART: Final = re.compile(r'["\\{}\[\]]')
_INSIDE: Final = (",", ":", "]", "}")
_OPENED: Final = re.compile(r"[\[{][ \t\r]*\n")
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

    def feed(self, piece: str) -> Iterator[Any]:
        """Yield the values that a piece ends, and where none can be read a :class:`BrokenValue`."""
        self._text += piece
        yield from self._read(last=False)

    def finish(self, piece: str = "") -> Iterator[Any]:
        """Yield what is left at the end of the text, with its last piece; the next begins another."""
        self._text += piece
        yield from self._read(last=True)
        self._text = ""
        self._bounds = _Bounds()

    def _read(self, *, last: bool) -> Iterator[Any]:
        text = self._text
        at = in_vain = 0
        while (at := _after_space(text, at)) < len(text):
            found = self._next(text, at, last=last)
            if found is None:
                break
            value, end, looked_at = found
            self._bounds = _Bounds()
            if isinstance(value, BrokenValue):
                in_vain += looked_at
                if in_vain > max(_MOST_IN_VAIN, len(text)):
                    yield BrokenValue(f"{value.reason}; too much is broken, the rest is left out")
                    at = len(text)
                    break
            yield value
            at = end
        self._text = text[at:]

    def _next(self, text: str, at: int, *, last: bool) -> tuple[Any, int, int] | None:
        """Return the value at a place, where it ends, and how much was looked at; None when more of the text is needed."""
        line = text.find("\n", at)
        if line >= 0 or last:
            # Most values are alone on a line.
            end = line if line >= 0 else len(text)
            try:
                return msgspec.json.decode(text[at:end]), end, end - at
            except (msgspec.DecodeError, RecursionError):
                pass
        end = self._bounds.find(text, at)
        next_line = line + 1 if line >= 0 else len(text)
        if end < 0:
            if last:
                if _OPENED.match(text, at):
                    # A value over many lines, none of which is a value by itself.
                    next_line = len(text)
                reason = "the text ends in the middle of a value"
            elif len(text) - at > self._max_characters:
                reason = f"a value has more than {self._max_characters} characters"
            else:
                return None
        elif text.startswith(_INSIDE, _after_space(text, end)):
            reason = "what follows the value belongs to a larger one"
            if last and "\n" in text[at:end]:
                next_line = len(text)
        else:
            try:
                return msgspec.json.decode(text[at:end]), end, end - at
            except (msgspec.DecodeError, RecursionError) as error:
                reason = str(error)
        shown = text[at : at + _SHOWN].split("\n", maxsplit=1)[0]
        looked_at = (end if end >= 0 else len(text)) - at
        return BrokenValue(f"{reason}: {shown!r}"), next_line, looked_at


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None
    return space.end()
