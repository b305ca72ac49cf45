"""YAML: documents of a text that comes in pieces as JSON values, and JSON values as documents.

Scalars are those of YAML 1.2's core schema, as JavaScript's libraries read them: ``no`` and ``2001-01-01`` are texts. Must not know stages or events.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_VALUES: Final = 1_000_000
_MOST_LEVELS: Final = 200
_TOO_MUCH: Final = "the document is too deep, or has too many values"
_MARK: Final = re.compile(r"^---(?=[ \t\r\n])", re.MULTILINE)
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_MOST_DIGITS: Final = 1000
_WIDE: Final = 1 << 30
_PREFIX: Final = "tag:yaml.org,2002:"
_RESOLVERS: Final = (
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("bool", r"true|True|TRUE|false|False|FALSE", tuple("tTfF")),
    ("int", _INT.pattern, tuple("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN",
        tuple("-+.0123456789"),
    ),
    ("merge", "<<", ("<",)),
)


class BrokenDocumentError(Exception):
    """A document that can not be read; the text says why and where."""


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def mapping(self, node: yaml.MappingNode) -> Iterator[dict[str, Any]]:
        # 1 and true are one key in Python, and two in JSON.
        found: dict[str, Any] = {}
        yield found
        self.flatten_mapping(node)
        for key, value in node.value:
            found[_key(self.construct_object(key, deep=True))] = self.construct_object(value)

    def whole_number(self, node: yaml.ScalarNode) -> int:
        text = str(self.construct_scalar(node))
        if len(text) > _MOST_DIGITS:
            raise yaml.constructor.ConstructorError(
                None, None, "the number has too many digits", node.start_mark
            )
        return int(text, 0 if text[:2] in {"0o", "0x"} else 10)

    def number(self, node: yaml.ScalarNode) -> float:
        text = str(self.construct_scalar(node)).lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))


class _Dumper(yaml.CSafeDumper):
    # What either version of YAML takes for something else is quoted.
    yaml_implicit_resolvers: dict[str, Any] = {  # noqa: RUF012
        first: list(found) for first, found in yaml.CSafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: object) -> bool:
        return True


for _name, _pattern, _firsts in _RESOLVERS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_PREFIX + _name, re.compile(f"^(?:{_pattern})$"), _firsts)
_Loader.add_constructor(_PREFIX + "map", _Loader.mapping)
_Loader.add_constructor(_PREFIX + "int", _Loader.whole_number)
_Loader.add_constructor(_PREFIX + "float", _Loader.number)


class YamlSplitter:
    """Cuts a text into its documents, at most ``max_characters`` each."""

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._text = ""

    def feed(self, piece: str) -> Iterator[str]:
        """Yield the documents that a piece ends.

        Raises
        ------
        BrokenDocumentError
            There is no end of it; what was read of it is left out.

        """
        searched = max(len(self._text) - 4, 1)
        self._text += piece
        while mark := _MARK.search(self._text, searched):
            yield self._text[: mark.start()]
            self._text = self._text[mark.start() :]
            searched = 1
        if len(self._text) > self._max_characters:
            self._text = ""
            raise BrokenDocumentError(f"a document has more than {self._max_characters} characters")

    def finish(self) -> str:
        """Return what is left; the next piece begins another text."""
        text, self._text = self._text, ""
        return text


def read_documents(text: str) -> Iterator[Any]:
    """Yield the documents of a text as JSON values, but for those with nothing in them.

    Raises
    ------
    BrokenDocumentError
        One can not be read, or is no JSON: it has itself inside, or repeats itself until it is too large.

    """
    try:
        _check_levels(text)
        for value in yaml.load_all(text, Loader=_Loader):
            if value is not None:
                yield _Json().of(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        words = " ".join(str(error).split())
        raise BrokenDocumentError(words.replace(' in "<unicode string>"', "")) from error


def _check_levels(text: str) -> None:
    """Refuse what is too deep before it is composed, which uses up the stack of the process without an exception."""
    levels = 0
    # What else is wrong is found again.
    with suppress(yaml.YAMLError):
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                levels += 1
                if levels > _MOST_LEVELS:
                    raise BrokenDocumentError(_TOO_MUCH)
            elif isinstance(event, yaml.CollectionEndEvent):
                levels -= 1


def write_document(value: Any, indent: int) -> str:
    """Return a JSON value as a document that begins with ``---``."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        explicit_start=True,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=False,
        indent=indent,
        width=_WIDE,
    )
    return text.removesuffix("...\n")


class _Json:
    """Copies what YAML gave as JSON; what is shared becomes as many copies, up to a number."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def of(self, value: Any, level: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or level > _MOST_LEVELS:
            raise BrokenDocumentError(_TOO_MUCH)
        match value:
            case dict():
                return {_key(key): self.of(inner, level + 1) for key, inner in value.items()}
            case list() | tuple():
                return [self.of(inner, level + 1) for inner in value]
            case set():
                return {_key(key): None for key in value}
            case bytes():
                raise BrokenDocumentError("!!binary is no JSON: write it as text")
            case float() if not math.isfinite(value):
                return None
            case None | bool() | int() | float() | str():
                return value
            case _:
                return str(value)


def _key(key: Any) -> str:
    match key:
        case str():
            return key
        case None:
            return "null"
        case bool():
            return "true" if key else "false"
        case int() | float():
            return str(key)
        case _:
            raise BrokenDocumentError(f"{key!r} is no key of an object")
