"""``isolane pipeline`` as users call it: what it prints, and its exit codes."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Running

STUCK = """pipeline:
  tick: {config: {cron: "* * * * * *"}}
  work:
    module: js
    inputs: [tick]
    config:
      function: !!js/function >-
        async function () {
          console.log('at work')
          await new Promise((done) => setTimeout(done, 50_000))
        }
  log: {inputs: [work]}
"""
TICKS = """pipeline:
  tick: {config: {cron: "* * * * * *", payload: {message: tick}}}
  log: {inputs: [tick]}
"""


def test_check_prints_every_path_and_exits_1_on_a_dead_end(cli: Cli) -> None:
    path = cli.write(
        "p.yaml",
        "pipeline:\n  tick: {config: {cron: '* * * * *'}}\n  mid: {module: pass, inputs: [tick]}\n"
        "  lost: {module: pass, inputs: [mid]}\n  log: {inputs: [mid, errors, nobody]}\n  errors:\n  stats:\n",
    )
    done = cli("pipeline", "check", path)
    assert done.returncode == 1
    assert done.stdout.strip().split("\n\n") == [
        "INPUT : tick\n  - mid\nDEADEND : lost",
        "INPUT : tick\n  - mid\nOUTPUT : log",
        "UNDEFINED : nobody\nOUTPUT : log",
        "ERRORS : errors\nOUTPUT : log",
        "STATS : stats\nDEADEND : stats",
    ]
    advice = "name it among the inputs of another stage, or give it 'outChannels: []' if that is not wanted"
    assert done.stderr.splitlines() == [
        f"isolane: {path}:5:31: stage 'log': there is no stage 'nobody'",
        f"isolane: {path}:4:3: stage 'lost' is a dead end: nothing takes what it emits; {advice}",
        f"isolane: {path}:7:3: stage 'stats' is a dead end: nothing takes what it emits; {advice}",
    ]


def test_check_finds_what_does_not_compile_with_its_line(cli: Cli) -> None:
    path = cli.write("p.yaml", STUCK.replace("console.log('at work')", "console.log('at work'"))
    done = cli("pipeline", "check", path)
    message = "stage 'work': config.function: SyntaxError: missing ) after argument list"
    assert (done.returncode, done.stderr) == (1, f"isolane: {path}:9:23: {message}\n")


def test_check_can_be_read_by_machines(cli: Cli) -> None:
    path = cli.write("p.yaml", TICKS)
    done = cli("pipeline", "check", path, "--json")
    assert json.loads(done.stdout) == {
        "ok": True, "errors": [], "paths": [{"start": "INPUT", "stages": ["tick", "log"], "end": "OUTPUT"}],
    }  # fmt: skip
    path.write_text("pipeline: {log: {module: logg}}")
    done = cli("pipeline", "check", path, "--json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_document_that_is_wrong_is_refused_before_anything_starts(cli: Cli, verb: str) -> None:
    path = cli.write(
        "p.yaml", "pipeline:\n  tick: {config: {cron: '* * *'}}\n  log: {inputs: [tick]}\n"
    )
    done = cli("pipeline", verb, path)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"isolane: {path}:2:18: stage 'tick': config: the cron expression"
    )


def test_a_file_that_is_not_there_is_said(cli: Cli) -> None:
    done = cli("pipeline", "run", "none.yaml")
    assert (done.returncode, done.stderr) == (
        3,
        "isolane: can not read none.yaml: No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--timeout", "soon"], "'soon' is no number of seconds"),
        (["--map", "localhost"], "'localhost' must be HOST:PORT=HOST:PORT"),
        (["--map", "a:1=b:99999"], "'a:1=b:99999' must be HOST:PORT=HOST:PORT"),
    ],
)
def test_wrong_options_are_said(cli: Cli, options: list[str], message: str) -> None:
    done = cli("pipeline", "run", cli.write("p.yaml", TICKS), *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_pipeline_drains_at_the_first_signal(start: Callable[..., Running]) -> None:
    running = start(TICKS)
    line = json.loads(running.wait_for('"stage":"log"'))
    assert (line["level"], line["message"], line["event"]) == ("info", "tick", {})
    assert running.stop() == 0


def test_stages_that_take_too_long_to_end_are_cut_short(start: Callable[..., Running]) -> None:
    """``--timeout``: exit code 2, and the log says what was on its way."""
    running = start(STUCK, "--timeout", "0.1")
    running.wait_for("at work")
    assert running.stop() == 2
    assert "work, log had not ended" in running.wait_for(
        "timed out waiting for the pipeline to shut down"
    )


def test_a_second_signal_ends_it_at_once(start: Callable[..., Running]) -> None:
    running = start(STUCK, "--timeout", "1000")
    running.wait_for("at work")
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("the pipeline shuts down")
    assert running.stop() == 128 + signal.SIGTERM


def test_a_stage_that_does_not_start_is_said(start: Callable[..., Running]) -> None:
    text = TICKS.replace(
        "log: ",
        "sql: {inputs: [tick], outChannels: [], config: {query: x, connection: 'postgres://127.0.0.1:1/x'}}\n  log: ",
    )
    running = start(text)
    assert running.process.wait(20) == 21
    running.wait_for("stage 'sql' does not start: can not connect to x at 127.0.0.1:1")
