"""Stages at work together: order, pressure, and the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from runner.config import load_settings
from runner.pipelines.channel import CAPACITY
from runner.pipelines.errors import EventError, StageStartError
from runner.pipelines.graph import make_graph
from runner.pipelines.running import BATCH
from runner.pipelines.runtime import Pipeline, PipelineTimeoutError
from runner.pipelines.stage import Kind, Stage, StageConfig
from runner.pipelines.stages.errors import Errors
from runner.pipelines.stages.stats import Stats
from runner.schedules.clock import SystemClock
from tests.unit.runner.pipelines.specs import Through, spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.pipelines.document import StageSpec
    from runner.pipelines.stage import Emit, Event, StageContext

END_S = 30.0


def counting(number: int) -> type[Stage[StageConfig]]:
    """An input that emits so many numbers, and keeps how far it got."""

    class Counting(Stage[StageConfig]):
        kind = Kind.INPUT
        emitted = 0

        async def run(self, emit: Emit) -> None:
            for event in range(number):
                if self.context.stopping.is_set():
                    return
                await emit(event)
                type(self).emitted += 1

    return Counting


def waiting() -> type[Stage[StageConfig]]:
    """An input that emits one event and then waits for the end."""

    class Waiting(Stage[StageConfig]):
        kind = Kind.INPUT

        async def run(self, emit: Emit) -> None:
            await emit("event")
            await self.context.stopping.wait()

    return Waiting


def collecting(found: list[Event]) -> type[Stage[StageConfig]]:
    class Collecting(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            found.append(event)

    return Collecting


@pytest.fixture
def pipeline(tmp_path: Path) -> Callable[..., Pipeline]:
    def make(*specs: StageSpec) -> Pipeline:
        graph = make_graph(specs)
        graph.check()
        return Pipeline(graph, load_settings({}, tmp_path), SystemClock(), "host", tmp_path)

    return make


async def test_every_event_comes_to_every_taker_in_order(pipeline: Callable[..., Pipeline]) -> None:
    left: list[Event] = []
    right: list[Event] = []
    await pipeline(
        spec("in", counting(10_000)),
        spec("mid", Through, "in"),
        spec("left", collecting(left), "mid"),
        spec("right", collecting(right), "in"),
    ).run(END_S)
    assert left == right == list(range(10_000))


async def test_a_slow_stage_slows_its_inputs(pipeline: Callable[..., Pipeline]) -> None:
    """With two channels full and two batches in hand, an endless input stands still; nothing is lost when it goes on."""
    source = counting(100_000)
    gate = asyncio.Event()
    found: list[Event] = []

    class Gate(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            await gate.wait()
            found.append(event)

    work = pipeline(spec("in", source), spec("mid", Through, "in"), spec("out", Gate, "mid"))
    running = asyncio.create_task(work.run(END_S))
    most = 2 * CAPACITY + 2 * BATCH
    inboxes = [stage.inbox for stage in work.running.values() if stage.inbox is not None]
    while any(len(inbox) < CAPACITY for inbox in inboxes):
        await asyncio.sleep(0)
    for _ in range(1000):
        await asyncio.sleep(0)
    emitted: int = source.emitted  # type: ignore[attr-defined]
    assert 2 * CAPACITY <= emitted <= most
    gate.set()
    await running
    assert found == list(range(100_000))


async def test_a_stage_stops_when_all_of_its_inputs_have_and_says_its_last(
    pipeline: Callable[..., Pipeline],
) -> None:
    calls: list[str] = []
    found: list[Event] = []

    def noting(name: str) -> type[Stage[StageConfig]]:
        class Noting(Stage[StageConfig]):
            async def start(self) -> None:
                calls.append(f"{name} starts")

            async def on_event(self, event: Event, emit: Emit) -> None:
                await emit(event)

            async def on_end(self, emit: Emit) -> None:
                await emit(f"last of {name}")

            async def stop(self) -> None:
                calls.append(f"{name} stops")

        return Noting

    await pipeline(
        spec("in", counting(1)),
        spec("a", noting("a"), "in"),
        spec("b", noting("b"), "a", "in"),
        spec("out", collecting(found), "b"),
    ).run(END_S)
    assert calls == ["a starts", "b starts", "a stops", "b stops"]
    assert found == [0, 0, "last of a", "last of b"]


async def test_inputs_end_when_the_pipeline_is_asked_to_and_the_rest_drains(
    pipeline: Callable[..., Pipeline],
) -> None:
    found: list[Event] = []
    work = pipeline(spec("in", waiting()), spec("out", collecting(found), "in"))
    running = asyncio.create_task(work.run(END_S))
    work.stopping.set()
    await running
    assert found == ["event"]


async def test_errors_of_events_are_told_and_the_others_go_on(
    pipeline: Callable[..., Pipeline],
) -> None:
    """The errors stage ends after all who may have errors."""
    found: list[Event] = []
    told: list[Event] = []

    class Odd(Stage[StageConfig]):
        async def on_event(self, event: Event, emit: Emit) -> None:
            if event % 2:
                raise EventError("odd", stack=["at one", "at two"])
            await emit(event)

        async def on_end(self, emit: Emit) -> None:
            self.context.error(ValueError("late"))

    await pipeline(
        spec("in", counting(5)),
        spec("odd", Odd, "in"),
        spec("out", collecting(found), "odd"),
        spec("errors", Errors, config=Errors.Config()),
        spec("tell", collecting(told), "errors"),
    ).run(END_S)
    assert found == [0, 2, 4]
    assert [(event["message"], event["count"], event["stack"]) for event in told] == [
        ("odd: Error: odd", 2, ["at one"]),
        ("odd: ValueError: late", 1, []),
    ]
    assert all(event["type"] == "error" and event["severity"] == 3 for event in told)


async def test_a_stage_may_take_errors_as_they_come(pipeline: Callable[..., Pipeline]) -> None:
    """The old wiring: whoever listens on the channel gets each of them."""

    class Failing(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            raise EventError("no", name="TypeError", stack=["at 1", "at 2"])

    found: list[Event] = []
    await pipeline(
        spec("in", counting(2)),
        spec("out", Failing, "in"),
        spec("raw", collecting(found), in_channels=["errors"]),
    ).run(END_S)
    assert (
        found
        == [{"stage": "out", "name": "TypeError", "message": "no", "stack": ["at 1", "at 2"]}] * 2
    )


async def test_errors_that_nobody_takes_in_time_are_counted_and_hold_nobody_up(
    pipeline: Callable[..., Pipeline], caplog: pytest.LogCaptureFixture
) -> None:
    number = CAPACITY + 2 * BATCH
    gate = asyncio.Event()
    found: list[Event] = []

    class Failing(Stage[StageConfig]):
        kind = Kind.OUTPUT
        left = number

        async def on_event(self, event: Event, emit: Emit) -> None:
            type(self).left -= 1
            if self.left == 0:
                gate.set()
            raise EventError("no")

    class Slow(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            await gate.wait()
            found.append(event)

    await pipeline(
        spec("in", counting(number)),
        spec("out", Failing, "in"),
        spec("raw", Slow, in_channels=["errors"]),
    ).run(END_S)
    assert CAPACITY <= len(found) < number
    assert "errors could not be reported, the last: Error: no" in caplog.text


async def test_without_an_errors_stage_errors_are_logged(
    pipeline: Callable[..., Pipeline], caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            raise EventError("no", name="TypeError", stack=["at p.yaml:1:1"])

    await pipeline(spec("in", counting(1)), spec("out", Failing, "in")).run(END_S)
    assert caplog.messages == ["stage 'out': TypeError: no at p.yaml:1:1"]


async def test_counts_are_of_events_that_come_in_and_go_out(
    pipeline: Callable[..., Pipeline],
) -> None:
    told: list[Event] = []
    await pipeline(
        spec("in", counting(7)),
        spec("half", Through, "in"),
        spec("out", collecting([]), "half"),
        spec("stats", Stats, config=Stats.Config()),
        spec("tell", collecting(told), "stats"),
    ).run(END_S)
    (event,) = told
    assert (event["events_in"], event["events_out"], event["errors"]) == (7, 7, 0)
    assert event["message"] == "errors[0] events[in=7 out=7] lines[in=0 out=0] mbytes[in=0 out=0]"


async def test_a_stage_that_does_not_start_ends_those_that_have(
    pipeline: Callable[..., Pipeline],
) -> None:
    stopped: list[str] = []

    class Refusing(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def start(self) -> None:
            raise StageStartError("there is no file")

        async def stop(self) -> None:
            stopped.append("out")

    class Source(Stage[StageConfig]):
        kind = Kind.INPUT

        async def stop(self) -> None:
            stopped.append("in")

    with pytest.raises(StageStartError, match="stage 'out' does not start: there is no file"):
        await pipeline(spec("in", Source), spec("out", Refusing, "in")).run(END_S)
    assert stopped == ["in", "out"]


async def test_an_input_that_fails_ends_the_pipeline(pipeline: Callable[..., Pipeline]) -> None:
    stopped: list[str] = []

    class Failing(Stage[StageConfig]):
        kind = Kind.INPUT

        async def run(self, emit: Emit) -> None:
            raise ZeroDivisionError

        async def stop(self) -> None:
            stopped.append("in")

    work = pipeline(
        spec("in", Failing), spec("other", waiting()), spec("out", collecting([]), "in", "other")
    )
    with pytest.raises(ZeroDivisionError):
        await work.run(END_S)
    assert stopped == ["in"]


async def test_stages_that_do_not_end_in_time_are_cut_short_and_told(
    pipeline: Callable[..., Pipeline],
) -> None:
    begun = asyncio.Event()
    stopped: list[str] = []

    class Stuck(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            begun.set()
            await asyncio.Event().wait()

        async def stop(self) -> None:
            stopped.append("out")

    work = pipeline(spec("in", counting(2)), spec("out", Stuck, "in"))
    running = asyncio.create_task(work.run(0))
    await begun.wait()
    work.stopping.set()
    with pytest.raises(PipelineTimeoutError, match="out had not ended, 2 events were on their way"):
        await running
    assert stopped == ["out"]


async def test_a_stage_has_ended_when_it_has_closed_what_it_opened(
    pipeline: Callable[..., Pipeline],
) -> None:
    """Else nothing would say which one it was that held up the end."""
    begun = asyncio.Event()

    class Slow(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            pass

        async def stop(self) -> None:
            if not begun.is_set():
                begun.set()
                await asyncio.Event().wait()

    work = pipeline(spec("in", counting(2)), spec("out", Slow, "in"))
    running = asyncio.create_task(work.run(0))
    await begun.wait()
    work.stopping.set()
    with pytest.raises(PipelineTimeoutError, match=": out had not ended, 0 events"):
        await running


async def test_parallel_stages_take_so_many_at_once_and_no_more(
    pipeline: Callable[..., Pipeline],
) -> None:
    at_once: list[int] = [0, 0]
    gate = asyncio.Event()

    class Parallel(Stage[StageConfig]):
        kind = Kind.OUTPUT

        @property
        def parallelism(self) -> int:
            return 3

        async def on_event(self, event: Event, emit: Emit) -> None:
            at_once[0] += 1
            at_once[1] = max(at_once)
            if at_once[0] == 3:
                gate.set()
            await gate.wait()
            at_once[0] -= 1

    await pipeline(spec("in", counting(50)), spec("out", Parallel, "in")).run(END_S)
    assert at_once == [0, 3]


async def test_one_that_takes_long_holds_up_no_other_of_a_parallel_stage(
    pipeline: Callable[..., Pipeline],
) -> None:
    found: list[Event] = []
    others = asyncio.Event()

    class Parallel(Stage[StageConfig]):
        kind = Kind.OUTPUT

        @property
        def parallelism(self) -> int:
            return 2

        async def on_event(self, event: Event, emit: Emit) -> None:
            if event == 0:
                await others.wait()
            found.append(event)
            if event == "last":
                others.set()

    class Slowly(Stage[StageConfig]):
        kind = Kind.INPUT

        async def run(self, emit: Emit) -> None:
            for event in (0, 1, 2, 3, "last"):
                await emit(event)
                await asyncio.sleep(0)

    await pipeline(spec("in", Slowly), spec("out", Parallel, "in")).run(END_S)
    assert found == [1, 2, 3, "last", 0]


async def test_errors_of_who_tells_errors_are_logged_and_go_round_no_circle(
    pipeline: Callable[..., Pipeline], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Errors):
        async def on_event(self, event: Event, emit: Emit) -> None:
            raise EventError("broken")

    class Failing(Stage[StageConfig]):
        kind = Kind.OUTPUT

        async def on_event(self, event: Event, emit: Emit) -> None:
            raise EventError("no")

    config: Any = Errors.Config()
    await pipeline(
        spec("in", counting(1)),
        spec("out", Failing, "in"),
        spec("errors", Broken, config=config, out_channels=[]),
    ).run(END_S)
    assert caplog.messages == ["stage 'errors': Error: broken"]


async def test_errors_of_stages_behind_those_that_are_told_of_errors_are_logged_and_go_round_no_circle(
    pipeline: Callable[..., Pipeline], caplog: pytest.LogCaptureFixture
) -> None:
    """Each would make the next one, for ever: also over two channels."""

    class Failing(Through):
        def __init__(self, context: StageContext, config: StageConfig) -> None:
            super().__init__(context, config)
            self._count = 0

        async def on_event(self, event: Event, emit: Emit) -> None:
            self._count += 1
            if self._count > 1:
                self.context.stopping.set()
            raise EventError("no")

    made = pipeline(
        spec("in", waiting()),
        spec("work", Failing, "in", err_channel="a"),
        spec("raw", Failing, in_channels=["a"], err_channel="b"),
        spec("next", Failing, in_channels=["b"], err_channel="a"),
        spec("out", collecting([]), "work", "raw", "next"),
    )
    running = asyncio.create_task(made.run(END_S))
    while not caplog.messages:
        await asyncio.sleep(0)
    made.stopping.set()
    await running
    assert caplog.messages == ["stage 'raw': Error: no"]
