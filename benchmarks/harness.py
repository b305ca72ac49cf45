"""Runs a scenario: all contenders in each round, one right after the other, and medians over the rounds.

Must not know what is measured.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from benchmarks.figures import Measurements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from benchmarks.report import Figures

LEAST_ROUNDS = 5


class Progress:
    """Says on a terminal what goes on, in one line that is overwritten; elsewhere it is silent."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._shown = out.isatty()

    def tell(self, text: str) -> None:
        if self._shown:
            self._out.write(f"\r\x1b[K{text}")
            self._out.flush()

    def clear(self) -> None:
        self.tell("")


class Plan:
    """How thoroughly a scenario is run.

    Parameters
    ----------
    rounds
        How often each contender is measured.
    quick
        A tenth of the work: to see that a benchmark runs, not what it says.

    """

    def __init__(self, rounds: int, progress: Progress, *, quick: bool) -> None:
        self.rounds = rounds
        self.quick = quick
        self.progress = progress

    def count(self, full: int) -> int:
        """Return how many times to do what a full run does ``full`` times."""
        return max(1, full // 10) if self.quick else full

    def seconds(self, full: float) -> float:
        """Return how long to do what a full run does for ``full`` seconds."""
        return full / 10 if self.quick else full


async def alternate(
    plan: Plan, contenders: Mapping[str, Callable[[], Awaitable[Figures]]]
) -> Measurements:
    """Measure each contender once in each round.

    Every other round goes backwards, so that none always follows the same one.
    """
    measured = Measurements()
    for number in range(plan.rounds):
        names = list(contenders)
        for name in names if number % 2 == 0 else reversed(names):
            plan.progress.tell(f"round {number + 1} of {plan.rounds}: {name}")
            measured.add(name, await contenders[name]())
    plan.progress.clear()
    return measured.in_order(contenders)
