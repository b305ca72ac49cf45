"""``lines``: emits the lines of texts, without those that are empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Stage, StageConfig
from runner.pipelines.stages.fields import text_of
from runner.pipelines.texts.lines import LineSplitter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.pipelines.stage import Emit, Event, StageContext
    from runner.pipelines.texts.lines import Line


class LinesConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    max_size: Annotated[int, msgspec.Meta(ge=1, le=16 << 20)] = 64 << 10
    """Bytes (of UTF-8) of a line; longer ones are cut, and that is reported."""
    stream: bool = True
    """Whether texts are pieces, so that a line may begin in one and end in another."""


class Lines(Stage[LinesConfig]):
    """Takes texts."""

    Config = LinesConfig

    def __init__(self, context: StageContext, config: LinesConfig) -> None:
        super().__init__(context, config)
        self._splitter = LineSplitter(config.max_size)

    async def on_event(self, event: Event, emit: Emit) -> None:
        text = text_of(event, "file-in, stdin, json-out and yaml-out emit texts")
        await self._emit(self._splitter.feed(text), emit)
        if not self.config.stream:
            await self._emit(self._splitter.finish(), emit)

    async def on_end(self, emit: Emit) -> None:
        await self._emit(self._splitter.finish(), emit)

    async def _emit(self, lines: Sequence[Line], emit: Emit) -> None:
        self.context.count(lines_in=len(lines))
        for line in lines:
            if line.cut:
                self.context.error(
                    EventError(
                        f"a line has more than maxSize: {self.config.max_size} bytes, and is cut: {line.text[:60]!r}"
                    )
                )
            if line.text:
                await emit(line.text)
