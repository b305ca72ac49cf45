"""``json-in``: emits the JSON values of texts: a whole document, or one value a line (NDJSON)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Stage, StageConfig
from runner.pipelines.stages.fields import text_of
from runner.pipelines.texts.json_values import BrokenValue, JsonReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.pipelines.stage import Emit, Event, StageContext


class JsonInConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    stream: bool = False
    """Whether texts are pieces (of ``file-in``), so that a value may begin in one and end in another."""
    max_size: Annotated[int, msgspec.Meta(ge=1, le=1 << 30)] = 16 << 20
    """Characters of a value."""


class JsonIn(Stage[JsonInConfig]):
    """What can not be read is reported; after that the next line is tried."""

    Config = JsonInConfig

    def __init__(self, context: StageContext, config: JsonInConfig) -> None:
        super().__init__(context, config)
        self._reader = JsonReader(config.max_size)

    async def on_event(self, event: Event, emit: Emit) -> None:
        text = text_of(event, "json-in takes texts, as file-in, stdin and lines emit them")
        read = self._reader.feed if self.config.stream else self._reader.finish
        await self._emit(read(text), emit)

    async def on_end(self, emit: Emit) -> None:
        await self._emit(self._reader.finish(), emit)

    async def _emit(self, values: Iterable[Any], emit: Emit) -> None:
        for value in values:
            if isinstance(value, BrokenValue):
                self.context.error(EventError(self._hint(value.reason), name="SyntaxError"))
            else:
                await emit(value)

    def _hint(self, reason: str) -> str:
        if not self.config.stream and "ends in the middle" in reason:
            return f"{reason}; if texts are pieces of one, as those of file-in, say stream: true"
        return reason
