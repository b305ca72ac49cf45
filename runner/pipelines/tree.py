"""A document as a tree whose nodes know where they stand: merging, looking things up, and what becomes of it for a stage.

Must not know YAML, nor what the keys mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from runner.pipelines.stage import JsFunction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.pipelines.errors import Place

Scalar = str | int | float | bool | None


class FunctionText(NamedTuple):
    """A function's source, and for each of its lines where in the document it begins."""

    text: str
    file: str
    lines: Sequence[tuple[int, int]]
    """Line from 1, and how many columns stand before the text's own."""

    def at(self, line: int, column: int) -> tuple[int, int]:
        """Return the document's line and column for one of the text, all from 1."""
        found, before = self.lines[min(max(line, 1), len(self.lines)) - 1]
        return found, column + before


class Node(NamedTuple):
    """A value and its place; a mapping knows the places of its keys, too."""

    value: dict[str, Node] | list[Node] | FunctionText | Scalar
    place: Place
    keys: dict[str, Place]

    def child(self, key: str) -> Node | None:
        """Return the value of a mapping's key; None where there is none."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def place_of(self, path: Sequence[str]) -> Place:
        """Return the place of what a path leads to, or of the last on the way that is there."""
        node = self
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[part]
            elif isinstance(node.value, list) and part.isdigit() and int(part) < len(node.value):
                node = node.value[int(part)]
            else:
                break
        return node.place

    def functions(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, FunctionText]]:
        """Yield the functions below, with their paths, parts joined by dots."""
        if isinstance(self.value, FunctionText):
            yield ".".join(path), self.value
        elif isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.functions((*path, key))
        elif isinstance(self.value, list):
            for number, node in enumerate(self.value):
                yield from node.functions((*path, str(number)))

    def plain(self, path: tuple[str, ...] = ()) -> Any:
        """Return the value without places; functions are named by their paths."""
        value = self.value
        if isinstance(value, FunctionText):
            return JsFunction(".".join(path))
        if isinstance(value, dict):
            return {key: node.plain((*path, key)) for key, node in value.items()}
        if isinstance(value, list):
            return [node.plain((*path, str(number))) for number, node in enumerate(value)]
        return value


def merged(under: Node, over: Node) -> Node:
    """Return a tree with what both have; mappings go together, of all else ``over`` counts."""
    if not isinstance(under.value, dict) or not isinstance(over.value, dict):
        return over
    value = dict(under.value)
    for key, node in over.value.items():
        value[key] = merged(value[key], node) if key in value else node
    return Node(value, over.place, {**under.keys, **over.keys})
