"""Stages without a document, and pipelines of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.pipelines.document import Named, StageSpec
from runner.pipelines.errors import Place
from runner.pipelines.stage import Kind, Stage, StageConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.pipelines.stage import Emit, Event

PLACE = Place("p.yaml", 1, 1)


class Source(Stage[StageConfig]):
    kind = Kind.INPUT


class Through(Stage[StageConfig]):
    async def on_event(self, event: Event, emit: Emit) -> None:
        await emit(event)


class Sink(Stage[StageConfig]):
    kind = Kind.OUTPUT

    async def on_event(self, event: Event, emit: Emit) -> None:
        pass


def spec(
    name: str,
    type_: type[Stage[Any]] = Through,
    *inputs: str,
    in_channels: Sequence[str] | None = None,
    out_channels: list[str] | None = None,
    err_channel: str = "errors",
    stats_channel: str = "stats",
    config: StageConfig | None = None,
) -> StageSpec:
    return StageSpec(
        name=name,
        place=PLACE,
        module=name,
        type=type_,
        config=config or StageConfig(),
        functions={},
        settings={},
        inputs=[Named(one, PLACE) for one in inputs],
        in_channels=None if in_channels is None else [Named(one, PLACE) for one in in_channels],
        out_channels=out_channels,
        err_channel=err_channel,
        stats_channel=stats_channel,
    )
