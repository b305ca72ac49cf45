"""``stdin``: emits the lines of standard input."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from runner.pipelines.errors import EventError
from runner.pipelines.stage import Kind, Stage, StageConfig
from runner.pipelines.stages.descriptors import Descriptor
from runner.pipelines.stages.paths import check_encoding, decoder_of
from runner.pipelines.texts.lines import LineSplitter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.pipelines.stage import Emit, StageContext

_READ_BYTES = 64 << 10


class StdinConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    lines: bool = True
    """Whether texts are lines, without their ends; else they end anywhere."""
    max_size: Annotated[int, msgspec.Meta(ge=1, le=16 << 20)] = 64 << 10
    """Bytes (of UTF-8) of a line; longer ones are cut, and that is reported."""
    encoding: str = "utf-8"
    stop_on_eof: bool = msgspec.field(default=True, name="stopOnEOF")
    """Whether the stage ends with its input."""

    def __post_init__(self) -> None:
        check_encoding(self.encoding)


class Stdin(Stage[StdinConfig]):
    """Reads no faster than its events are taken, so that whoever writes waits."""

    Config = StdinConfig
    kind = Kind.INPUT
    number: ClassVar[int] = 0

    def __init__(self, context: StageContext, config: StdinConfig) -> None:
        super().__init__(context, config)
        self._splitter = LineSplitter(config.max_size)

    async def run(self, emit: Emit) -> None:
        descriptor = Descriptor(self.number)
        waking = asyncio.create_task(self._end(descriptor), name="pipeline: the end of stdin")
        try:
            async for text in self._texts(descriptor):
                if self.config.lines:
                    await self._emit_lines(text, emit)
                else:
                    await emit(text)
            if self.config.lines:
                await self._emit_lines(None, emit)
            if not self.config.stop_on_eof:
                await self.context.stopping.wait()
        finally:
            waking.cancel()
            await asyncio.wait([waking])
            descriptor.close()

    async def _end(self, descriptor: Descriptor) -> None:
        await self.context.stopping.wait()
        descriptor.end()

    async def _texts(self, descriptor: Descriptor) -> AsyncIterator[str]:
        decoder = decoder_of(self.config.encoding)
        data = b"..."
        while data:
            data = await descriptor.read(_READ_BYTES)
            self.context.count(bytes_in=len(data))
            text = decoder.decode(data, final=not data)
            if text:
                yield text

    async def _emit_lines(self, text: str | None, emit: Emit) -> None:
        lines = self._splitter.finish() if text is None else self._splitter.feed(text)
        self.context.count(lines_in=len(lines))
        for line in lines:
            if line.cut:
                most = self.config.max_size
                self.context.error(
                    EventError(
                        f"a line has more than maxSize: {most} bytes, and is cut: {line.text[:60]!r}"
                    )
                )
            await emit(line.text)
