"""Events become lines of the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from runner.cli.logs import JsonFormatter, TextFormatter
from runner.pipelines.stages.log import Log
from tests.unit.runner.pipelines.stages.stage_bench import Bench

if TYPE_CHECKING:
    from logging import LogRecord


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def fields(record: LogRecord) -> Any:
    return record.__dict__["event"]


async def test_an_event_is_a_line_with_its_message_and_the_rest_beside_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(Log, {"extra": {"app": "x", "n": 0}})
    event = {"message": "hello", "n": 1, "level": "warn"}
    await bench.feed(event)
    (record,) = caplog.records
    assert (record.getMessage(), record.levelno) == ("hello", logging.WARNING)
    assert fields(record) == {"app": "x", "n": 1}
    assert event == {"message": "hello", "n": 1, "level": "warn"}


@pytest.mark.parametrize(
    ("event", "level"),
    [
        ({}, logging.INFO),
        ({"level": "TRACE"}, logging.DEBUG),
        ({"level": 50}, logging.ERROR),
        ({"level": 60.0}, logging.CRITICAL),
        ({"severity": 3}, logging.ERROR),
        ({"severity": 7}, logging.DEBUG),
        ({"severity": "warning"}, logging.WARNING),
        ({"level": "whatever"}, logging.ERROR),
        ({"level": 35}, logging.ERROR),
        ({"level": [1]}, logging.ERROR),
        ({"level": "info", "severity": 1}, logging.INFO),
    ],
)
async def test_levels_are_words_bunyans_or_syslogs_numbers(
    caplog: pytest.LogCaptureFixture, event: dict[str, Any], level: int
) -> None:
    await Bench(Log, {}).feed(event)
    assert [record.levelno for record in caplog.records] == [level]


async def test_the_level_of_those_without_is_the_configs(caplog: pytest.LogCaptureFixture) -> None:
    await Bench(Log, {"defaultLevel": "Error"}).feed({"msg": {"a": 1}})
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, '{"a":1}')
    ]


@pytest.mark.parametrize(
    ("event", "message"), [("text", "text"), ([1], "[1]"), (None, ""), (3, "3")]
)
async def test_what_is_no_object_is_the_message(
    caplog: pytest.LogCaptureFixture, event: Any, message: str
) -> None:
    await Bench(Log, {}).feed(event)
    assert [record.getMessage() for record in caplog.records] == [message]


def test_a_level_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="defaultLevel must be one of trace, debug"):
        Bench(Log, {"defaultLevel": "loud"})


async def test_lines_are_json_or_text_for_people(caplog: pytest.LogCaptureFixture) -> None:
    await Bench(Log, {}).feed({"message": "m", "n": 1})
    (record,) = caplog.records
    line = msgspec.json.decode(JsonFormatter().format(record))
    assert line["level"] == "info"
    assert (line["stage"], line["message"], line["event"]) == ("stage", "m", {"n": 1})
    assert TextFormatter().format(record) == 'INFO stage m {"n":1}'


async def test_what_failed_is_in_the_line() -> None:
    record = logging.LogRecord(
        "x", logging.ERROR, "f", 1, "m", (), (ValueError, ValueError("v"), None)
    )
    assert "ValueError: v" in TextFormatter().format(record)
    assert b"ValueError: v" in JsonFormatter().format(record).encode()


async def test_an_event_can_not_steer_a_terminal(caplog: pytest.LogCaptureFixture) -> None:
    await Bench(Log, {}).feed({"message": "a\x1b]0;b\x07\nERROR c", "n": "\x9b31m"})
    (record,) = caplog.records
    assert (
        TextFormatter().format(record)
        == 'INFO stage a\ufffd]0;b\ufffd\n  ERROR c {"n":"\ufffd31m"}'
    )
