"""Rounds, scenarios and the command."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec

import pytest

from benchmarks import main as bench
from benchmarks.errors import WrongAnswerError
from benchmarks.harness import Plan, Progress, alternate
from benchmarks.processes import cpu_ns, rss_bytes, tree_of
from benchmarks.registry import SCENARIOS, find_scenario, module_of
from benchmarks.report import RATE, Figures
from runner.cli.exits import UsageError
from runner.cli.parser import run_command


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def test_contenders_take_turns() -> None:
    """Each round measures all of them, every other one backwards; the report keeps the order in which they were named."""
    order = []

    def contender(name: str, value: float) -> Callable[[], Awaitable[Figures]]:
        async def measure() -> Figures:
            order.append(name)
            return {RATE: value}

        return measure

    plan = Plan(3, Progress(io.StringIO()), quick=False)
    measured = await alternate(plan, {"a": contender("a", 1), "b": contender("b", 2)})

    assert "".join(order) == "abbaab"
    assert [row.name for row in measured.rows()] == ["a", "b"]
    assert measured.values("b", RATE) == [2, 2, 2]


def test_quick_is_a_tenth() -> None:
    """A quick run does a tenth of the work, and at least something."""
    quick, full = (Plan(5, Progress(io.StringIO()), quick=quick) for quick in (True, False))

    assert (quick.count(1000), quick.count(3), quick.seconds(2.0)) == (100, 1, 0.2)
    assert (full.count(1000), full.count(3), full.seconds(2.0)) == (1000, 3, 2.0)


def test_progress_is_for_terminals() -> None:
    """A file gets no progress; a terminal gets a line that is overwritten."""
    file, terminal = io.StringIO(), Terminal()

    Progress(file).tell("half way")
    Progress(terminal).tell("half way")

    assert file.getvalue() == ""
    assert terminal.getvalue() == "\r\x1b[Khalf way"


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be_found(name: str) -> None:
    """What is listed has a module; it is looked for without importing it: listing stays cheap."""
    assert find_spec(module_of(name)) is not None


def test_there_are_no_other_scenarios() -> None:
    """A module is only a scenario when it is registered."""
    with pytest.raises(KeyError):
        find_scenario("errors")


def test_the_command_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a scenario each is named with what it measures, as text or as JSON."""
    assert bench.main("") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(SCENARIOS)

    assert bench.main("", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["scenarios"] == SCENARIOS


@pytest.mark.parametrize(
    ("arguments", "rounds"), [([], 5), (["--rounds", "3"], 3), (["--rounds", "7", "--quick"], 7)]
)
def test_the_command_line_says_how_thoroughly(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], rounds: int
) -> None:
    """Options of `isolane bench` arrive at the scenario; without any it has five rounds."""
    plans: list[Plan] = []

    def measure(scenario: str, plan: Plan) -> None:
        plans.append(plan)
        raise WrongAnswerError(scenario, "nothing")

    monkeypatch.setattr(bench, "_measure", measure)

    assert run_command(["bench", "floor", *arguments]) == 1
    assert [(plan.rounds, plan.quick) for plan in plans] == [(rounds, "--quick" in arguments)]


def test_an_unknown_scenario_is_a_wrong_call() -> None:
    """The error names those that exist."""
    with pytest.raises(UsageError, match="floor, dispatch"):
        bench.main("flor")


def test_a_wrong_answer_says_whose_it_was() -> None:
    """The contender and the begin of its answer are in the text."""
    assert str(WrongAnswerError("hello", "x" * 1000)) == f"hello gave a wrong answer: {'x' * 300}"


def test_a_process_tree_has_its_clock_and_size() -> None:
    """Children are found, and what a process takes of CPU and memory is read from the kernel."""
    with subprocess.Popen(
        [sys.executable, "-c", "print(sum(range(10**6))); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in tree_of(os.getpid())
        assert cpu_ns(child.pid) > 0
        assert rss_bytes(child.pid) > 1 << 20
        child.communicate(b"\n")
