"""What may stand at a place of a stage's config, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import inspect

from runner.pipelines.stage import JsFunction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.pipelines.stage import StageConfig

_PLAIN: Final[dict[type[inspect.Type], str]] = {
    inspect.BoolType: "true or false",
    inspect.DictType: "a mapping",
    inspect.ListType: "a list",
    inspect.StrType: "a text",
    inspect.StructType: "a mapping",
}


def allowed_at(config: type[StageConfig], path: Sequence[str]) -> str:
    """Return what may stand where a path leads (``...`` is any key of a mapping, or entry of a list); empty where that is unknown."""
    found = [inspect.type_info(config)]
    for part in path:
        found = [inner for one in found for kind in _kinds(one) for inner in _below(kind, part)]
    words = dict.fromkeys(_words(kind) for one in found for kind in _kinds(one))
    return " or ".join(word for word in words if word)


def _kinds(found: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(found, inspect.UnionType):
        for one in found.types:
            yield from _kinds(one)
    elif isinstance(found, inspect.Metadata):
        yield from _kinds(found.type)
    else:
        yield found


def _below(kind: inspect.Type, part: str) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        yield from (field.type for field in kind.fields if field.encode_name == part)
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type
    elif isinstance(kind, inspect.ListType):
        yield kind.item_type


def _words(kind: inspect.Type) -> str:
    """Return what a value of a kind is; nothing for null, which stands for a key that is not there."""
    match kind:
        case inspect.StructType(cls=cls) if cls is JsFunction:
            return "a !!js/function"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number{_between(least, most)}"
        case inspect.FloatType(ge=least, le=most):
            return f"a number{_between(least, most)}"
        case inspect.DictType(min_length=1) | inspect.ListType(min_length=1):
            return f"{_PLAIN[type(kind)]} that is not empty"
        case inspect.StrType(pattern=pattern) if pattern is not None:
            return f"a text like {pattern}"
        case inspect.StrType(min_length=1):
            return "a text that is not empty"
        case _:
            return _PLAIN.get(type(kind), "")


def _between(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {least:.12g} to {most:.12g}"
    if least is not None:
        return f", at least {least:.12g}"
    return f", at most {most:.12g}" if most is not None else ""
