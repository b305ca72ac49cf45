"""Runner → host → fresh context → runner: two lanes in two hosts, 8 executions in flight.

Everything of production but the front door: dispatch, frames, limits, both walls around the hosts.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.fleet import Fleet, open_fleets
from benchmarks.harness import alternate
from benchmarks.load import Load, warm_up
from benchmarks.report import CPU, P99, RATE, Findings, at_least, at_most
from benchmarks.work import HELLO, SUM
from pools.protocol import Mode

if TYPE_CHECKING:
    from benchmarks.harness import Plan
    from benchmarks.work import Work

_LANES: Final = 2
_IN_FLIGHT: Final = 8
_TENANTS: Final = 8
_SECONDS: Final = 2.0
_CONTENDERS: Final[dict[str, tuple[bool, Work]]] = {
    "task": (False, SUM),
    "hello": (False, HELLO),
    "task, warm context": (True, SUM),
    "hello, warm context": (True, HELLO),
}


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        fresh = Fleet(Mode.PINNED, lanes=_LANES)
        warm = Fleet(Mode.PINNED, lanes=_LANES, warm=True)
        await open_fleets(stack, [fresh, warm])
        seconds = plan.seconds(_SECONDS)
        contenders = {}
        for name, (is_warm, work) in _CONTENDERS.items():
            fleet = warm if is_warm else fresh
            load = await warm_up(Load(fleet, work, fleet.deploy(work.source, _TENANTS)), _TENANTS)
            contenders[name] = partial(load.run, _IN_FLIGHT, seconds=seconds)
        measured = await alternate(plan, contenders)
    bars = [
        at_least("task: rate", 4500, measured.median("task", RATE), "1/s"),
        at_most("task: p99", 10, measured.median("task", P99), "ms"),
        at_most("hello, warm context: CPU", 150, measured.median("hello, warm context", CPU), "µs/request"),
    ]  # fmt: skip
    notes = [
        "runner: this process, the load included; hosts: all of them. Latency is from the start to the end seen by the runner."
    ]
    return Findings(rows=measured.rows(), bars=bars, rounds=plan.rounds, notes=notes)
