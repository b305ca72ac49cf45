"""One stage at work: its task, its inbox, what it is given and what it hands on.

Must not know how a pipeline starts or ends.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING, Any, Final

from runner.pipelines.counts import Counts
from runner.pipelines.errors import EventError, FunctionError
from runner.pipelines.stage import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runner.config import Settings
    from runner.pipelines.channel import Channel
    from runner.pipelines.functions import StageFunctions
    from runner.pipelines.stage import Event, JsFunction, Stage
    from runner.schedules.clock import Clock

BATCH: Final = 256
_FRAMES: Final = 8


class RunningStage:
    """A stage's context, and its loop. ``runtime.py`` fills in what stages have of each other."""

    def __init__(
        self,
        name: str,
        hostname: str,
        folder: Path,
        settings: Settings,
        clock: Clock,
        stopping: asyncio.Event,
        mapped: Mapping[str, str],
    ) -> None:
        self.name = name
        self.hostname = hostname
        self.folder = folder
        self.settings = settings
        self.clock = clock
        self.stopping = stopping
        self.mapped = mapped
        self.log = logging.getLogger(f"isolane.pipeline.{name}")
        self.counts = Counts()
        self.functions: StageFunctions | None = None
        self.inbox: Channel | None = None
        self.takers: Sequence[Channel] = ()
        self.error_channels: Sequence[Channel] = ()
        self.counted: Sequence[RunningStage] = ()
        """Of a stats stage."""
        self.held_bytes: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.in_hand = 0
        """Events that were taken and are not yet done with."""
        self.ended = False
        self._lost = 0

    # -- what stages use: see StageContext ---------------------------------------------------------------------------

    def error(self, error: BaseException) -> None:
        self.counts.errors += 1
        event = error_event(self.name, error)
        told = False
        for channel in self.error_channels:
            # Whoever waited for room here might be who makes it.
            told = channel.offer(event) or told
        if not self.error_channels:
            self.log.error("stage %r: %s", self.name, _as_text(event))
        elif not told:
            self._lost += 1
            if self._lost & (self._lost - 1) == 0:
                self.log.error(
                    "stage %r: %d errors could not be reported, the last: %s",
                    self.name, self._lost, _as_text(event),
                )  # fmt: skip

    def count(
        self, *, bytes_in: int = 0, bytes_out: int = 0, lines_in: int = 0, lines_out: int = 0
    ) -> None:
        counts = self.counts
        counts.bytes_in += bytes_in
        counts.bytes_out += bytes_out
        counts.lines_in += lines_in
        counts.lines_out += lines_out

    async def call(self, function: JsFunction, *arguments: Event) -> Any:
        assert self.functions is not None, "a config without functions has none to call"
        return await self.functions.call(function, *arguments)

    async def call_each(
        self, function: JsFunction, calls: Sequence[Sequence[Event]]
    ) -> list[Any | FunctionError]:
        assert self.functions is not None, "a config without functions has none to call"
        return await self.functions.call_each(function, calls)

    def totals(self) -> Counts:
        return sum((stage.counts for stage in self.counted), Counts())

    def memory(self) -> tuple[int, int]:
        return self.held_bytes()

    def place(self, host: str, port: int) -> tuple[str, int]:
        to = self.mapped.get(f"{host}:{port}")
        if to is None:
            return host, port
        host, _, number = to.rpartition(":")
        return host, int(number)

    # -- its work ----------------------------------------------------------------------------------------------------

    async def emit(self, event: Event) -> None:
        for channel in self.takers:
            if not channel.offer(event):
                await channel.give(event)

    async def emit_made(self, event: Event) -> None:
        self.counts.events_in += 1
        await self.emit(event)

    async def work(self, stage: Stage[Any]) -> None:
        """Run a stage that has started, until its inputs have ended."""
        if stage.kind is Kind.INPUT:
            await stage.run(self.emit_made)
        else:
            await self._take_all(stage)
            assert self.inbox is not None
            self.inbox.close()
        await stage.on_end(self.emit)
        await stage.stop()
        self.ended = True
        for channel in self.takers:
            channel.leave()

    async def _take_all(self, stage: Stage[Any]) -> None:
        if stage.parallelism == 1:
            await self._take_some(stage, stage.interval_s)
            return
        async with asyncio.TaskGroup() as group:
            for number in range(stage.parallelism):
                taking = self._take_some(stage, None if number else stage.interval_s)
                group.create_task(taking, name=f"pipeline: {self.name} {number}")

    async def _take_some(self, stage: Stage[Any], interval_s: float | None) -> None:
        """Take batch after batch; of what waits, a share when others take, too."""
        inbox, clock = self.inbox, self.clock
        assert inbox is not None
        due = None if interval_s is None else clock.now().timestamp() + interval_s
        while not inbox.ended:
            left_s = None if due is None else due - clock.now().timestamp()
            if due is not None and interval_s is not None and left_s is not None and left_s <= 0:
                await stage.on_interval(self.emit)
                due = max(due + interval_s, clock.now().timestamp())
                continue
            share = min(max(len(inbox) // stage.parallelism, 1), BATCH)
            events = await inbox.take(BATCH if stage.parallelism == 1 else share, left_s)
            if events:
                self.in_hand += len(events)
                await stage.on_events(events, self.emit)
                self.in_hand -= len(events)
                if stage.kind is Kind.OUTPUT:
                    self.counts.events_out += len(events)


def error_event(stage: str, error: BaseException) -> dict[str, Any]:
    """Return what the errors stage gets: stage, name, message, and the lines that say where."""
    if isinstance(error, EventError):
        return {
            "stage": stage, "name": error.name, "message": error.message, "stack": error.stack,
        }  # fmt: skip
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    stack = [f"at {frame.name} ({frame.filename}:{frame.lineno})" for frame in reversed(frames)]
    return {"stage": stage, "name": type(error).__name__, "message": str(error), "stack": stack}


def _as_text(event: dict[str, Any]) -> str:
    head = f"{event['name']}: {event['message']}" if event["message"] else event["name"]
    return " ".join([head, *event["stack"][:1]])
