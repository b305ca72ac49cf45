"""The pooling modes on the same load: four lanes each, hosts as in production.

The bars are at 5 workers of 5 tenants, 16 in flight, CPU only: the load that the published ratio of the original is from
(ONESHOT : POOLED : PINNED = 1 : 3.3 : 3.9).
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.fleet import Fleet, open_fleets
from benchmarks.harness import alternate
from benchmarks.load import Load, warm_up
from benchmarks.report import RATE, Findings, at_least
from benchmarks.work import HELLO, SUM, TIMER
from pools.protocol import Mode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.figures import Measurements
    from benchmarks.harness import Plan
    from benchmarks.report import Bar, Figures
    from benchmarks.work import Work

_LANES: Final = 4
_FLEETS: Final = {
    "PINNED": (Mode.PINNED, False),
    "POOLED": (Mode.POOLED, False),
    "ONESHOT": (Mode.ONESHOT, False),
    "warm": (Mode.PINNED, True),
}
_HEADLINE_TENANTS: Final = 5
_HEADLINE_IN_FLIGHT: Final = 16
_HEADLINE_SECONDS: Final = 1.5
_TENANTS: Final = (1, 10, 100)
_IN_FLIGHT: Final = (1, 8, 64)
_KINDS: Final[dict[str, Work]] = {"hello": HELLO, "timer": TIMER}
_CELL_SECONDS: Final = 0.4

Contenders = dict[str, "Callable[[], Awaitable[Figures]]"]


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        fleets = {
            name: Fleet(mode, lanes=_LANES, warm=warm) for name, (mode, warm) in _FLEETS.items()
        }
        await open_fleets(stack, list(fleets.values()))
        measured = await alternate(plan, await _contenders(plan, fleets))
    notes = [
        "NAME: 5 tenants, 16 in flight, CPU only. hello and timer (5 ms): tenants, executions in flight, mode.",
        f"{_LANES} lanes: POOLED in one host, the others in {_LANES}; warm is PINNED with CONTEXT_REUSE=warm.",
    ]
    return Findings(rows=measured.rows(), bars=_bars(measured), rounds=plan.rounds, notes=notes)


async def _contenders(plan: Plan, fleets: dict[str, Fleet]) -> Contenders:
    """Return the headline's contenders, then those of each cell, modes next to each other."""
    contenders: Contenders = {}
    for name, fleet in fleets.items():
        plan.progress.tell(f"warming up: {name}")
        load = await _load(fleet, SUM, _HEADLINE_TENANTS)
        seconds = plan.seconds(_HEADLINE_SECONDS)
        contenders[name] = partial(load.run, _HEADLINE_IN_FLIGHT, seconds=seconds)
    for kind, work in _KINDS.items():
        for tenants in _TENANTS:
            loads = {name: await _load(fleet, work, tenants) for name, fleet in fleets.items()}
            for in_flight in _IN_FLIGHT:
                for name, load in loads.items():
                    cell = f"{kind}, {tenants}, {in_flight}: {name}"
                    seconds = plan.seconds(_CELL_SECONDS)
                    contenders[cell] = partial(load.run, in_flight, seconds=seconds)
    return contenders


async def _load(fleet: Fleet, work: Work, tenants: int) -> Load:
    return await warm_up(Load(fleet, work, fleet.deploy(work.source, tenants)), tenants)


def _bars(measured: Measurements) -> list[Bar]:
    return [
        at_least(f"{name} against {other}: rate", least, measured.ratio(name, other, RATE), "x")
        for name, other, least in (
            ("PINNED", "ONESHOT", 3.9),
            ("POOLED", "ONESHOT", 3.3),
            ("PINNED", "POOLED", 1.0),
        )
    ]
