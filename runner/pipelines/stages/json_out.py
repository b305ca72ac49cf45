"""``json-out``: emits events as JSON texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import msgspec

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Stage, StageConfig

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event


class JsonOutConfig(StageConfig, frozen=True, kw_only=True):
    indent: (
        Annotated[int, msgspec.Meta(ge=0, le=10)]
        | Annotated[str, msgspec.Meta(pattern=r"^[ \t]{0,10}$")]
        | None
    ) = None
    """Spaces of a level, or the white space itself; without it a value is one line."""
    delimiter: str = "\n"
    """What follows each."""


class JsonOut(Stage[JsonOutConfig]):
    """One text for each event."""

    Config = JsonOutConfig

    async def on_event(self, event: Event, emit: Emit) -> None:
        indent = self.config.indent or None
        separators = (",", ": " if indent else ":")
        try:
            text = json.dumps(
                event, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
            )
        except (ValueError, RecursionError) as error:
            raise EventError(str(error), name="TypeError") from error
        await emit(text + self.config.delimiter)
