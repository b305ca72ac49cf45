"""What a value of JSON must be, said once: a rule checks it, with the messages of zod that clients know, and describes it as JSON schema.

A rule's ``check`` returns the value as it is meant (folded, trimmed), or raises a :class:`CheckError` with all that is wrong below it. Must not
know what the values are for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from runner.tasks_server.errors import ErrorTree

Kind = Literal["null", "boolean", "number", "string", "array", "object"]
Schema = dict[str, Any]

REQUIRED: Final = "Required"
_ERRORS: Final = "_errors"
_KINDS: Final[Mapping[type, Kind]] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class CheckError(Exception):
    """What is wrong with a value, and with those inside of it."""

    def __init__(
        self, *messages: str, inside: Mapping[str | int, CheckError] | None = None
    ) -> None:
        self.messages = list(messages)
        self.inside = dict(inside or {})
        super().__init__(*messages)

    def tree(self) -> ErrorTree:
        """Return it as clients get it."""
        tree: ErrorTree = {_ERRORS: list(self.messages)}
        for name, error in self.inside.items():
            if (
                name == _ERRORS
            ):  # a key of the client's own choice must not take the place of the messages
                tree[_ERRORS] = self.messages + error.messages
            else:
                tree[str(name)] = error.tree()
        return tree


class Rule(Protocol):
    """What one value must be."""

    def check(self, value: Any) -> Any: ...

    def schema(self) -> Schema: ...


def kind_of(value: object) -> Kind:
    return _KINDS[type(value)]


def expected(kind: str, value: object) -> CheckError:
    return CheckError(f"Expected {kind}, received {kind_of(value)}")


@dataclass(frozen=True)
class Text:
    """``trim``: what does not count at its ends. ``pattern`` is what all of it must match. ``read`` makes of it what is meant; a ValueError's text is the message then."""

    minimum: int = 0
    maximum: int | None = None
    pattern: re.Pattern[str] | None = None
    message: str = "Invalid"
    trim: str = ""
    read: Callable[[str], Any] | None = None
    described: Schema = field(default_factory=dict)

    def check(self, value: Any) -> Any:
        if type(value) is not str:
            raise expected("string", value)
        if self.trim:
            value = value.strip(self.trim)
        wrong = []
        if len(value) < self.minimum:
            wrong.append(f"String must contain at least {self.minimum} character(s)")
        if self.maximum is not None and len(value) > self.maximum:
            wrong.append(f"String must contain at most {self.maximum} character(s)")
        if self.pattern is not None and not self.pattern.fullmatch(value):
            wrong.append(self.message)
        if wrong:
            raise CheckError(*wrong)
        if self.read is not None:
            try:
                return self.read(value)
            except ValueError as error:
                raise CheckError(str(error)) from None
        return value

    def schema(self) -> Schema:
        schema: Schema = {"type": "string"}
        if self.minimum:
            schema["minLength"] = self.minimum
        if self.maximum is not None:
            schema["maxLength"] = self.maximum
        if self.pattern is not None:
            schema["pattern"] = f"^(?:{self.pattern.pattern})$"
        return schema | self.described


@dataclass(frozen=True)
class Whole:
    """An integer; 1.0 is one, too."""

    minimum: int
    maximum: int
    without: tuple[int, ...] = ()
    message: str = "Invalid input"

    def check(self, value: Any) -> int:
        if type(value) is not int:
            if type(value) is not float:
                raise expected("number", value)
            if not value.is_integer():
                raise CheckError("Expected integer, received float")
            value = int(value)
        if value < self.minimum:
            raise CheckError(f"Number must be greater than or equal to {self.minimum}")
        if value > self.maximum:
            raise CheckError(f"Number must be less than or equal to {self.maximum}")
        if value in self.without:
            raise CheckError(self.message)
        checked: int = value
        return checked

    def schema(self) -> Schema:
        schema: Schema = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        return schema | ({"not": {"enum": list(self.without)}} if self.without else {})


@dataclass(frozen=True)
class Flag:
    def check(self, value: Any) -> bool:
        if type(value) is not bool:
            raise expected("boolean", value)
        return value

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice:
    """One of some; ``fold`` says which case they are in, if theirs does not matter. None among them allows null."""

    options: tuple[str | int | None, ...]
    fold: Literal["upper", "lower"] | None = None

    def check(self, value: Any) -> Any:
        if type(value) is str and self.fold is not None:
            value = value.upper() if self.fold == "upper" else value.lower()
        if any(value is one or (type(value) is type(one) and value == one) for one in self.options):
            return value
        known = " | ".join(repr(one) for one in self.options if one is not None)
        if type(value) not in {type(one) for one in self.options}:
            raise expected(known, value)
        raise CheckError(f"Invalid enum value. Expected {known}, received '{value}'")

    def schema(self) -> Schema:
        schema: Schema = {"enum": list(self.options)}
        return schema | ({"description": "in any case"} if self.fold else {})
