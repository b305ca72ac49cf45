"""``stdout``: writes texts to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runner.pipelines.stages.descriptors import Descriptor
from runner.pipelines.stages.text_out import TextOut, TextOutConfig

if TYPE_CHECKING:
    from runner.pipelines.stage import StageContext


class Stdout(TextOut[TextOutConfig]):
    """When nobody reads any more (``| head``), inputs end."""

    Config = TextOutConfig
    number: ClassVar[int] = 1

    def __init__(self, context: StageContext, config: TextOutConfig) -> None:
        super().__init__(context, config)
        self._descriptor: Descriptor | None = None
        self._left = False
        """Whether whoever read is gone."""

    async def start(self) -> None:
        self._descriptor = Descriptor(self.number)

    @property
    def described(self) -> str:
        return "standard output"

    async def write(self, data: bytes) -> bool:
        assert self._descriptor is not None
        if not self._left:
            try:
                await self._descriptor.write(data)
            except BrokenPipeError:
                self._left = True
                self.context.log.info("%s: nobody reads any more", self.context.name)
                self.context.stopping.set()
        return not self._left

    async def stop(self) -> None:
        if self._descriptor is not None:
            self._descriptor.close()
            self._descriptor = None
