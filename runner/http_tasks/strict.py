"""Hosts that want to be asked over TLS only (RFC 6797): as a task's HSTS file says, and as they say themselves on the way through
redirects. Must not know connections.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from runner.http_tasks.errors import ExchangeError

_MAX_AGE: Final = re.compile(r"max-age\s*=\s*\"?(\d{1,10})\"?", re.IGNORECASE)
_LINE: Final = re.compile(r"(\.?)(\S+)\s+\"(?:(unlimited)|(\d{8} \d\d:\d\d:\d\d))\"")
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)


class StrictHosts:
    """``given``: as the option ``hsts`` has it; false upgrades nobody.

    Raises
    ------
    ExchangeError
        The file is none.

    """

    def __init__(self, given: bool | str) -> None:
        self._listens = given is not False
        self._hosts: dict[str, tuple[bool, datetime]] = {}
        if isinstance(given, str):
            self._read(given)

    def upgraded(self, url: str) -> str:
        """Return the URL to be asked for instead, or the same."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not self._hosts or parts.scheme != "http" or not self._wants(host):
            return url
        shown = f"[{host}]" if ":" in host else host
        port = parts.port
        netloc = shown if port in {None, 80} else f"{shown}:{port}"
        return parts._replace(scheme="https", netloc=netloc).geturl()

    def hear(self, url: str, values: list[str]) -> None:
        """Take what a response says in ``strict-transport-security``."""
        parts = urlsplit(url)
        if not self._listens or not values or parts.scheme != "https":
            return
        found = _MAX_AGE.search(values[0])
        host = parts.hostname or ""
        if found is not None and not re.fullmatch(r"[\d.]+|.*:.*", host):
            until = datetime.now(UTC) + timedelta(seconds=min(int(found[1]), 1 << 31))
            self._hosts[host] = "includesubdomains" in values[0].lower(), until

    def _wants(self, host: str) -> bool:
        now, name = datetime.now(UTC), host
        while name:
            subdomains, until = self._hosts.get(name, (False, now))
            if until > now and (subdomains or name == host):
                return True
            name = name.partition(".")[2]
        return False

    def _read(self, text: str) -> None:
        try:
            lines = b64decode(text, validate=True).decode().splitlines()
        except (binascii.Error, ValueError):
            raise ExchangeError("the HSTS file is no base64 of text", "EINVAL") from None
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            found = _LINE.fullmatch(line.strip())
            if found is None:
                raise ExchangeError("the HSTS file is none of curl's format", "EINVAL")
            until = _FOREVER
            if found[4] is not None:
                until = datetime.strptime(found[4], "%Y%m%d %H:%M:%S").replace(tzinfo=UTC)
            self._hosts[found[2].lower()] = bool(found[1]), until
