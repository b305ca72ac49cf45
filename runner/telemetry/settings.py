"""How a collector is written: what ``OTLP_ENDPOINT`` and ``OTLP_HEADERS`` may say. Texts of ValueErrors say what is allowed, never
what was given.
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~]*")


def parse_otlp_endpoint(text: str) -> str:
    """Return the base of a collector's OTLP/HTTP addresses, without a slash at its end."""
    from urllib.parse import urlsplit

    allowed = "http://HOST:PORT or https://HOST:PORT of a collector (OTLP over HTTP) is allowed, keys belong into OTLP_HEADERS"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(allowed) from None
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise ValueError(allowed)
    return text.rstrip("/").removesuffix("/v1/traces").removesuffix("/v1/metrics")


def parse_otlp_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Return ``NAME=VALUE,NAME=VALUE``, values percent-decoded as in OpenTelemetry's own variable."""
    from urllib.parse import unquote

    headers: dict[str, str] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name, value = name.strip().lower(), unquote(value.strip())
        if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError("a comma list of NAME=VALUE is allowed, commas in values as %2C")
        headers[name] = value
    return tuple(headers.items())


def parse_service_name(text: str) -> str:
    if len(text) > 255 or not text.isprintable():
        raise ValueError("a printable name of up to 255 characters is allowed")
    return text
