"""``log``: writes events to the runner's log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.pipelines.stage import Kind, Stage, StageConfig

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event

_LEVELS: Final = {
    "trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "notice": logging.INFO,
    "warn": logging.WARNING, "warning": logging.WARNING, "error": logging.ERROR, "err": logging.ERROR,
    "fatal": logging.CRITICAL, "crit": logging.CRITICAL, "critical": logging.CRITICAL,
    "alert": logging.CRITICAL, "emerg": logging.CRITICAL,
}  # fmt: skip
_NUMBERS: Final = {
    # Bunyan's levels, and syslog's severities.
    10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal",
    0: "fatal", 1: "fatal", 2: "fatal", 3: "error", 4: "warn", 5: "info", 6: "debug", 7: "trace",
}  # fmt: skip


class LogConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    """``extra``: what every event has that does not say otherwise."""

    default_level: str = "info"
    extra: dict[str, Any] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.default_level.lower() not in _LEVELS:
            raise ValueError(f"defaultLevel must be one of {', '.join(_LEVELS)}")


class Log(Stage[LogConfig]):
    """An event's ``level`` or ``severity`` is the line's, ``message`` or ``msg`` its text; all else is beside them."""

    Config = LogConfig
    kind = Kind.OUTPUT

    async def on_event(self, event: Event, emit: Emit) -> None:
        fields = (
            {**self.config.extra, **event} if isinstance(event, dict) else dict(self.config.extra)
        )
        level = _level(fields.pop("level", None), fields.get("severity"), self.config.default_level)
        msg, text = fields.pop("msg", None), fields.pop("message", None)
        message = msg or text
        if message is None and not isinstance(event, dict):
            message = event
        shown = message if isinstance(message, str) else _json(message)
        self.context.log.log(
            level, "%s", shown, extra={"stage": self.context.name, "event": fields}
        )


def _level(level: Any, severity: Any, default: str) -> int:
    for value in (level, severity, default):
        if value is None:
            continue
        name = _NUMBERS.get(int(value)) if isinstance(value, int | float) else str(value).lower()
        # What nobody knows is better seen than missed.
        return _LEVELS.get(name or "", logging.ERROR)
    return logging.INFO


def _json(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
