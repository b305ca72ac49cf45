"""The fields of ``config``, and what they must be. Must not know what the transports honour, nor the time.

Bounds that the original has not: durations end where PostgreSQL's years do, a timeout and a number of attempts where its integers, or the
durable queue, do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from runner.tasks_server.checking import CheckError, Choice, Flag, Text, Whole, kind_of
from runner.tasks_server.compound import Either, Several, Shape
from runner.tasks_server.dates import LAST_MS, read_date
from runner.tasks_server.urls import read_https_url, read_url
from runner.tasks_server.words import (
    BASE64,
    CREDENTIALS,
    HEADER_NAME,
    HEADERS,
    HOST,
    IP,
    LINE,
    ORDINARY_URL,
    URL,
)

if TYPE_CHECKING:
    from runner.tasks_server.checking import Rule, Schema

_DAY_MS: Final = 86_400_000
MAX_DELAY_MS: Final = 2_880_000 * _DAY_MS
"""7,885 years: in the year 2114 the last of them is 9999."""
MAX_INTERVAL_MS: Final = 365 * _DAY_MS
MAX_RETRY: Final = 999
"""With the first one, as many attempts as a task of the durable queue may have."""
MAX_TIMEOUT_MS: Final = 2_147_483_647
_OWN_HEADER: Final = re.compile(r"[Xx]-[A-Za-z0-9\-]{1,62}")
_TLS: Final = Choice(("1.0", "1.1", "1.2", "1.3"))
_PROTO: Final = Choice(("http", "https"), fold="lower")
_CONTENT: Final = Text(1, 32_768, trim=" \t\r\n", described={"pattern": r"\S"})


class _Date:
    """``name`` is the word for it in its message."""

    def __init__(self, name: str) -> None:
        self._message = f"Invalid {name} date"

    def check(self, value: Any) -> int:
        kind = kind_of(value)
        if kind not in {"string", "number"}:
            raise CheckError(
                f"Expected string, received {kind}", f"Expected number, received {kind}"
            )
        try:
            return read_date(value)
        except (ValueError, OverflowError):
            raise CheckError(self._message) from None

    def schema(self) -> Schema:
        text: Schema = {
            "type": "string",
            "description": "ISO 8601, or English: Dec 12 2099 12:12:12 AM +07:00",
            "examples": ["2099-12-12T00:12:12+07:00"],
            "pattern": r"^[2-9][1-9][0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
            r"(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]))?$",
        }
        number = {"type": "integer", "minimum": 0, "maximum": LAST_MS}
        return {"anyOf": [text, number]}


def _referer(text: str) -> str:
    return "AUTO" if text.upper() == "AUTO" else read_url(text)


_SCHEDULE: Final[dict[str, Rule]] = {
    "executionDelay": Whole(0, MAX_DELAY_MS),
    "executeAt": _Date("execute"),
    "executeImmediately": Flag(),
}
_RETRY: Final[dict[str, Rule]] = {
    "retry": Whole(0, MAX_RETRY),
    "retryAt": _Date("retry"),
    "retryInterval": Whole(1, MAX_INTERVAL_MS),
    "retryExponential": Flag(),
    "retryBackoff": Choice(("fixed", "linear", "exponential")),
    "ignoreStatusCode": Several(Whole(400, 599), 0, 40),
    "timeout": Whole(1000, MAX_TIMEOUT_MS),
    "timeoutAt": _Date("timeout"),
}
_HTTP: Final[dict[str, Rule]] = {
    "httpVersion": Choice(("0.9", "1.0", "1.1", "2", "2-prior-knowledge")),
    "userAgent": Text(8, 256, LINE, "Invalid header value"),
    "ipVersion": Choice((4, 6)),
    "refererUrl": Text(
        0, 1024, read=_referer, described={"anyOf": [{"const": "AUTO"}, URL.schema()]}
    ),
    "keepAliveDuration": Whole(0, 259_200),
    "hsts": Either({"boolean": Flag(), "string": BASE64}),
    "sessionId": Flag(),
    "insecure": Flag(),
    "traceResponseData": Flag(),
    "credentials": Choice(("include", "omit", "same-origin")),
    "referrerPolicy": Choice(
        (
            "",
            "no-referrer",
            "no-referrer-when-downgrade",
            "origin",
            "origin-when-cross-origin",
            "same-origin",
            "strict-origin",
            "strict-origin-when-cross-origin",
            "unsafe-url",
        )
    ),
    "mode": Choice(("cors", "no-cors", "same-origin")),
    "signature": Shape(
        {"secret": Text(16, 256), "header": Text(3, 64, _OWN_HEADER, HEADER_NAME.message)},
        ("secret",),
    ),
}
_CERTIFICATES: Final[dict[str, Rule]] = {
    "ca": _CONTENT,
    "cert": Shape({"value": _CONTENT, "password": Text(1, 1024)}, ("value",)),
    "certType": Choice(("DER", "ENG", "P12", "PEM"), fold="upper"),
    "certStatus": Flag(),
    "key": _CONTENT,
    "keyType": Choice(("DER", "ENG", "PEM"), fold="upper"),
}
_REDIRECTS: Final[dict[str, Rule]] = {
    "location": Flag(),
    "redirectAttempts": Whole(0, 32),
    "locationTrusted": CREDENTIALS,
    "proto": _PROTO,
    "protoRedirect": _PROTO,
}
_NETWORK: Final[dict[str, Rule]] = {
    "dnsServer": Several(IP, 1, 4),
    "resolve": Several(
        Shape(
            {
                "host": Text(1, 1024, re.compile(rf"\*|{HOST.pattern}")),
                "port": Whole(1, 65_535, without=(22,)),
                "address": Several(IP, 1, 4),
            },
            ("host", "port", "address"),
        ),
        1,
        4,
    ),
    "dohUrl": Text(
        0,
        1024,
        read=read_https_url,
        described={"pattern": ORDINARY_URL.replace("https?", "https", 1)},
    ),
    "dohInsecure": Flag(),
    "tlsVersion": _TLS,
    "tlsMaxVersion": _TLS,
}
_PROXY: Final[dict[str, Rule]] = {
    "proxy": Shape(
        {
            "protocol": _PROTO,
            "host": Text(1, 128, HOST),
            "port": Whole(1, 65_535, (20, 21, 22, 23, 25, 53), "Invalid proxy port"),
        },
        ("protocol", "host"),
    ),
    "proxyHeaders": HEADERS,
    "proxyInsecure": Flag(),
    "proxyHttpVersion": Choice(("1.0", "1.1")),
    "proxyAuthBasic": CREDENTIALS,
    "proxyAuthDigest": CREDENTIALS,
    "proxyAuthNtlm": CREDENTIALS,
    "haProxyClientIp": IP,
    "haProxyProtocol": Flag(),
}
CONFIG: Final = Shape(
    {**_SCHEDULE, **_RETRY, **_HTTP, **_CERTIFICATES, **_REDIRECTS, **_NETWORK, **_PROXY}
)
