"""A task as its owner may look at it again: all fields, secrets as ``***``. Must not know where tasks are kept.

Secret are passwords, keys and tokens, cookies, the values of headers, parameters and fields that are named like one, all headers for a proxy, and
the content of private keys; not the names of files and uploads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from runner.http_tasks.certificate_files import UPLOAD
from runner.tasks_server.words import decoded

if TYPE_CHECKING:
    from runner.http_tasks.model import HttpTask

MASK: Final = "***"
_NAMED_SECRET: Final = re.compile(
    r"(?i)auth(?!or(?!i))|cookie|token|secret|passw|pwd|(?:api|access)[-_.]?key|credential|signature|session|private"
    r"|(?:^|[-_.])(?:key|sig|jwt)$"
)
_IN_QUERY: Final = re.compile(r"([?&])([^=&]+)=([^&]*)")
_PRIVATE: Final = b"PRIVATE KEY"
_AUTH: Final = ("authBasic", "authDigest", "authNtlm")
_NEVER_EMPTY: Final = ("dnsServer", "resolve")
_AUTH_OF_CONFIG: Final = ("locationTrusted", "proxyAuthBasic", "proxyAuthDigest", "proxyAuthNtlm")


def view_config(task: HttpTask) -> dict[str, Any]:
    """Return ``{"httpRequest", "config", "metadata"}`` with every field, null where there is none."""
    request = _fields(task.request)
    config = _fields(task.config)
    request["url"] = _url(request["url"])
    request["headers"] = _named(request["headers"])
    request["query"] = _named(request["query"])
    request["data"] = _data(request["data"])
    if request["cookie"] is not None:
        request["cookie"] = _cookie(request["cookie"])
    for name in _AUTH:
        _password(request[name])
    if request["authAwsSigv4"] is not None:
        request["authAwsSigv4"].update(key=MASK, secret=MASK)
    for name in _AUTH_OF_CONFIG:
        _password(config[name])
    for name in _NEVER_EMPTY:
        config[name] = config[name] or None
    config["proxyHeaders"] = dict.fromkeys(config["proxyHeaders"], MASK)
    if config["signature"] is not None:
        config["signature"]["secret"] = MASK
    if config["cert"] is not None:
        _password(config["cert"])
        config["cert"]["value"] = _content(config["cert"]["value"], config["certType"])
    if config["key"] is not None:
        config["key"] = _content(config["key"], "key")
    return {"httpRequest": request, "config": config, "metadata": task.metadata}


def _fields(part: msgspec.Struct) -> dict[str, Any]:
    """All of them, by their names in the API; those inside only where they say something."""
    return {
        field.encode_name: msgspec.to_builtins(getattr(part, field.name))
        for field in msgspec.structs.fields(part)
    }


def _password(of: dict[str, Any] | None) -> None:
    if of is not None and of.get("password") is not None:
        of["password"] = MASK


def _named(values: dict[str, str]) -> dict[str, str]:
    return {name: MASK if _NAMED_SECRET.search(name) else value for name, value in values.items()}


def _data(data: Any) -> Any:
    if isinstance(data, list):
        return [one | {"value": MASK} if _NAMED_SECRET.search(one["name"]) else one for one in data]
    if isinstance(data, dict):
        return {
            name: _data(value)
            if isinstance(value, dict)
            else MASK
            if value is not None and _NAMED_SECRET.search(name)
            else value
            for name, value in data.items()
        }
    return data


def _cookie(cookie: str | list[dict[str, str]]) -> str | list[dict[str, str]]:
    if isinstance(cookie, str):
        return MASK
    return [{**one, "value": MASK} for one in cookie]


def _url(url: str) -> str:
    if not urlsplit(url).query:
        return url
    return _IN_QUERY.sub(
        lambda found: (
            f"{found[1]}{found[2]}={MASK}" if _NAMED_SECRET.search(found[2]) else found[0]
        ),
        url,
    )


def _content(value: str, kind: str | None) -> str:
    """A path or an upload is no secret, and a certificate without its key is none, either."""
    if value.startswith(UPLOAD):
        return value
    try:
        content = decoded(value)
    except ValueError:
        return value
    if kind in {"key", "P12"} or _PRIVATE in content:
        return MASK
    return value
