"""``isolane bench``: lists the scenarios, or runs one and reports on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from benchmarks.chart import NoChartsError, draw
from benchmarks.errors import BenchmarkError
from benchmarks.harness import LEAST_ROUNDS, Plan, Progress
from benchmarks.machine import load_now, look_at_machine
from benchmarks.registry import SCENARIOS, find_scenario
from benchmarks.report import Report
from benchmarks.table import align, render
from runner.cli.exits import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.report import Findings

RESULTS = Path(__file__).parent / "results"


def main(
    scenario: str, *, as_json: bool = False, rounds: int | None = None, quick: bool = False
) -> int:
    """Run a scenario; return 1 when it misses a bar, or has no figures.

    Raises
    ------
    UsageError
        There is no such scenario.

    """
    if not scenario:
        print(_list(as_json=as_json))
        return Exit.OK
    if scenario not in SCENARIOS:
        raise UsageError(
            f"there is no scenario {scenario!r}\nScenarios: {', '.join(SCENARIOS)}. Try: isolane bench"
        )
    progress = Progress()
    try:
        report = _measure(scenario, Plan(rounds or LEAST_ROUNDS, progress, quick=quick))
    except BenchmarkError as error:
        progress.clear()
        print(f"isolane: {error}", file=sys.stderr)
        return Exit.FAILED
    text = msgspec.json.encode(report.as_object()).decode()
    print(text if as_json else render(report))
    _keep(report, text)
    return Exit.OK if report.met else Exit.FAILED


def _measure(scenario: str, plan: Plan) -> Report:
    machine = look_at_machine()
    findings = uvloop.run(_run(find_scenario(scenario), plan))
    return Report(
        scenario=scenario,
        machine=msgspec.structs.replace(machine, load_after=load_now()),
        quick=plan.quick,
        findings=findings,
    )


async def _run(scenario: Callable[[Plan], Awaitable[Findings]], plan: Plan) -> Findings:
    return await scenario(plan)


def _list(*, as_json: bool) -> str:
    if as_json:
        return msgspec.json.encode({"scenarios": SCENARIOS}).decode()
    return "\n".join(align([[name, what] for name, what in SCENARIOS.items()], left=2))


def _keep(report: Report, text: str) -> None:
    """Write the report and its chart where the next one of the scenario replaces them."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{report.scenario}.json"
    path.write_text(text + "\n", encoding="utf-8")
    try:
        draw(report, path.with_suffix(".png"))
    except NoChartsError:
        print("no chart: matplotlib is not installed (it is a dev dependency)", file=sys.stderr)
    else:
        print(f"kept as {path} and .png", file=sys.stderr)
