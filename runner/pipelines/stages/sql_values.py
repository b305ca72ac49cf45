"""PostgreSQL's text of a value as JSON has it, by the value's type; numbers that JSON's readers would round stay texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ARRAY_ITEM: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^{},"]+)|([{},])')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def decoder(oid: int) -> Callable[[str], Any]:
    """Return what reads the texts of a type, given by its OID; texts of types that nothing is known of stay as they are."""
    if (element := _ARRAYS.get(oid)) is not None:
        read = _TYPES.get(element, _same)
        return lambda text: _array(text, read)
    return _TYPES.get(oid, _same)


def _same(text: str) -> str:
    return text


def _json(text: str) -> Any:
    return msgspec.json.decode(text)


def _bool(text: str) -> bool:
    return text == "t"


def _float(text: str) -> float | str:
    # NaN and the infinities are no JSON.
    return text if text[-1:] in {"N", "y"} else float(text)


def _instant(text: str) -> str:
    """Return an ISO date with ``Z``, to the millisecond, or the microsecond where there are some."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text  # infinity, and years that Python does not know
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    precision = "microseconds" if found.microsecond % 1000 else "milliseconds"
    return found.isoformat(timespec=precision).replace("+00:00", "Z")


def _array(text: str, read: Callable[[str], Any]) -> Any:
    """Return the lists that an array's text means."""
    stack: list[list[Any]] = [[]]
    # Bounds other than 1 stand before: [0:1]={1,2}
    body = text if text.startswith("{") else text.partition("=")[2]
    for found in _ARRAY_ITEM.finditer(body):
        quoted, plain, mark = found.groups()
        if mark == "{":
            inner: list[Any] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif mark == "}":
            stack.pop()
        elif quoted is not None:
            stack[-1].append(read(_ESCAPE.sub(r"\1", quoted)))
        elif plain is not None:
            stack[-1].append(None if plain == "NULL" else read(plain))
    return stack[0][0]


_BOOL, _INT2, _INT4, _OID, _JSON, _JSONB = 16, 21, 23, 26, 114, 3802
_FLOAT4, _FLOAT8, _TIMESTAMP, _TIMESTAMPTZ = 700, 701, 1114, 1184
_TYPES: Final[Mapping[int, Callable[[str], Any]]] = {
    _BOOL: _bool, _INT2: int, _INT4: int, _OID: int, _FLOAT4: _float, _FLOAT8: _float,
    _JSON: _json, _JSONB: _json, _TIMESTAMP: _instant, _TIMESTAMPTZ: _instant,
}  # fmt: skip
_ARRAYS: Final[Mapping[int, int]] = {
    1000: _BOOL, 1005: _INT2, 1007: _INT4, 1016: 20, 1028: _OID, 1021: _FLOAT4, 1022: _FLOAT8,
    199: _JSON, 3807: _JSONB, 1115: _TIMESTAMP, 1185: _TIMESTAMPTZ, 1182: 1082, 1231: 1700,
    1009: 25, 1015: 1043, 1014: 1042, 1002: 18, 1003: 19, 2951: 2950, 1001: 17, 1041: 869,
}  # fmt: skip
"""Arrays with the types of their elements; one that is not here stays a text."""
