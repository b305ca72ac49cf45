"""``yaml-out``: emits events as YAML documents, each beginning with ``---``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import yaml

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Stage, StageConfig
from runner.pipelines.texts.yaml_documents import write_document

if TYPE_CHECKING:
    from runner.pipelines.stage import Emit, Event


class YamlOutConfig(StageConfig, frozen=True, kw_only=True):
    indent: Annotated[int, msgspec.Meta(ge=2, le=9)] = 2


class YamlOut(Stage[YamlOutConfig]):
    """One text for each event. What older readers of YAML take for something else, as ``no``, is quoted."""

    Config = YamlOutConfig

    async def on_event(self, event: Event, emit: Emit) -> None:
        try:
            text = write_document(event, self.config.indent)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise EventError(str(error), name="TypeError") from error
        await emit(text)
