"""A pipeline at work: everything is started before the first event, and ends in the order of the flow.

Inputs end first, each stage when all of its inputs have, those that are told of errors and counts when the others have. Must not know documents or
command lines.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from runner.pipelines.channel import Channel
from runner.pipelines.errors import StageStartError
from runner.pipelines.graph import is_told
from runner.pipelines.running import RunningStage
from runner.pipelines.stage import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runner.config import Settings
    from runner.pipelines.functions import StageFunctions
    from runner.pipelines.graph import Graph
    from runner.pipelines.stage import Stage
    from runner.schedules.clock import Clock

_log = logging.getLogger(__name__)


class PipelineTimeoutError(Exception):
    """The stages did not end in time; ``waiting`` are those that had not."""

    def __init__(self, waiting: list[str], events: int) -> None:
        self.waiting = waiting
        self.events = events
        shown = ", ".join(waiting)
        super().__init__(
            f"timed out waiting for the pipeline to shut down: {shown} had not ended, {events} events were on their way"
        )


class Pipeline:
    """Runs a graph's stages. ``functions``: those of stages that have some; ``held_bytes()``: of JavaScript's processes, and of this one."""

    def __init__(
        self,
        graph: Graph,
        settings: Settings,
        clock: Clock,
        hostname: str,
        folder: Path,
        *,
        functions: Mapping[str, StageFunctions] | None = None,
        mapped: Mapping[str, str] | None = None,
        held_bytes: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        self.stopping = asyncio.Event()
        self.running = {
            name: RunningStage(name, hostname, folder, settings, clock, self.stopping, mapped or {})
            for name in graph.nodes
        }
        self._graph = graph
        self._clock = clock
        self._side = graph.on_the_side()
        self._stages: dict[str, Stage[Any]] = {}
        self._left = len(graph.nodes) - len(self._side)
        self._wire(clock, functions or {}, held_bytes)

    def _wire(
        self,
        clock: Clock,
        functions: Mapping[str, StageFunctions],
        held_bytes: Callable[[], tuple[int, int]],
    ) -> None:
        nodes = self._graph.nodes
        for name, node in nodes.items():
            stage = self.running[name]
            stage.functions = functions.get(name)
            if node.spec.type.kind is not Kind.INPUT:
                # One more giver: all the stages that may have errors, or be counted.
                stage.inbox = Channel(clock, len(node.feeders) + is_told(node))
            stage.counted = [self.running[counted] for counted in node.stats_of]
            stage.held_bytes = held_bytes
        for name, node in nodes.items():
            stage = self.running[name]
            taking = [self.running[taker].inbox for taker in node.takers]
            stage.takers = [channel for channel in taking if channel is not None]
            told = [self.running[other].inbox for other in self._graph.told_by(name)]
            stage.error_channels = [channel for channel in told if channel is not None]

    async def run(self, timeout_s: float) -> None:
        """Run until all inputs have ended, or ``stopping`` is set and the stages have ended within ``timeout_s``.

        Raises
        ------
        StageStartError
            A stage did not start; none works.
        PipelineTimeoutError
            Some did not end in time, and were cut short.

        """
        await self._start()
        tasks = {
            name: asyncio.create_task(self._work(name), name=f"pipeline: {name}")
            for name in self._stages
        }
        if self._left == 0:
            self._tell_the_side()
        timer = asyncio.create_task(self._overtime(timeout_s), name="pipeline: end")
        try:
            while pending := [task for task in tasks.values() if not task.done()]:
                done, _ = await asyncio.wait([*pending, timer], return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in (timer, *tasks.values()):
                task.cancel()
            await asyncio.gather(timer, *tasks.values(), return_exceptions=True)
            for name, stage in self._stages.items():
                if tasks[name].cancelled() or tasks[name].exception() is not None:
                    await self._stop(name, stage)

    async def _start(self) -> None:
        for name, node in self._graph.nodes.items():
            stage = node.spec.type(self.running[name], node.spec.config)
            self._stages[name] = stage
            try:
                await stage.start()
            except BaseException as error:
                for other, started in self._stages.items():
                    await self._stop(other, started)
                if isinstance(error, StageStartError):
                    raise StageStartError(f"stage {name!r} does not start: {error}") from error
                raise

    async def _work(self, name: str) -> None:
        await self.running[name].work(self._stages[name])
        _log.debug("stage %r has stopped", name)
        if name not in self._side:
            self._left -= 1
            if self._left == 0:
                self._tell_the_side()

    def _tell_the_side(self) -> None:
        """No more errors will come, but from those who are told of them."""
        for name, node in self._graph.nodes.items():
            if is_told(node) and (inbox := self.running[name].inbox) is not None:
                inbox.leave()

    async def _overtime(self, timeout_s: float) -> None:
        await self.stopping.wait()
        _log.info("the pipeline shuts down")
        await self._clock.wait(asyncio.Event(), timeout_s)
        waiting = [name for name, stage in self.running.items() if not stage.ended]
        events = sum(
            stage.in_hand + (0 if stage.inbox is None else len(stage.inbox))
            for stage in self.running.values()
        )
        raise PipelineTimeoutError(waiting, events)

    async def _stop(self, name: str, stage: Stage[Any]) -> None:
        try:
            await stage.stop()
        except Exception:  # noqa: BLE001 - the others stop, too
            _log.exception("stage %r did not stop well", name)
