"""``isolane run`` of a trivial task, from the start of the process to its end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import msgspec

from benchmarks.errors import WrongAnswerError
from benchmarks.harness import alternate
from benchmarks.report import Figures, Findings, Metric, at_most

if TYPE_CHECKING:
    from benchmarks.harness import Plan

_LEAST_TIMES: Final = 10
_WALL: Final = Metric("wall", "s", drawn=True)
_CPU: Final = Metric("CPU", "s", drawn=True)
_SOURCE: Final = """\
export default {
  async task(payload) {
    return { hello: payload.name };
  },
};
"""


async def run(plan: Plan) -> Findings:
    plan.rounds = max(plan.rounds, _LEAST_TIMES)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "task.js"
        script.write_text(_SOURCE, encoding="utf-8")

        async def isolane() -> Figures:
            command = [sys.executable, "-m", "runner", "run", f"{script}"]
            return _time([*command, "--payload", '{"name":"bench"}'], {"hello": "bench"})

        async def python() -> Figures:
            return _time([sys.executable, "-c", "print('{}')"], {})

        await isolane()
        measured = await alternate(plan, {"isolane run": isolane, "python, for scale": python})
    bar = at_most("isolane run: wall", 0.35, measured.median("isolane run", _WALL), "s")
    return Findings(rows=measured.rows(), bars=[bar], rounds=plan.rounds)


def _time(command: list[str], answer: object) -> Figures:
    """Run a command; its CPU time has that of its children in it.

    Raises
    ------
    WrongAnswerError
        It did not print the answer as JSON, or failed.

    """
    started = perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        output = process.stdout.read()
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        ended = perf_counter()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or msgspec.json.decode(output or b"null") != answer:
        raise WrongAnswerError(" ".join(command), output or errors)
    return {_WALL: ended - started, _CPU: usage.ru_utime + usage.ru_stime}
