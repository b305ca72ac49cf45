"""What the command answers to its caller, however the pipeline ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from runner.cli.run_pipeline import run_until_signalled
from runner.config import load_settings
from runner.lifecycle import Signals
from runner.pipelines.errors import StageStartError
from runner.pipelines.graph import make_graph
from runner.pipelines.runtime import Pipeline
from runner.pipelines.stage import Kind, Stage, StageConfig
from runner.schedules.clock import SystemClock
from tests.unit.runner.pipelines.specs import Sink, spec

if TYPE_CHECKING:
    from pathlib import Path

    from runner.pipelines.stage import Emit, Event


async def run(folder: Path, source: type[Stage[Any]], sink: type[Stage[Any]] = Sink) -> int:
    graph = make_graph([spec("in", source), spec("out", sink, "in")])
    pipeline = Pipeline(graph, load_settings({}, folder), SystemClock(), "host", folder)
    with Signals() as signals:
        signals.ask()
        return await run_until_signalled(pipeline, signals, 0)


class Source(Stage[StageConfig]):
    kind = Kind.INPUT

    async def run(self, emit: Emit) -> None:
        await emit(1)
        await self.context.stopping.wait()


async def test_a_pipeline_that_drains_is_0(tmp_path: Path) -> None:
    assert await run(tmp_path, Source) == 0


async def test_one_that_does_not_end_in_time_is_2(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            await asyncio.Event().wait()

    assert await run(tmp_path, Source, Stuck) == 2
    assert "out had not ended, 1 events were on their way" in caplog.text


async def test_one_that_does_not_start_is_21(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing(Sink):
        async def start(self) -> None:
            raise StageStartError("no file")

    assert await run(tmp_path, Source, Refusing) == 21
    assert caplog.messages == ["stage 'out' does not start: no file"]


@pytest.mark.parametrize("parallelism", [1, 3])
async def test_one_whose_stage_fails_is_42(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, parallelism: int
) -> None:
    class Failing(Stage[StageConfig]):
        kind = Kind.OUTPUT

        @property
        def parallelism(self) -> int:
            return parallelism

        async def on_events(self, events: object, emit: Emit) -> None:
            raise ZeroDivisionError

    assert await run(tmp_path, Source, Failing) == 42
    assert "the pipeline ends: a stage failed" in caplog.text
