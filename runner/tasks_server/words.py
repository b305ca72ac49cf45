"""Rules for single words of a task: keys, headers, hosts, addresses, base64; what requests and settings share.

Must not know fields.
"""

from __future__ import annotations

import binascii
import ipaddress
import re
from typing import Final

from runner.tasks_server.checking import Text
from runner.tasks_server.compound import Shape, Table
from runner.tasks_server.urls import MAX_URL, read_url

_KEY: Final = re.compile(r"[a-zA-Z0-9$_.\-\[\]]{1,64}")
_HEADER: Final = re.compile(r"[a-zA-Z0-9$_.\-]{1,64}")
LINE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_NO_CONTROLS: Final = re.compile(r"[^\x00-\x1f\x7f]*")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?"
HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

_BASE64: Final = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$"
_BYTE: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# What is read is more than what is promised: hosts in any script, IPv6, paths with whatever a browser takes.
ORDINARY_URL: Final = (
    r"^https?://(?:(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.){0,3}[a-z](?:[a-z0-9\-]{0,61}[a-z0-9])?"
    rf"|{_BYTE}(?:\.{_BYTE}){{3}})(?::[1-9][0-9]{{0,3}}|:[1-5][0-9]{{4}})?"
    r"(?:/[A-Za-z0-9_~][A-Za-z0-9._~\-]*)*(?:\?[A-Za-z0-9._~=&\-]+)?$"
)
_URLS: Final = "http or https, without credentials; it does not end with / or ?"

KEY: Final = Text(1, 64, _KEY, "Invalid key format")
HEADER_NAME: Final = Text(1, 64, _HEADER, "Invalid key format")
HEADER_VALUE: Final = Text(
    1,
    1024,
    LINE,
    "Invalid header value",
    trim=" \t",
    described={"pattern": rf"^[ \t]*(?:{LINE.pattern})[ \t]*$"},
)
HEADERS: Final = Table(HEADER_VALUE, HEADER_NAME)
QUERY: Final = Table(Text(1, 1024), KEY)
CREDENTIALS: Final = Shape(
    {"username": Text(1, 64, _NO_CONTROLS), "password": Text(1, 256, _NO_CONTROLS)},
    ("username", "password"),
)
URL: Final = Text(
    0, MAX_URL, read=read_url, described={"pattern": ORDINARY_URL, "description": _URLS}
)


def _address(text: str) -> str:
    try:
        if "%" in text:
            raise ValueError(text)
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("Invalid ip") from None


def _base64(text: str) -> str:
    decoded(text)
    return text


def decoded(text: str) -> bytes:
    """Return the bytes.

    Raises
    ------
    ValueError
        They are not base64, or there are none; the text is the message for the client.

    """
    try:
        content = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        content = b""
    if not content:
        raise ValueError("Invalid base64")
    return content


IP: Final = Text(read=_address, described={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})
BASE64: Final = Text(
    1, 32_768, read=_base64, described={"contentEncoding": "base64", "pattern": _BASE64}
)
