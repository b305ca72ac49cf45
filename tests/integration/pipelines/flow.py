"""A document's pipeline in the test's own process: real isolates, a real database, events from the test and back to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from runner.cli.run_pipeline import open_functions
from runner.pipelines.document import read_document
from runner.pipelines.graph import make_graph
from runner.pipelines.runtime import Pipeline
from runner.pipelines.stage import Kind, Stage, StageConfig
from runner.schedules.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from runner.config import Settings
    from runner.pipelines.stage import Emit, Event
    from runner.schedules.clock import Clock

HOST = "test-host"
_WITHIN_S = 30.0


class Flow:
    """The pipeline's stage ``in`` emits what the test feeds; what comes to ``out`` and ``told`` is the test's."""

    def __init__(self) -> None:
        self.feeding: asyncio.Queue[Event] = asyncio.Queue()
        self.out: asyncio.Queue[Event] = asyncio.Queue()
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self.pipeline: Pipeline
        self.running: asyncio.Task[None]

    async def feed(self, *events: Event) -> None:
        for event in events:
            await self.feeding.put(event)

    async def take(self, number: int = 1) -> list[Event]:
        async with asyncio.timeout(_WITHIN_S):
            return [await self.out.get() for _ in range(number)]

    async def hear(self) -> Event:
        """Return the next error."""
        async with asyncio.timeout(_WITHIN_S):
            return await self.told.get()

    async def end(self) -> list[Event]:
        """Let it drain; return what had not been taken."""
        self.pipeline.stopping.set()
        await self.running
        return [self.out.get_nowait() for _ in range(self.out.qsize())]

    def source(self) -> type[Stage[StageConfig]]:
        feeding = self.feeding

        class Source(Stage[StageConfig]):
            kind = Kind.INPUT

            async def run(self, emit: Emit) -> None:
                stopping = asyncio.create_task(self.context.stopping.wait())
                while not (stopping.done() and feeding.empty()):
                    getting = asyncio.create_task(feeding.get())
                    await asyncio.wait({getting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    if getting.done():
                        await emit(getting.result())
                    else:
                        getting.cancel()

        return Source

    def sink(self, queue: asyncio.Queue[Event]) -> type[Stage[StageConfig]]:
        class Sink(Stage[StageConfig]):
            kind = Kind.OUTPUT

            async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
                for event in events:
                    queue.put_nowait(event)

        return Sink


@asynccontextmanager
async def open_flow(
    settings: Settings,
    path: Path,
    *,
    mapped: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    seconds: float = _WITHIN_S,
) -> AsyncIterator[Flow]:
    """Run the document; stages named ``in``, ``out`` and ``told`` are the test's, whatever they say."""
    flow = Flow()
    types: dict[str, Any] = {
        "in": flow.source(), "out": flow.sink(flow.out), "told": flow.sink(flow.told),
    }  # fmt: skip
    specs = [
        spec._replace(type=types.get(spec.name, spec.type))
        for spec in read_document(path, path.name)
    ]
    graph = make_graph(specs)
    graph.check()
    async with open_functions(settings, graph, HOST) as (functions, _):
        flow.pipeline = Pipeline(
            graph, settings, clock or SystemClock(), HOST, path.parent, functions=functions, mapped=mapped,
        )  # fmt: skip
        flow.running = asyncio.create_task(flow.pipeline.run(seconds))
        try:
            yield flow
        finally:
            flow.running.cancel()
            await asyncio.wait([flow.running])
