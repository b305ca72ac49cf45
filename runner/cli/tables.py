"""Tables and colours for terminals. What comes from tenants can not steer the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runner.cli.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_COLOURS: Final = {"red": "31", "green": "32"}


def as_table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows under their heads, each column as wide as its widest cell; nothing for None."""
    cells = [list(heads), *([as_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def as_cell(value: Any) -> str:
    """Return a value in words that can not steer a terminal."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return harmless(str(value))


def paint(text: str, colour: str, *, colours: bool) -> str:
    """Return the text in a colour, if colours are wanted."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if colours else text
