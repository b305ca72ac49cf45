"""What stages that write texts have in common: a batch is written at once, what is no text is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Kind, Stage, StageConfig
from runner.pipelines.stages.fields import text_of
from runner.pipelines.stages.paths import check_encoding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.pipelines.stage import Emit, Event


class TextOutConfig(StageConfig, frozen=True, kw_only=True):
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        check_encoding(self.encoding)


C = TypeVar("C", bound=TextOutConfig)


class TextOut(Stage[C]):
    """Texts follow each other with nothing between them."""

    kind = Kind.OUTPUT

    @property
    def described(self) -> str:
        """Where they are written to."""
        raise NotImplementedError

    async def write(self, data: bytes) -> bool:
        """Write all of it; return whether somebody wants it. What it raises of ``OSError`` is reported."""
        raise NotImplementedError

    async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
        texts = []
        for event in events:
            try:
                texts.append(text_of(event, "let json-out or yaml-out make it one"))
            except EventError as error:
                self.context.error(error)
        text = "".join(texts)
        data = text.encode(self.config.encoding, "replace")
        try:
            written = await self.write(data)
        except OSError as error:
            why = f"{self.described}: {error.strerror}: {len(texts)} texts may not be in it"
            self.context.error(EventError(why, name="OSError"))
        else:
            if written:
                self.context.count(bytes_out=len(data), lines_out=text.count("\n"))
