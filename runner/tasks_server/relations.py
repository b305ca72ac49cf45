"""What the fields of a task must be to each other, and to the world: dates in order, a transport that does it, certificates that are there.

All that is wrong is found in one go. Must not know single fields' rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.http_tasks import honoured
from runner.http_tasks.errors import ExchangeError
from runner.http_tasks.model import HttpConfig, HttpRequest
from runner.tasks_server.checking import REQUIRED, CheckError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.http_tasks.certificate_files import CertificateFiles
    from runner.http_tasks.model import Transport

_AFTER_MS: Final = 1000
_DEFAULT_DELAY_MS: Final = 1
# They frame the message, which is the transport's business.
_FRAMING: Final = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_FORMS: Final = {"PEM": "PEM or DER", "DER": "PEM or DER"}
_PARTS: Final[dict[str, tuple[type[msgspec.Struct], dict[str, frozenset[Transport]]]]] = {
    "httpRequest": (HttpRequest, honoured.REQUEST),
    "config": (HttpConfig, honoured.CONFIG),
}


class _Option:
    """Of a task, as the table of those who honour it has it."""

    def __init__(self, field: msgspec.structs.FieldInfo, by: frozenset[Transport]) -> None:
        self._by = by
        self._values = {
            value: fewer for (name, value), fewer in honoured.VALUES.items() if name == field.name
        }
        self.default = field.default

    def honoured_by(self, transport: Transport) -> bool:
        return transport in self._by

    def by(self, transport: Transport, value: object) -> bool:
        """Whether a transport does what ``value`` asks for."""
        by = self._values.get(value, self._by) if type(value) is str else self._by
        return transport in by or value == self.default


def _options(
    kind: type[msgspec.Struct], table: dict[str, frozenset[Transport]]
) -> dict[str, _Option]:
    return {
        field.encode_name: _Option(field, table[field.name])
        for field in msgspec.structs.fields(kind)
    }


OPTIONS: Final = {part: _options(*known) for part, known in _PARTS.items()}
"""By the part of the body, and by name."""


class _Findings:
    def __init__(self) -> None:
        self._parts: dict[str | int, dict[str | int, CheckError]] = {}

    def add(self, part: str, name: str, error: CheckError) -> None:
        self._parts.setdefault(part, {}).setdefault(name, error)

    def done(self) -> None:
        if self._parts:
            raise CheckError(
                inside={part: CheckError(inside=inside) for part, inside in self._parts.items()}
            )


def relate(
    request: dict[str, Any],
    config: dict[str, Any],
    certificates: CertificateFiles,
    now_ms: int,
    executes_ms: int | None = None,
) -> None:
    """Check both parts of a task whose fields have been checked. ``executes_ms``: when it is executed, if that is settled already.

    Raises
    ------
    CheckError
        All that is wrong.

    """
    found = _Findings()
    _check_headers(request, config, found)
    transport: Transport = request.get("transport") or "fetch"
    for part, asked in (("httpRequest", request), ("config", config)):
        options = OPTIONS[part]
        for name, value in asked.items():
            if not options[name].by(transport, value):
                found.add(part, name, CheckError(f"Invalid {transport} option"))
    _check_dates(config, now_ms, executes_ms, found)
    _check_files(request, config, found)
    _check_certificates(config, certificates, found)
    found.done()


def _check_headers(request: dict[str, Any], config: dict[str, Any], found: _Findings) -> None:
    for part, asked, field in (
        ("httpRequest", request, "headers"),
        ("config", config, "proxyHeaders"),
    ):
        names = asked.get(field)
        if not names:
            continue
        wrong: dict[str | int, CheckError] = {
            name: CheckError("Invalid header") for name in names if name.lower() in _FRAMING
        }
        if wrong:
            found.add(part, field, CheckError(inside=wrong))


def _check_dates(
    config: dict[str, Any], now_ms: int, executes_ms: int | None, found: _Findings
) -> None:
    execute_at = config.get("executeAt")
    if executes_ms is None:
        if execute_at is not None and execute_at <= now_ms:
            found.add(
                "config", "executeAt", CheckError("Execution date must be greater than today")
            )
            return
        executes_ms = execute_at
    if executes_ms is None:
        executes_ms = now_ms + config.get("executionDelay", _DEFAULT_DELAY_MS)
    for name, word in (("retryAt", "Retry"), ("timeoutAt", "Timeout")):
        date = config.get(name)
        if date is not None and date < executes_ms + _AFTER_MS:
            message = f"{word} date must be greater than execution date"
            found.add("config", name, CheckError(message))


def _check_files(request: dict[str, Any], config: dict[str, Any], found: _Findings) -> None:
    """What is a file in base64 must be one that the transports can read."""
    cookie, hsts = request.get("cookie"), config.get("hsts")
    if type(cookie) is str:
        from runner.http_tasks.cookies import Cookies

        if not _opens(lambda: Cookies(cookie, request["url"])):
            found.add("httpRequest", "cookie", CheckError("Invalid cookie file"))
    if type(hsts) is str:
        from runner.http_tasks.strict import StrictHosts

        if not _opens(lambda: StrictHosts(hsts)):
            found.add("config", "hsts", CheckError("Invalid HSTS file"))


def _opens(read: Callable[[], object]) -> bool:
    try:
        read()
    except (ExchangeError, ValueError):
        return False
    return True


def _check_certificates(
    config: dict[str, Any], certificates: CertificateFiles, found: _Findings
) -> None:
    if not ("ca" in config or "cert" in config or "key" in config):
        return
    from runner.tasks_server.certificates import has_key, is_certificate, is_key

    content: bytes | None
    if "ca" in config:
        content = certificates.content(config["ca"])
        if content is None:
            found.add("config", "ca", CheckError("CA file does not exist"))
        elif not is_certificate(content, "PEM"):
            found.add("config", "ca", CheckError("CA is no certificate in PEM or DER"))
    if "cert" in config:
        form = config.get("certType", "PEM")
        content = certificates.content(config["cert"]["value"])
        error = None
        if content is None:
            error = CheckError("Cert file does not exist")
        elif not is_certificate(content, form):
            error = CheckError(f"Cert is no certificate in {_FORMS.get(form, form)}")
        elif "key" not in config and not has_key(content, form):
            found.add("config", "key", CheckError(REQUIRED))
        if error is not None:
            found.add("config", "cert", CheckError(inside={"value": error}))
    if "key" in config:
        content = certificates.content(config["key"])
        if content is None:
            found.add("config", "key", CheckError("Key file does not exist"))
        elif not is_key(content):
            found.add("config", "key", CheckError("Key is no private key in PEM or DER"))
