"""How backups are set: what the variables may say. Texts of ValueErrors say what is allowed. Importing this must stay cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Method = Literal["LOCAL", "OBJECT_STORAGE"]


def parse_method(text: str) -> Method:
    match text.upper():
        case "LOCAL":
            return "LOCAL"
        case "OBJECT_STORAGE":
            return "OBJECT_STORAGE"
        case _:
            raise ValueError("LOCAL or OBJECT_STORAGE is allowed")


def parse_schedule(text: str) -> str:
    from runner.errors import CronError
    from runner.schedules.cron import parse_cron

    try:
        parse_cron(text)
    except CronError as error:
        allowed = "a cron expression is allowed, e.g. 0 3 * * * or @daily"
        raise ValueError(f"{error.reason}; {allowed}") from None
    return text


def parse_zone(text: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError):
        raise ValueError("the name of a time zone is allowed, e.g. Europe/Berlin or UTC") from None
    return text


def parse_endpoint(text: str) -> str:
    from urllib.parse import urlsplit

    allowed = "the URL of a server is allowed, http://HOST:PORT or https://HOST"
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        _ = parts.port
    except ValueError:
        raise ValueError(allowed) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or "@" in text:
        raise ValueError(allowed)
    return text.rstrip("/")


def _text(text: str) -> str:
    return text


# Of two names of one setting the later wins: those of the seed and of Amazon's tools are before ours.
BACKUP_TABLE: Final[tuple[tuple[str, str, Callable[[str], str]], ...]] = (
    ("BACKUP_METHOD_SQLITE", "backup_method", parse_method),
    ("BACKUP_METHOD", "backup_method", parse_method),
    ("BACKUP_CRON_PATTERN_SQLITE", "backup_cron", parse_schedule),
    ("BACKUP_CRON", "backup_cron", parse_schedule),
    ("BACKUP_CRON_TZ_SQLITE", "backup_timezone", parse_zone),
    ("BACKUP_CRON_TZ", "backup_timezone", parse_zone),
    ("BACKUP_OBJECT_STORAGE_ENDPOINT", "backup_endpoint", parse_endpoint),
    ("BACKUP_OBJECT_STORAGE_ACCESS_KEY", "backup_access_key", _text),
    ("BACKUP_OBJECT_STORAGE_SECRET_KEY", "backup_secret_key", _text),
    ("AWS_SESSION_TOKEN", "backup_session_token", _text),
    ("S3_SESSION_TOKEN", "backup_session_token", _text),
    ("BACKUP_OBJECT_STORAGE_BUCKET_NAME", "backup_bucket", _text),
    ("BACKUP_OBJECT_STORAGE_PATH", "backup_path", _text),
    ("AWS_REGION", "backup_region", _text),
    ("S3_REGION", "backup_region", _text),
)
