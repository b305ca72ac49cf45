"""``stdout``: writes texts to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Kind, Stage, StageConfig
from runner.pipelines.stages.descriptors import Descriptor
from runner.pipelines.stages.fields import text_of
from runner.pipelines.stages.paths import check_encoding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.pipelines.stage import Emit, Event, StageContext


class StdoutConfig(StageConfig, frozen=True, kw_only=True):
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        check_encoding(self.encoding)


class Stdout(Stage[StdoutConfig]):
    """Texts follow each other with nothing between them. When nobody reads any more (``| head``), inputs end."""

    Config = StdoutConfig
    kind = Kind.OUTPUT
    number: ClassVar[int] = 1

    def __init__(self, context: StageContext, config: StdoutConfig) -> None:
        super().__init__(context, config)
        self._descriptor: Descriptor | None = None
        self._left = False
        """Whether whoever read is gone."""

    async def start(self) -> None:
        self._descriptor = Descriptor(self.number)

    async def on_events(self, events: Sequence[Event], emit: Emit) -> None:
        texts = []
        for event in events:
            try:
                texts.append(text_of(event, "let json-out or yaml-out make it one"))
            except EventError as error:
                self.context.error(error)
        if self._left:
            return
        assert self._descriptor is not None
        data = "".join(texts).encode(self.config.encoding, "replace")
        try:
            await self._descriptor.write(data)
        except BrokenPipeError:
            self._left = True
            self.context.log.info("%s: nobody reads any more", self.context.name)
            self.context.stopping.set()
        except OSError as error:
            self.context.error(EventError(f"standard output: {error.strerror}", name="OSError"))
        else:
            self.context.count(bytes_out=len(data))

    async def stop(self) -> None:
        if self._descriptor is not None:
            self._descriptor.close()
            self._descriptor = None
