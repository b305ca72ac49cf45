"""The operator's log: pretty on a terminal, JSON lines elsewhere, on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

import msgspec

from runner.cli.terminal import harmless

if TYPE_CHECKING:
    from runner.config import Settings

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class JsonFormatter(logging.Formatter):
    """One object a line; of pipelines with the stage and the event that it is about."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: said for name, said in _about(record) if said is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class TextFormatter(logging.Formatter):
    """The same for people. What events and tasks say can not steer the terminal, nor look like a record of its own."""

    def format(self, record: logging.LogRecord) -> str:
        (_, stage), (_, event) = _about(record)
        shown = msgspec.json.encode(event).decode() if event else ""
        said = (record.levelname, stage, record.getMessage(), shown)
        text = " ".join(part for part in said if part)
        if record.exc_info:
            text += f"\n{self.formatException(record.exc_info)}"
        return "\n  ".join(map(harmless, text.split("\n")))


def _about(record: logging.LogRecord) -> list[tuple[str, Any]]:
    return [(name, getattr(record, name, None)) for name in ("stage", "event")]


def configure_logging(settings: Settings) -> None:
    """Send log records to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    as_json = wants_json(settings, sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[settings.log_level])


def wants_json(settings: Settings, out: TextIO) -> bool:
    """Tell whether what goes there is for machines."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not out.isatty())
