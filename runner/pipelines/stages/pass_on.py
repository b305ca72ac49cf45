"""``pass``: emits what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.pipelines.stage import Stage, StageConfig

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event


class Pass(Stage[StageConfig]):
    """A place where streams of events meet, or part."""

    async def on_event(self, event: Event, emit: Emit) -> None:
        await emit(event)
