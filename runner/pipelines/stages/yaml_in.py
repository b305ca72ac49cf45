"""``yaml-in``: emits the YAML documents of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Stage, StageConfig
from runner.pipelines.stages.fields import text_of
from runner.pipelines.texts.yaml_documents import BrokenDocumentError, YamlSplitter, read_documents

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event, StageContext


class YamlInConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    stream: bool = False
    """Whether texts are pieces (of ``file-in``), so that a document may begin in one and end in another."""
    max_size: Annotated[int, msgspec.Meta(ge=1, le=1 << 30)] = 16 << 20
    """Characters of a document."""


class YamlIn(Stage[YamlInConfig]):
    """What can not be read is reported, up to the next ``---``. Empty documents are left out."""

    Config = YamlInConfig

    def __init__(self, context: StageContext, config: YamlInConfig) -> None:
        super().__init__(context, config)
        self._splitter = YamlSplitter(config.max_size)

    async def on_event(self, event: Event, emit: Emit) -> None:
        text = text_of(event, "yaml-in takes texts, as file-in and stdin emit them")
        try:
            for document in self._splitter.feed(text):
                await self._emit(document, emit)
        except BrokenDocumentError as error:
            raise EventError(str(error), name="SyntaxError") from error
        if not self.config.stream:
            await self._emit(self._splitter.finish(), emit)

    async def on_end(self, emit: Emit) -> None:
        await self._emit(self._splitter.finish(), emit)

    async def _emit(self, document: str, emit: Emit) -> None:
        try:
            for value in read_documents(document):
                await emit(value)
        except BrokenDocumentError as error:
            self.context.error(EventError(str(error), name="SyntaxError"))
