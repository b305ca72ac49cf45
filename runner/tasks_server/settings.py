"""How the tasks server is set: what the variables may say. Texts of ValueErrors say what is allowed. Importing this must stay cheap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_TOKEN_CHARACTERS: Final = 16
OPEN: Final = "open"


def parse_registration_token(text: str) -> str:
    """Return the token, or ``open``, which lets anybody register owners."""
    if text == OPEN:
        return text
    if len(text) < _TOKEN_CHARACTERS or not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError(
            f"open, or a token of {_TOKEN_CHARACTERS} or more printable ASCII characters without spaces is allowed"
        )
    return text


def _number(text: str) -> int:
    most = (1 << 31) - 1
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise ValueError(f"a whole number, 0 to {most}, is allowed")
    return int(text)


def _folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise ValueError("the path of a folder that is there is allowed")
    return folder.resolve()


def _file(text: str) -> Path:
    file = Path(text)
    if not file.is_file():
        raise ValueError("the path of a file that is there is allowed")
    return file


TASKS_SERVER_TABLE: Final[tuple[tuple[str, str, Callable[[str], Any]], ...]] = (
    ("TASKS_REGISTRATION_TOKEN", "tasks_registration_token", parse_registration_token),
    ("TASKS_RATE_REQUESTS", "tasks_rate_requests", _number),
    ("TASKS_RATE_WINDOW_MS", "tasks_rate_window_ms", _number),
    ("TASKS_CERTIFICATES_FOLDER", "tasks_certificates_folder", _folder),
    ("PATH_TLS_CERT", "tasks_tls_cert", _file),
    ("PATH_TLS_KEY", "tasks_tls_key", _file),
    ("PATH_TLS_CA", "tasks_tls_ca", _file),
)
"""For the table of all settings: variable, field, reading."""
