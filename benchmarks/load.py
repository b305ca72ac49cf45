"""Keeps so many executions in flight, and measures what becomes of them.

A closed loop: the next one starts when one has ended. It runs in the runner's own event loop, so that its own cost (some
µs for each execution) counts as the runner's.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.figures import quantile
from benchmarks.report import CPU, HOSTS_CPU, P50, P99, RATE, RUNNER_CPU

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fleet import Fleet
    from benchmarks.report import Figures
    from benchmarks.work import Work
    from runner.deployments import Deployment
    from runner.execution import Execution


class Load:
    """One kind of work, for the same workers in turn, on one fleet."""

    def __init__(self, fleet: Fleet, work: Work, deployments: Sequence[Deployment]) -> None:
        self._fleet = fleet
        self._work = work
        self._deployments = deployments
        self._next = 0
        self._latencies: list[float] = []

    async def run(self, in_flight: int, *, count: int = 0, seconds: float = 0.0) -> Figures:
        """Drive ``count`` executions, or as many as begin within ``seconds``.

        Raises
        ------
        WrongAnswerError
            One was not answered as it must be.

        """
        self._latencies = []
        runner, hosts = self._fleet.meters()
        began = perf_counter()
        last = self._next + count
        deadline = began + seconds if seconds else float("inf")
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(self._client(last if count else 0, deadline))
        elapsed = perf_counter() - began
        return self._figures(elapsed, runner.us(), hosts.us())

    async def _client(self, last: int, deadline: float) -> None:
        work, deployments = self._work, self._deployments
        started = perf_counter()
        while started < deadline and (not last or self._next < last):
            number = self._next = self._next + 1
            execution = self._start(deployments[number % len(deployments)], number)
            await execution.ended()
            ended = perf_counter()
            self._latencies.append(ended - started)
            work.check(execution, number)
            started = perf_counter()

    def _start(self, deployment: Deployment, number: int) -> Execution:
        return self._fleet.runner.dispatcher.start(deployment, self._work.event(number))

    def _figures(self, elapsed_s: float, runner_us: float, hosts_us: float) -> Figures:
        latencies = sorted(self._latencies)
        count = len(latencies)
        return {
            RATE: count / elapsed_s,
            CPU: (runner_us + hosts_us) / count,
            RUNNER_CPU: runner_us / count,
            HOSTS_CPU: hosts_us / count,
            P50: quantile(latencies, 0.5) * 1000,
            P99: quantile(latencies, 0.99) * 1000,
        }


async def warm_up(load: Load, workers: int) -> Load:
    """Run each worker a few times, so that isolates and code caches are there."""
    await load.run(8, count=max(100, 4 * workers))
    return load
