"""``cast``: emits events with fields of other types, by the rules of JavaScript's ``parseInt`` and its like."""

from __future__ import annotations

import math
import re
import reprlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import msgspec

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Stage, StageConfig
from runner.pipelines.stages.fields import object_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.pipelines.stage import Emit, Event

Type: TypeAlias = Literal["int", "float", "bool", "ts-sec", "ts-msec", "ts-usec"]
_INT: Final = re.compile(r"\s*([-+]?)(?:0[xX]([0-9a-fA-F]+)|([0-9]+))")
_FLOAT: Final = re.compile(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)")
_MOST_DIGITS: Final = 300
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS: Final = {"ts-sec": 1_000_000, "ts-msec": 1_000, "ts-usec": 1}


class CastConfig(StageConfig, frozen=True, kw_only=True):
    fields: Annotated[dict[str, Type], msgspec.Meta(min_length=1)]


class Cast(Stage[CastConfig]):
    """A value that is none of its new type becomes null, and is reported; the event goes on."""

    Config = CastConfig

    async def on_event(self, event: Event, emit: Emit) -> None:
        made, failed = cast(object_of(event), self.config.fields)
        for name in failed:
            shown = reprlib.repr(event[name])
            kind = self.config.fields[name]
            self.context.error(EventError(f"{name}: {shown} is no {kind}", name="TypeError"))
        await emit(made)


def cast(event: dict[str, Event], types: Mapping[str, Type]) -> tuple[dict[str, Event], list[str]]:
    """Return a new event, and the names of fields whose values became null because they could not be of their type."""
    made = dict(event)
    failed = []
    for name, kind in types.items():
        if name in event:
            value = cast_value(event[name], kind)
            made[name] = value
            if value is None:
                failed.append(name)
    return made, failed


def cast_value(value: Event, kind: Type) -> int | float | bool | str | None:
    """Return a value as another type: times as texts like ``2019-10-20T20:27:45.042Z``, which is what JSON has of a Date."""
    match kind:
        case "int":
            return _int(value)
        case "float":
            return _float(value)
        case "bool":
            return bool(value) and value != "false" if not isinstance(value, list | dict) else True
        case "ts-sec" | "ts-msec" | "ts-usec":
            return _time(value, _MICROSECONDS[kind])


def _int(value: Event) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return math.trunc(value) if math.isfinite(value) else None
    found = _INT.match(value) if isinstance(value, str) else None
    if found is None or found.end() - found.start() > _MOST_DIGITS:
        return None
    sign, hexadecimal, decimal = found.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return -number if sign == "-" else number


def _float(value: Event) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        found = _FLOAT.match(value)
        value = found[1] if found else None
    if value is None or isinstance(value, list | dict):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _time(value: Event, microseconds: int) -> str | None:
    number = _float(value) if microseconds == 1_000_000 else _int(value)
    if number is None:
        return None
    try:
        # Exact for whole numbers, and for seconds with a fraction as exact as they are.
        when = _EPOCH + timedelta(microseconds=round(number * microseconds))
    except OverflowError:
        return None
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
