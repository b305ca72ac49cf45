"""The operator's log: pretty on a terminal, JSON lines elsewhere, on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

if TYPE_CHECKING:
    from runner.config import Settings

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class JsonFormatter(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure_logging(settings: Settings) -> None:
    """Send log records to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    as_json = wants_json(settings, sys.stderr)
    handler.setFormatter(
        JsonFormatter() if as_json else logging.Formatter("%(levelname)s %(message)s")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[settings.log_level])


def wants_json(settings: Settings, out: TextIO) -> bool:
    """Tell whether what goes there is for machines."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not out.isatty())
