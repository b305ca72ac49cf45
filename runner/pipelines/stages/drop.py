"""``drop``: emits events without the named fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.pipelines.stage import Stage, StageConfig
from runner.pipelines.stages.fields import object_of
from runner.pipelines.stages.keep import Names

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event


class DropConfig(StageConfig, frozen=True, kw_only=True):
    fields: Names


class Drop(Stage[DropConfig]):
    """A field that is not there is none to drop."""

    Config = DropConfig

    async def on_event(self, event: Event, emit: Emit) -> None:
        unwanted = self.config.fields
        await emit(
            {name: value for name, value in object_of(event).items() if name not in unwanted}
        )
