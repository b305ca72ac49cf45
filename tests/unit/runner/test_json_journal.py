"""The journal of a runner whose log machines read."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest

from pools.protocol import OutcomeKind, Usage
from runner.cli.json_journal import JsonJournal, open_journal
from runner.cli.terminal import TerminalJournal
from runner.config import Settings
from runner.deployments import make_deployment, make_limits
from runner.journal import EventLine

DEPLOYMENT = make_deployment(
    tenant="acme",
    worker="id-1",
    name="hello",
    main="a.js",
    files={"a.js": ""},
    variables={},
    limits=make_limits(cpu_ms=1, wall_ms=1, ops={}),
)


def event(status: int = 200, outcome: OutcomeKind | None = OutcomeKind.OK) -> EventLine:
    return EventLine(
        method="GET",
        url="http://a/",
        status=status,
        worker="hello",
        request_id="r",
        duration_ms=1.23456,
        outcome=outcome,
        problem="" if outcome is OutcomeKind.OK else "it failed\nbadly",
        usage=Usage(cpu_us=1500, queue_us=10, heap_bytes=7),
    )


def written(level: str, *events: EventLine) -> list[dict[str, Any]]:
    out = io.StringIO()
    journal = JsonJournal(out, level)
    journal.line("it serves")
    journal.console(DEPLOYMENT, "WARN", "two\nlines")
    for line in events:
        journal.event(line)
    journal.flush()
    return [msgspec.json.decode(line) for line in out.getvalue().splitlines()]


async def test_each_line_is_one_object() -> None:
    start, console, line = written("debug", event())
    assert start["message"] == "it serves"
    assert (console["message"], console["worker"], console["consoleLevel"]) == (
        "two\nlines",
        "hello",
        "warning",
    )
    assert line["level"] == "info"
    assert (line["status"], line["requestId"], line["durationMs"], line["cpuMs"]) == (
        200,
        "r",
        1.235,
        1.5,
    )
    assert start["time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", ["info", "debug", "info", "warning", "error"]),
        ("info", ["info", "info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
async def test_what_is_below_the_level_is_not_written(level: str, seen: list[str]) -> None:
    events = [event(), event(429, OutcomeKind.CPU_LIMIT), event(500, OutcomeKind.EXCEPTION)]
    assert [line["level"] for line in written(level, *events)] == seen


async def test_the_format_decides_who_the_log_is_for() -> None:
    out = io.StringIO()
    assert isinstance(open_journal(Settings(log_format="auto"), out), JsonJournal)
    assert isinstance(open_journal(Settings(log_format="json"), out), JsonJournal)
    assert isinstance(open_journal(Settings(log_format="pretty"), out), TerminalJournal)
