"""The journal for machines: an object for each line, in the form of the operator's log."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias

import msgspec

from pools.protocol import OutcomeKind
from runner.cli.logs import LEVELS, wants_json
from runner.cli.terminal import LineWriter, TerminalJournal

if TYPE_CHECKING:
    from pools.protocol import Outcome
    from runner.config import Settings
    from runner.deployments import Deployment
    from runner.events.context import EventContext
    from runner.journal import EventLine

_OF_CONSOLE: Final = {"ERROR": "error", "WARN": "warning", "INFO": "info"}


class JsonJournal(LineWriter):
    """Writes what is not below ``level``; console lines are a worker's own business, and so at ``debug``."""

    def __init__(self, out: TextIO, level: str) -> None:
        super().__init__(out)
        self._least = LEVELS[level]
        self._encode = msgspec.json.Encoder().encode

    def line(self, text: str) -> None:
        self._put("info", "isolane", text)

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        self._put(
            "debug",
            "isolane.console",
            text,
            tenant=deployment.tenant,
            worker=deployment.name,
            workerId=deployment.worker,
            consoleLevel=_OF_CONSOLE.get(level, "debug"),
        )

    def failure(self, deployment: Deployment, outcome: Outcome, context: EventContext) -> None:
        """Nothing: the event's line says it."""

    def event(self, line: EventLine) -> None:
        level = _level_of(line)
        if LEVELS[level] < self._least:
            return
        usage = line.usage
        self._put(
            level,
            "isolane.event",
            f"{line.method} {line.url} {line.status or 'left'}",
            method=line.method,
            url=line.url,
            status=line.status,
            worker=line.worker,
            requestId=line.request_id,
            durationMs=round(line.duration_ms, 3),
            outcome=line.outcome,
            problem=line.problem,
            cpuMs=usage.cpu_us / 1000,
            queueMs=usage.queue_us / 1000,
            heapBytes=usage.heap_bytes,
        )

    def _put(self, level: str, logger: str, message: str, **fields: Any) -> None:
        if LEVELS[level] < self._least:
            return
        now = datetime.fromtimestamp(time.time(), UTC)
        entry = {
            "time": now.isoformat(timespec="milliseconds"),
            "level": level,
            "logger": logger,
            "message": message,
            **fields,
        }
        self.write(self._encode(entry).decode())


RunnerJournal: TypeAlias = "TerminalJournal | JsonJournal"


def open_journal(settings: Settings, out: TextIO) -> RunnerJournal:
    """Return the journal that ``LOG_FORMAT`` asks for."""
    if wants_json(settings, out):
        return JsonJournal(out, settings.log_level)
    return TerminalJournal(out, colours=out.isatty() and not settings.no_colour)


def _level_of(line: EventLine) -> str:
    if line.status >= 500:
        return "error"
    return "info" if line.outcome in {None, OutcomeKind.OK} else "warning"
