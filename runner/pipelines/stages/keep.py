"""``keep``: emits events with the named fields only, perhaps under other names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from runner.pipelines.stage import Stage, StageConfig
from runner.pipelines.stages.fields import object_of

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event, StageContext

Names = Annotated[list[str], msgspec.Meta(min_length=1)]
Sources = Annotated[dict[str, str | Names], msgspec.Meta(min_length=1)]


class KeepConfig(StageConfig, frozen=True, kw_only=True):
    fields: Names | Sources
    """Names; or the old name of each new one, or several of which the first that is there counts."""


class Keep(Stage[KeepConfig]):
    """A field that is not there is left out; null is there."""

    Config = KeepConfig

    def __init__(self, context: StageContext, config: KeepConfig) -> None:
        super().__init__(context, config)
        self._sources = (
            {name: [name] for name in config.fields}
            if isinstance(config.fields, list)
            else {new: [old] if isinstance(old, str) else old for new, old in config.fields.items()}
        )

    async def on_event(self, event: Event, emit: Emit) -> None:
        await emit(keep(object_of(event), self._sources))


def keep(event: dict[str, Event], sources: dict[str, list[str]]) -> dict[str, Event]:
    """Return a new event; ``sources`` are the names that each field may have had."""
    return {
        new: event[old]
        for new, candidates in sources.items()
        for old in [next((one for one in candidates if one in event), None)]
        if old is not None
    }
