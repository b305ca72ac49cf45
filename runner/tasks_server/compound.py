"""Rules for what has other values in it: arrays, objects with fields that are known, and with keys of the client's own.

All that is wrong inside is found, each where it stands. Must not know what the values are for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from runner.tasks_server.checking import REQUIRED, CheckError, expected, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.tasks_server.checking import Kind, Rule, Schema, Text

_MOST_WRONG: Final = 100
"""Of an object's keys; what is refused must not be answered with many times as much."""


@dataclass(frozen=True)
class Several:
    """An array."""

    item: Rule
    minimum: int = 0
    maximum: int = 64

    def check(self, value: Any) -> list[Any]:
        if type(value) is not list:
            raise expected("array", value)
        if len(value) > self.maximum:
            raise CheckError(f"Array must contain at most {self.maximum} element(s)")
        if len(value) < self.minimum:
            raise CheckError(f"Array must contain at least {self.minimum} element(s)")
        wrong: dict[str | int, CheckError] = {}
        checked = []
        for index, one in enumerate(value):
            try:
                checked.append(self.item.check(one))
            except CheckError as error:
                wrong[index] = error
        if wrong:
            raise CheckError(inside=wrong)
        return checked

    def schema(self) -> Schema:
        bounds = {"minItems": self.minimum, "maxItems": self.maximum}
        return {"type": "array", "items": self.item.schema(), **bounds}


@dataclass(frozen=True)
class Table:
    """An object with keys of the client's own."""

    value: Rule
    key: Text
    minimum: int = 0
    maximum: int | None = None

    def check(self, value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise expected("object", value)
        if len(value) < self.minimum or (self.maximum is not None and len(value) > self.maximum):
            raise CheckError("Invalid input")
        wrong: dict[str | int, CheckError] = {}
        checked = {}
        for name, one in value.items():
            try:
                self.key.check(name)
                checked[name] = self.value.check(one)
            except CheckError as error:
                wrong[name] = error
                if len(wrong) == _MOST_WRONG:
                    break
        if wrong:
            raise CheckError(inside=wrong)
        return checked

    def schema(self) -> Schema:
        schema: Schema = {"type": "object", "additionalProperties": self.value.schema()}
        schema["propertyNames"] = self.key.schema()
        if self.minimum:
            schema["minProperties"] = self.minimum
        if self.maximum is not None:
            schema["maxProperties"] = self.maximum
        return schema


@dataclass(frozen=True)
class Shape:
    """An object with fields that are known; others are refused."""

    fields: Mapping[str, Rule]
    required: Sequence[str] = ()

    def check(self, value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise expected("object", value)
        wrong: dict[str | int, CheckError] = {}
        checked = {}
        unknown = []
        fields = self.fields
        for name, one in value.items():
            rule = fields.get(name)
            if rule is None:
                unknown.append(name)
                continue
            try:
                checked[name] = rule.check(one)
            except CheckError as error:
                wrong[name] = error
        for name in self.required:
            if name not in value:
                wrong[name] = CheckError(REQUIRED)
        if wrong or unknown:
            names = ", ".join(f"'{name}'" for name in unknown)
            messages = (f"Unrecognized key(s) in object: {names}",) if unknown else ()
            raise CheckError(*messages, inside=wrong)
        return checked

    def schema(self) -> Schema:
        schema: Schema = {
            "type": "object",
            "properties": {name: rule.schema() for name, rule in self.fields.items()},
            "additionalProperties": False,
        }
        return schema | ({"required": list(self.required)} if self.required else {})


@dataclass(frozen=True)
class Either:
    """What it must be depends on its kind."""

    rules: Mapping[Kind, Rule]

    def check(self, value: Any) -> Any:
        kind = kind_of(value)
        rule = self.rules.get(kind)
        if rule is None:
            raise CheckError(*(f"Expected {one}, received {kind}" for one in self.rules))
        return rule.check(value)

    def schema(self) -> Schema:
        return {"anyOf": [rule.schema() for rule in self.rules.values()]}
