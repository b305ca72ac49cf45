"""YAML with ``!!js/function``: a text becomes a tree.

Scalars mean what YAML 1.2's core schema says: ``yes`` and ``12:30`` are texts, no dates are made. Must not know what pipelines are.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml

from runner.pipelines.errors import DocumentError, Fault, Place
from runner.pipelines.tree import FunctionText, Node

_MAX_BYTES: Final = 4 << 20
_MAX_NODES: Final = 100_000
"""Of a document, aliases counted as often as they are used."""
_MAX_DIGITS: Final = 18
_TAG: Final = "tag:yaml.org,2002:"
_HEADER: Final = re.compile(r"(^|\s)[>|][-+0-9]*\s*(#.*)?$")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class _Composer(yaml.SafeLoader):
    """Composes nodes; what a plain scalar is, is said here and not by YAML 1.1's rules."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - pyyaml wants it on the class


def read_tree(file: str, text: str) -> Node:
    """Return the tree of a document.

    Raises
    ------
    DocumentError
        It is no YAML, or has what has no place in a pipeline.

    """
    return _Reader(file, text).read()


class _Reader:
    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._lines = text.splitlines()
        self._left = _MAX_NODES

    def read(self) -> Node:
        start = Place(self._file, 1, 1)
        if len(self._text.encode()) > _MAX_BYTES:
            raise _fault(start, f"the document has more than {_MAX_BYTES >> 20} MiB")
        try:
            root = yaml.compose(self._text, Loader=_Composer)
            if root is None:
                raise _fault(start, "the document is empty")
            return self._node(root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(self._file, mark.line + 1, mark.column + 1) if mark else start
            what = f"{error.context}: {error.problem}" if error.context else f"{error.problem}"
            raise _fault(place, f"this is no YAML: {what}") from None
        except yaml.reader.ReaderError as error:
            line = self._text.count("\n", 0, error.position) + 1
            column = error.position - self._text.rfind("\n", 0, error.position)
            what = f"the character U+{error.character:04X} is not allowed"
            raise _fault(Place(self._file, line, column), f"this is no YAML: {what}") from None
        except RecursionError:
            raise _fault(start, "the document is nested too deeply") from None

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _node(self, node: yaml.Node) -> Node:
        place = self._place(node)
        self._left -= 1
        if self._left < 0:
            raise _fault(place, f"the document has more than {_MAX_NODES} values")
        tag = node.tag.removeprefix(_TAG)
        if tag not in {"map", "seq", "str", "js/function"}:
            raise _fault(
                place,
                f"there is no tag {_shown(node.tag)} here; of tags there is !!js/function alone",
            )
        if tag == "js/function" and not isinstance(node, yaml.ScalarNode):
            raise _fault(place, "a !!js/function must be a text")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return Node([self._node(item) for item in node.value], place, {})
        assert isinstance(node, yaml.ScalarNode)
        if tag == "js/function":
            return Node(self._function(node), place, {})
        if node.style is None and not self._text.startswith("!", node.start_mark.index):
            return Node(_scalar(node.value, place), place, {})
        return Node(node.value, place, {})

    def _mapping(self, node: yaml.MappingNode, place: Place) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        under: list[Node] = []
        for key, item in node.value:
            at = self._place(key)
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                raise _fault(at, "a key must be a text")
            if key.value == "<<" and key.style is None:
                found = self._node(item)
                under += found.value if isinstance(found.value, list) else [found]
                continue
            if key.value in values:
                raise _fault(
                    at, f"{key.value!r} is there twice; first in line {keys[key.value].line}"
                )
            values[key.value], keys[key.value] = self._node(item), at
        for other in under:
            if not isinstance(other.value, dict):
                raise _fault(other.place, "what << merges must be a mapping")
            for name, found in other.value.items():
                values.setdefault(name, found)
                keys.setdefault(name, other.keys[name])
        return Node(values, place, keys)

    # -- functions ---------------------------------------------------------------------------------------------------

    def _function(self, node: yaml.ScalarNode) -> FunctionText:
        if not node.value.strip():
            raise _fault(self._place(node), "there is no function after !!js/function")
        text: str = node.value
        places = self._block(node) if node.style in {">", "|"} else self._flow(node)
        return FunctionText(text, self._file, places)

    def _block(self, node: yaml.ScalarNode) -> list[tuple[int, int]]:
        """Return where each line of a block begins; of folded lines, where the first of them does."""
        first = node.start_mark.line
        while not _HEADER.search(self._lines[first]):
            first += 1
        raw = self._lines[first + 1 : max(node.end_mark.line, first + 2)]
        filled = [line for line in raw if line.strip()]
        indent = len(filled[0]) - len(filled[0].lstrip(" ")) if filled else 0
        places: list[tuple[int, int]] = []
        at = 0
        for line in node.value.splitlines():
            while line.strip() and at < len(raw) - 1 and not raw[at].strip():
                at += 1
            places.append((first + 2 + at, indent))
            have = raw[at][indent:] if at < len(raw) else ""
            while line.strip() and have != line and line.startswith(have) and at < len(raw) - 1:
                at += 1
                have = f"{have} {raw[at][indent:]}"
            at += 1
        return places

    def _flow(self, node: yaml.ScalarNode) -> list[tuple[int, int]]:
        """Return where the lines of a function begin that stands behind its key."""
        mark = node.start_mark
        head = self._text[mark.index : node.end_mark.index]
        begins = re.match(r"(!\S*\s+)?['\"]?", head)
        skipped = begins[0] if begins else ""
        line = mark.line + 1 + skipped.count("\n")
        before = len(skipped.rpartition("\n")[2]) + (0 if "\n" in skipped else mark.column)
        return [(line, before), *((line + n, 0) for n in range(1, len(node.value.splitlines())))]


def _scalar(text: str, place: Place) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) <= _MAX_DIGITS:
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise _fault(place, f"{text} is too large for a number")
        return number
    if _NO_NUMBER.fullmatch(text):
        raise _fault(place, f"{text} is no number that an event can have")
    return text


def _shown(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag


def _fault(place: Place, message: str) -> DocumentError:
    return DocumentError([Fault(place, message)])
