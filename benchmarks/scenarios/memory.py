"""Resident size of the hosts: flat over many executions in each mode, and what an idle isolate takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from benchmarks.figures import deviation, make_row
from benchmarks.fleet import Fleet
from benchmarks.load import Load
from benchmarks.report import Curve, Findings, Metric, at_most
from benchmarks.work import HELLO, SUM
from pools.protocol import Mode

if TYPE_CHECKING:
    from benchmarks.harness import Plan
    from benchmarks.report import Bar, Row

_MIB: Final = 1 << 20
_EXECUTIONS: Final = 100_000
_SAMPLES: Final = 100
_SETTLED: Final = 0.2
"""Of the samples: until then pools, caches and heaps may grow."""
_TENANTS: Final = 2
_FLEETS: Final = {
    "PINNED": (Mode.PINNED, False),
    "POOLED": (Mode.POOLED, False),
    "ONESHOT": (Mode.ONESHOT, False),
    "warm": (Mode.PINNED, True),
}
_IDLE_ISOLATES: Final = 40
_LEAST_IDLE_ISOLATES: Final = 20
_STEADY_S: Final = 3.5
"""A host begins to tidy up an isolate after it was idle for two seconds, and may rest for one."""

_SIZE: Final = Metric("resident", "MB", drawn=True)
_FROM_MEDIAN: Final = Metric("farthest from it", "%")
_PER_ISOLATE: Final = Metric("each", "MB")


async def run(plan: Plan) -> Findings:
    rows: list[Row] = []
    bars: list[Bar] = []
    curves: list[Curve] = []
    for name, (mode, warm) in _FLEETS.items():
        curve = await _course(plan, name, mode, warm=warm)
        curves.append(curve)
        settled = curve.y[int(len(curve.y) * _SETTLED) :]
        share = 100 * deviation(settled)
        rows += [make_row(name, _SIZE, settled), make_row(name, _FROM_MEDIAN, [share])]
        bars.append(at_most(f"{name}: farthest from the median, after a fifth", 5, share, "%"))
    used, idle = await _idle(plan)
    rows += [
        make_row("isolate that has just run", _PER_ISOLATE, [used]),
        make_row("isolate, idle", _PER_ISOLATE, [idle]),
    ]
    bars.append(at_most("isolate, idle", 1.5, idle, "MB"))
    notes = [
        f"{plan.count(_EXECUTIONS):,} executions in each mode, {_TENANTS} tenants in turns, 8 in flight; resident: all hosts together."
    ]
    return Findings(rows=rows, bars=bars, rounds=1, curves=curves, notes=notes)


async def _course(plan: Plan, name: str, mode: Mode, *, warm: bool) -> Curve:
    """Return the hosts' resident size, in MB, over the run."""
    x: list[float] = []
    y: list[float] = []
    step = plan.count(_EXECUTIONS) // _SAMPLES
    async with Fleet(mode, lanes=2, warm=warm) as fleet:
        # In turns, so that each overflows onto the lane that is not its own: together they would stay apart, and what runs there once in a
        # while would fill its heap over the whole run, and be relieved of that when it was idle.
        tenants = [Load(fleet, SUM, [one]) for one in fleet.deploy(SUM.source, _TENANTS)]
        for number in range(1, _SAMPLES + 1):
            plan.progress.tell(f"{name}: {number * step:,} executions")
            load = tenants[number % _TENANTS]
            await load.run(8, count=step)
            x.append(number * step)
            y.append(fleet.rss_bytes() / _MIB)
    return Curve(name=name, x_label="executions", y_label="resident MB", x=x, y=y)


async def _idle(plan: Plan) -> tuple[float, float]:
    """Return what an isolate takes that has just run, and one that has rested: MB."""
    count = max(_LEAST_IDLE_ISOLATES, plan.count(_IDLE_ISOLATES))
    async with Fleet(Mode.PINNED, lanes=1) as fleet:
        deployments = fleet.deploy(HELLO.source, count + 1)
        await Load(fleet, HELLO, deployments[:1]).run(1, count=100)
        before = fleet.rss_bytes()
        plan.progress.tell(f"{count} isolates")
        await Load(fleet, HELLO, deployments[1:]).run(1, count=2 * count)
        used = fleet.rss_bytes() - before
        plan.progress.tell(f"{count} isolates at rest")
        await _until_steady(fleet)
        idle = fleet.rss_bytes() - before
    plan.progress.clear()
    return used / count / _MIB, idle / count / _MIB


async def _until_steady(fleet: Fleet) -> None:
    """Wait until the hosts give nothing more back."""
    last, size = -1, fleet.rss_bytes()
    while last < 0 or size < last:
        last = size
        await asyncio.sleep(_STEADY_S)
        size = fleet.rss_bytes()
