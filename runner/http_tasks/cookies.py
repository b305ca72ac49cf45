"""The cookies of an attempt: those of its task, and those that servers set on the way through redirects. By the rules of the
standard library's jar, which are those of RFC 2965 and of Netscape's before. Must not know connections.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from email.message import Message
from http.cookiejar import Cookie as JarCookie
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.request import Request

from runner.http_tasks.errors import ExchangeError
from runner.http_tasks.outgoing import origin_of

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from runner.http_tasks.model import Cookie
    from runner.http_tasks.outgoing import Headers

_FIELDS: Final = 7
_HTTP_ONLY: Final = "#HttpOnly_"


class Cookies:
    """``given``: as a task has them, either a cookie file of Netscape's in base64, or names and values for its own origin.

    Raises
    ------
    ExchangeError
        The file is none.

    """

    def __init__(self, given: str | list[Cookie] | None, url: str) -> None:
        self._jar = CookieJar()
        if isinstance(given, str):
            for line in _lines(given):
                self._read(line)
        elif given is not None:
            _, host, _ = origin_of(url)
            for one in given:
                self._add(one.name, one.value, host, "/", secure=False, expires=None)

    def header(self, url: str) -> str | None:
        """Return the value of ``cookie`` for a request."""
        request = Request(url)  # noqa: S310 - nothing is opened
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie")

    def take(self, url: str, headers: Headers) -> None:
        """Take what a response sets."""
        if any(name == "set-cookie" for name, _ in headers):
            request = Request(url)  # noqa: S310 - likewise
            self._jar.extract_cookies(cast("HTTPResponse", _Response(headers)), request)

    def _read(self, line: str) -> None:
        """Read one line of https://curl.se/docs/http-cookies.html."""
        line = line.removeprefix(_HTTP_ONLY)
        if not line.strip() or line.startswith("#"):
            return
        fields = line.split("\t")
        if len(fields) == _FIELDS - 1:
            fields.append("")
        if len(fields) != _FIELDS:
            raise ExchangeError("the cookie file is none of Netscape's format", "EINVAL")
        domain, _, path, secure, expires, name, value = fields
        ends = int(expires) if expires.isdigit() and expires != "0" else None
        self._add(name, value, domain, path or "/", secure=secure.upper() == "TRUE", expires=ends)

    def _add(
        self, name: str, value: str, domain: str, path: str, *, secure: bool, expires: int | None
    ) -> None:
        # What the jar calls a domain without dots has this at its end.
        host = domain if "." in domain or ":" in domain else f"{domain}.local"
        self._jar.set_cookie(
            JarCookie(
                0, name, value, None, False, host, host.startswith("."), host.startswith("."), path, True, secure, expires,
                expires is None, None, None, {},
            )
        )  # fmt: skip


class _Response:
    """As much of an answer as the jar asks for."""

    def __init__(self, headers: Headers) -> None:
        self._message = Message()
        for name, value in headers:
            self._message[name] = value

    def info(self) -> Any:
        return self._message


def _lines(text: str) -> list[str]:
    try:
        return b64decode(text, validate=True).decode().splitlines()
    except (binascii.Error, ValueError):
        raise ExchangeError("the cookie file is no base64 of text", "EINVAL") from None
