"""How the addresses and keys of the services are written: what ``DATABASE_URL``, ``NATS_SERVERS``, ``NATS_CREDENTIALS`` and
``SECRETS_KEY`` may say. Texts of ValueErrors say what is allowed, never what was given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_VARIABLES: Final = frozenset(
    {
        "AWS_SESSION_TOKEN",
        "BACKUP_OBJECT_STORAGE_ACCESS_KEY",
        "BACKUP_OBJECT_STORAGE_SECRET_KEY",
        "CONTROL_TOKEN",
        "DATABASE_URL",
        "NATS_CREDENTIALS",
        "NATS_SERVERS",
        "OTLP_HEADERS",
        "POSTGRES_PASSWORD",
        "S3_SESSION_TOKEN",
        "SECRETS_KEY",
        "TASKS_REGISTRATION_TOKEN",
    }
)
"""What no message may quote."""

_KEY_BYTES: Final = 32
_TOKEN_CHARACTERS: Final = 16
_NATS_SCHEMES: Final = ("nats", "tls")


class SecretKey(NamedTuple):
    """A key for secrets at rest; ``id`` tells it from those before it."""

    id: int
    material: bytes

    def __repr__(self) -> str:
        return f"SecretKey({self.id}, ***)"


def parse_control_token(text: str) -> str:
    if len(text) < _TOKEN_CHARACTERS or not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError(
            f"{_TOKEN_CHARACTERS} or more printable ASCII characters without spaces are allowed (openssl rand -hex 32)"
        )
    return text


def parse_control_url(text: str) -> str:
    from urllib.parse import urlsplit

    allowed = "http://HOST:PORT or https://HOST:PORT is allowed"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(allowed) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or "@" in text:
        raise ValueError(allowed)
    return text.rstrip("/")


def parse_database_url(text: str) -> str:
    from urllib.parse import urlsplit

    allowed = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE is allowed"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(allowed) from None
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(allowed)
    return text


def compose_database_url(variables: Mapping[str, str]) -> str:
    """Return the URL that the POSTGRES_* variables make, empty without POSTGRES_HOST.

    Raises
    ------
    ValueError
        One that is needed is missing, or the port is none; the text names it.

    """
    from urllib.parse import quote

    values = {
        name: variables.get(f"POSTGRES_{name}", "").strip()
        for name in ("HOST", "PORT", "USER", "PASSWORD", "DB")
    }
    if not values["HOST"]:
        return ""
    missing = [f"POSTGRES_{name}" for name in ("USER", "DB") if not values[name]]
    if missing:
        raise ValueError(f"with it {' and '.join(missing)} must be set, too")
    port = values["PORT"] or "5432"
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise ValueError("with it POSTGRES_PORT must be a port, 1 to 65535")
    user, password = quote(values["USER"], safe=""), quote(values["PASSWORD"], safe="")
    login = f"{user}:{password}" if password else user
    host = f"[{values['HOST']}]" if ":" in values["HOST"] else quote(values["HOST"], safe="")
    return f"postgresql://{login}@{host}:{port}/{quote(values['DB'], safe='')}"


def parse_nats_servers(text: str) -> tuple[str, ...]:
    from urllib.parse import urlsplit

    servers = [part.strip() for part in text.split(",") if part.strip()]
    urls = tuple(part if "://" in part else f"nats://{part}" for part in servers)
    try:
        parts = [(url.scheme, url.hostname, url.port) for url in map(urlsplit, urls)]
    except ValueError:
        parts = []
    if not parts or not all(scheme in _NATS_SCHEMES and host for scheme, host, _ in parts):
        raise ValueError("a comma list of nats://HOST:PORT (or tls) is allowed")
    return urls


def parse_nats_credentials(text: str) -> str:
    """Return the content of a credentials file, given by its path or as base64."""
    import base64
    import binascii

    try:
        content = Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        try:
            content = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            content = ""
    if "BEGIN NATS USER JWT" not in content:
        raise ValueError("the path of a credentials file, or its content in base64, is allowed")
    return content


def parse_secrets_key(text: str) -> tuple[SecretKey, ...]:
    """Return the keys: ``[ID:]BASE64`` with commas between, the first is the one that seals."""
    import base64
    import binascii

    allowed = (
        "32 bytes in base64 are allowed (openssl rand -base64 32); for a change of keys, NEW and OLD"
        " as 2:BASE64,1:BASE64 with ids from 0 to 255 (without one: 1)"
    )
    keys: dict[int, SecretKey] = {}
    for part in text.split(","):
        number, colon, encoded = part.strip().rpartition(":")
        try:
            material = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ValueError(allowed) from None
        known = number.isascii() and number.isdigit() and int(number) < 256
        if len(material) != _KEY_BYTES or (colon and not known):
            raise ValueError(allowed)
        key = SecretKey(int(number) if colon else 1, material)
        if key.id in keys:
            raise ValueError(f"two keys have the id {key.id}; {allowed}")
        keys[key.id] = key
    return tuple(keys.values())


def without_password(url: str) -> str:
    """Return a URL that may be shown: a password or token in it is ``***``."""
    scheme, slashes, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    if not at:
        return url
    user, colon, _ = login.partition(":")
    return f"{scheme}{slashes}{user if colon else ''}{colon}***@{place}"
