"""Console lines between executions and whatever takes them."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from pools.protocol import ErrorInfo, Outcome, OutcomeKind
from runner.events.context import EventContext
from runner.logs.fan import JournalFan
from runner.logs.lines import MAX_CHARACTERS, LineBuffer, LogLine, describe_failure
from tests.unit.runner.fake_lane import connect, deployment
from tests.unit.runner.test_http_ingress import Lines


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def test_lines_come_in_order_with_times_of_their_own() -> None:
    buffer = LineBuffer()
    for number in range(100):
        buffer.line("w", "INFO", f"{number}")
    lines = buffer.take(60) + buffer.take(60)
    assert texts(lines) == [f"{number}" for number in range(100)]
    assert all(one.time_us < other.time_us for one, other in pairwise(lines))
    assert buffer.take(10) == []


def test_a_flood_of_one_worker_is_cut_and_counted_and_costs_the_others_nothing() -> None:
    buffer = LineBuffer(most_lines=40)
    for number in range(1000):
        buffer.line("noisy", "INFO", f"{number}")
    buffer.line("quiet", "ERROR", "heard")
    lines = buffer.take(1000)
    assert texts(lines)[:11] == [*[f"{number}" for number in range(10)], "heard"]
    (notice,) = lines[11:]
    assert (notice.worker, notice.level) == ("noisy", "WARN")
    assert notice.text.startswith("990 lines were dropped")
    buffer.line("noisy", "INFO", "again")
    assert texts(buffer.take(10)) == ["again"]


def test_the_text_is_bounded_too() -> None:
    buffer = LineBuffer(most_text=8 * MAX_CHARACTERS)
    for worker in "abcdefghij":
        for _ in range(3):
            buffer.line(worker, "INFO", "x" * MAX_CHARACTERS)
    lines = buffer.take(1000)
    assert len(lines) - 10 == 8


def test_a_long_line_is_cut() -> None:
    buffer = LineBuffer()
    buffer.line("w", "INFO", "x" * (MAX_CHARACTERS + 5))
    (line,) = buffer.take(1)
    assert line.text.endswith("x… (5 characters more)")


async def test_who_takes_lines_is_woken() -> None:
    buffer = LineBuffer(most_lines=100)
    waiting = asyncio.create_task(buffer.filled())
    await asyncio.sleep(0)
    assert not waiting.done()
    for _ in range(5):
        buffer.line("w", "INFO", "")
    await waiting
    assert buffer.many.is_set()
    buffer.take(10)
    assert not buffer.many.is_set()


THROWN = ErrorInfo(
    "TypeError", "no", "TypeError: no\n    at f (index.js:1:2)\n    at async g (index.js:3:4)"
)


@pytest.mark.parametrize(
    ("outcome", "level", "text"),
    [
        (
            Outcome(OutcomeKind.EXCEPTION, THROWN),
            "ERROR",
            "Uncaught TypeError: no\n    at f (index.js:1:2)\n    at async g (index.js:3:4)",
        ),
        (
            Outcome(
                OutcomeKind.INIT_ERROR,
                ErrorInfo("SyntaxError", "Unexpected token", "", "index.js", 2, 3),
            ),
            "ERROR",
            "task event: the worker can not be started: SyntaxError: Unexpected token (index.js:2:3)",
        ),
        (Outcome(OutcomeKind.CPU_LIMIT), "ERROR", "task event: the CPU time limit was exceeded"),
        (Outcome(OutcomeKind.HOST_LOST), "WARN", "task event: its process was lost"),
    ],
)
def test_a_failure_is_told_in_words(outcome: Outcome, level: str, text: str) -> None:
    assert describe_failure(outcome, EventContext(kind="task")) == (level, text)


def test_every_outcome_has_words() -> None:
    for kind in OutcomeKind:
        if kind is not OutcomeKind.OK:
            _, text = describe_failure(Outcome(kind), EventContext())
            assert not text.endswith(f": {kind}")


class Shown(Lines):
    """What a terminal would show."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[str, str]] = []

    def console(self, deployment: object, level: str, text: str) -> None:
        self.shown.append((level, text))


async def test_an_execution_tells_what_it_prints_and_how_it_fails() -> None:
    shown, buffer, other = Shown(), LineBuffer(), LineBuffer()
    fan = JournalFan(shown)
    fan.add(buffer)
    fan.add(other)
    bench = await connect()
    bench.client._console = fan
    bench.lane.on_start = lambda lane, start: lane.turn(
        start.execution,
        [["log", "INFO", "hello"], ["error", {"name": "E", "message": "m", "stack": ""}]],
        outcome=Outcome(OutcomeKind.EXCEPTION),
    )
    await bench.start(context=EventContext()).ended()
    fan.remove(other)
    bench.lane.on_start = lambda lane, start: lane.turn(
        start.execution, outcome=Outcome(OutcomeKind.OK)
    )
    await bench.start(context=EventContext()).ended()
    bench.lane.on_start = lambda lane, start: lane.turn(
        start.execution, outcome=Outcome(OutcomeKind.NO_HANDLER)
    )
    await bench.start().ended()  # a check: its own business
    lines = buffer.take(10)
    assert texts(other.take(10)) == texts(lines) == ["hello", "Uncaught E: m"]
    assert {line.worker for line in lines} == {deployment().worker}
    assert shown.shown == [("INFO", "hello")]
