"""URLs of tasks: read as a browser reads them, and normalised so that the same is always written the same.

Must not resolve names: what an address may be reached at is judged when the task is executed.
"""

from __future__ import annotations

import re
import socket
from typing import Final
from urllib.parse import urlsplit

from runner.ops.locations import locate

MAX_URL: Final = 1024
WRONG_END: Final = "URL must start with either http or https and cannot use / and ? at the end"
_NO_URL: Final = "Invalid url"
_AROUND: Final = "".join(map(chr, range(0x21)))
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_USER: Final = re.compile(r"(?i)(https?:)[/\\]+([^/\\?#]*)@")
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")


def read_url(text: str) -> str:
    """Return the URL, without fragment; an origin alone is written without a slash.

    Raises
    ------
    ValueError
        It is none, or none that tasks may have; the text is the message for the client.

    """
    text = text.strip(_AROUND)
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise ValueError(_NO_URL)
    if scheme[1].lower() not in {"http", "https"} or text.endswith(("/", "?")):
        raise ValueError(WRONG_END)
    if _USER.match(text):
        raise ValueError("Credentials in a URL are not supported, use authBasic")
    try:
        url = locate("", text.encode().decode("latin-1"))
    except (ValueError, UnicodeError):
        raise ValueError(_NO_URL) from None
    url = _with_plain_host(url)
    if url.endswith("/") and url.count("/") == 3:
        url = url[:-1]
    if url.endswith(("/", "?")):
        raise ValueError(WRONG_END)
    if len(url) > MAX_URL:
        raise ValueError(f"String must contain at most {MAX_URL} character(s)")
    return url


def read_https_url(text: str) -> str:
    """As :func:`read_url`, and not without TLS."""
    url = read_url(text)
    if not url.startswith("https:"):
        raise ValueError("DoH URL must start with https")
    return url


def _with_plain_host(url: str) -> str:
    """An IPv4 address has many spellings, and must be seen for what it is."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        if "%" in host:
            raise ValueError(_NO_URL)
        return url
    if not _HOST.fullmatch(host) or len(host) > 255:
        raise ValueError(_NO_URL)
    if not _NUMBER.fullmatch(host):
        return url
    try:
        address = socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    except OSError:
        raise ValueError(_NO_URL) from None
    return url.replace(host, address, 1)
