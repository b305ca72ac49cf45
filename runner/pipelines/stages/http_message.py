"""The parts of requests and answers of ``http``: what documents and events say, and what is sent.

Must not know connections.
"""

from __future__ import annotations

import codecs
import json
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from runner.pipelines.errors import EventError
from runner.pipelines.stages.fields import kind_of

if TYPE_CHECKING:
    from datetime import datetime

MAX_WAIT_S: Final = 3600.0
"""The longest that a server may make a stage wait with Retry-After."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")
_OURS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
_NOT_ALLOWED: Final = frozenset({"CONNECT", "TRACE"})


def check_header_name(name: str) -> None:
    """Refuse a header that no request has, or that is not the document's.

    Raises
    ------
    ValueError
        With a sentence for whoever wrote the document.

    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"headers: {name!r} is no name of a header")
    if name.lower() in _OURS:
        raise ValueError(f"headers: {name} is made by the connection itself")


def check_url(text: str) -> None:
    """Refuse what is no URL, as far as can be told without a library.

    Raises
    ------
    ValueError
        With a sentence for whoever wrote the document.

    """
    if not re.match(r"https?://[^\s/?#]+", text):
        raise ValueError(f"url: {text!r} is no URL of http or https")


def read_method(text: str) -> str:
    """Return a method as it is sent.

    Raises
    ------
    ValueError
        It is none, or one for proxies.

    """
    method = text.upper()
    if not _TOKEN.fullmatch(text) or method in _NOT_ALLOWED:
        raise ValueError(f"method: {text[:64]!r} is not allowed")
    return method


def retry_after_s(value: str | None, now: datetime) -> float:
    """Return how long a server asks to wait, at most an hour; 0 when it does not, or says so in no way that is known."""
    if value is None:
        return 0.0
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), MAX_WAIT_S)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return 0.0
    at = at.replace(tzinfo=at.tzinfo or UTC)
    return min(max((at - now).total_seconds(), 0.0), MAX_WAIT_S)


def shown_url(url: str) -> str:
    """Return a URL for messages: without a password, and what may be a key in its query."""
    plain = re.sub(r"//[^/]*@", "//", url.partition("?")[0].partition("#")[0])
    return plain[:200]


def encoded(body: Any) -> tuple[bytes | None, str | None]:
    """Return a body's bytes and their type.

    Raises
    ------
    EventError
        It is no JSON.

    """
    if body is None:
        return None, None
    if isinstance(body, str):
        return body.encode(errors="replace"), "text/plain;charset=UTF-8"
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise EventError(f"body: {error}", name="TypeError") from error
    return text.encode(errors="replace"), "application/json"


def header_value(name: str, value: Any) -> str:
    """Return a header's value; it may be secret, so messages do not show it.

    Raises
    ------
    EventError
        It is no text, or has what would end the header.

    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        reason = f"headers.{name} must be a text, this is {kind_of(value)}"
        raise EventError(reason, name="TypeError")
    if not _VALUE.fullmatch(value):
        raise EventError(f"headers.{name} has a line's end or another character that no header has")
    return value.strip()


def decoded(data: bytes, charset: str) -> str:
    """Return a text; with a charset that is unknown it is UTF-8."""
    try:
        decoder = codecs.lookup(charset)
        return data.decode(decoder.name, "replace")
    except (LookupError, ValueError):
        return data.decode(errors="replace")
