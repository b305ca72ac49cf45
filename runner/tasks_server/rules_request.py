"""The fields of ``httpRequest`` and ``metadata``, and what they must be. Must not know settings, nor how a request is sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from runner.tasks_server.checking import CheckError, Choice, Flag, Text, expected, kind_of
from runner.tasks_server.compound import Either, Several, Shape, Table
from runner.tasks_server.words import BASE64, CREDENTIALS, HEADERS, KEY, QUERY, URL

if TYPE_CHECKING:
    from runner.tasks_server.checking import Rule, Schema

_LEVELS: Final = 3
_COOKIE: Final = re.compile(r"[\x21-\x3a\x3c\x3e-\x7e]+")
_COOKIE_VALUE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]+")
_WORD: Final = re.compile(r"[!-9;-~]+")


class _Number:
    """Any that JSON can say and a program can hold."""

    def check(self, value: Any) -> Any:
        if kind_of(value) != "number":
            raise expected("number", value)
        if value in {float("inf"), float("-inf")}:
            raise CheckError("Number must be finite")
        return value

    def schema(self) -> Schema:
        return {"type": "number"}


class _Null:
    def check(self, value: Any) -> None:
        if value is not None:
            raise expected("null", value)

    def schema(self) -> Schema:
        return {"type": "null"}


_SCALARS: Final[dict[Any, Rule]] = {
    "string": Text(0, 4096),
    "number": _Number(),
    "boolean": Flag(),
    "null": _Null(),
}


def _json(levels: int) -> Table:
    kinds = dict(_SCALARS)
    if levels > 1:
        kinds["object"] = _json(levels - 1)
    return Table(Either(kinds), Text(1, 64, KEY.pattern))


_FIELD: Final = Shape({"name": Text(1, 64), "value": Text(1, 4096)}, ("name", "value"))
_COOKIES: Final = Shape(
    {
        "name": Text(1, 64, _COOKIE, "Invalid cookie"),
        "value": Text(1, 512, _COOKIE_VALUE, "Invalid cookie"),
    },
    ("name", "value"),
)
_AWS: Final = Shape(
    {
        "provider1": Text(3, 128, _WORD),
        "provider2": Text(3, 128, _WORD),
        "region": Text(1, 128, _WORD),
        "service": Text(1, 128, _WORD),
        "key": Text(1, 256, _WORD),
        "secret": Text(1, 256, re.compile(r"[!-~]+")),
    },
    ("provider1", "provider2", "region", "service", "key", "secret"),
)

REQUEST: Final = Shape(
    {
        "url": URL,
        "method": Choice(("GET", "POST", "DELETE", "PUT", "PATCH"), fold="upper"),
        "transport": Choice(("fetch", "curl", None)),
        "query": QUERY,
        "headers": HEADERS,
        "data": Either(
            {"string": Text(1, 4096), "array": Several(_FIELD, 1, 64), "object": _json(_LEVELS)}
        ),
        "cookie": Either({"string": BASE64, "array": Several(_COOKIES, 1, 16)}),
        "authBasic": CREDENTIALS,
        "authDigest": CREDENTIALS,
        "authNtlm": CREDENTIALS,
        "authAwsSigv4": _AWS,
    },
    ("url", "method"),
)
METADATA: Final = Table(Text(1, 512), Text(1, 64, KEY.pattern), 1, 8)
