"""``file-in``: emits what files have, as texts."""

from __future__ import annotations

import asyncio
import glob
import stat
from typing import TYPE_CHECKING, Annotated

import msgspec

from runner.pipelines.errors import EventError, StageStartError
from runner.pipelines.stage import Kind, Stage, StageConfig
from runner.pipelines.stages.paths import check_encoding, check_path, decoder_of, place_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from runner.pipelines.stage import Emit, StageContext

Paths = Annotated[list[str], msgspec.Meta(min_length=1)]


class FileInConfig(StageConfig, frozen=True, kw_only=True, rename="camel"):
    path: str | Paths | None = None
    """Must be there when the pipeline starts."""
    globs: Paths | None = None
    """``*``, ``?``, ``[...]`` and ``**``; those that match when the pipeline starts, by name."""
    encoding: str = "utf-8"
    chunk_size: Annotated[int, msgspec.Meta(ge=1024, le=16 << 20)] = 64 << 10
    """Bytes of a text, about; it ends with a line, but for lines that are longer."""
    whole: bool = False
    """Whether each file is one text."""
    max_size: Annotated[int, msgspec.Meta(ge=1, le=1 << 30)] = 16 << 20
    """Bytes of a whole file; larger ones are reported."""

    def __post_init__(self) -> None:
        if self.path is None and self.globs is None:
            raise ValueError("path, globs or both must be given")
        for path in self.paths:
            check_path("path", path)
        for pattern in self.globs or ():
            check_path("globs", pattern)
        check_encoding(self.encoding)

    @property
    def paths(self) -> list[str]:
        return [self.path] if isinstance(self.path, str) else self.path or []


class FileIn(Stage[FileInConfig]):
    """One file after the other; then it ends."""

    Config = FileInConfig
    kind = Kind.INPUT

    def __init__(self, context: StageContext, config: FileInConfig) -> None:
        super().__init__(context, config)
        self._files: list[Path] = []

    async def start(self) -> None:
        self._files = await asyncio.to_thread(self._find)

    async def run(self, emit: Emit) -> None:
        open_line = False
        for path in self._files:
            if self.context.stopping.is_set():
                return
            try:
                with path.open("rb") as file:
                    if self.config.whole:
                        await self._emit_whole(path, file, emit)
                        continue
                    if open_line:
                        # The last line of a file and the first of the next are two.
                        await emit("\n")
                    open_line = await self._emit_pieces(file, emit)
            except OSError as error:
                self.context.error(EventError(f"{path}: {error.strerror}", name="OSError"))

    def _find(self) -> list[Path]:
        folder = self.context.folder
        found: dict[Path, None] = {}
        for text in self.config.paths:
            path = place_of(text, folder)
            if (why := _why_not(path)) is not None:
                raise StageStartError(f"{path}: {why}")
            found[path] = None
        for pattern in self.config.globs or ():
            # Path.glob takes no absolute patterns.
            matches = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207
            files = [
                path for path in (place_of(one, folder) for one in matches) if not path.is_dir()
            ]
            if not files:
                self.context.log.warning("%s: no file is like %s", self.context.name, pattern)
            for path in files:
                if (why := _why_not(path)) is not None:
                    self.context.log.warning("%s: %s: %s", self.context.name, path, why)
                else:
                    found[path] = None
        return list(found)

    async def _emit_whole(self, path: Path, file: BinaryIO, emit: Emit) -> None:
        most = self.config.max_size
        data = await asyncio.to_thread(file.read, most + 1)
        self.context.count(bytes_in=len(data))
        if len(data) > most:
            self.context.error(EventError(f"{path} has more than maxSize: {most} bytes"))
            return
        await emit(decoder_of(self.config.encoding).decode(data, final=True))

    async def _emit_pieces(self, file: BinaryIO, emit: Emit) -> bool:
        """Emit a file; return whether its last line has no end."""
        decoder = decoder_of(self.config.encoding)
        rest = ""
        open_line = False
        while not self.context.stopping.is_set():
            data = await asyncio.to_thread(file.read, self.config.chunk_size)
            self.context.count(bytes_in=len(data))
            text = rest + decoder.decode(data, final=not data)
            # A text ends with a line, but for one that is longer than a text.
            end = text.rfind("\n") + 1
            if not data or (not end and len(text) > self.config.chunk_size):
                end = len(text)
            if end:
                open_line = text[end - 1] != "\n"
                await emit(text[:end])
            rest = text[end:]
            if not data:
                break
        return open_line


def _why_not(path: Path) -> str | None:
    """Return why a file can not be read, if it can not. Pipes and devices may have no end, and nothing ends reading them."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "this is no file; stdin reads from pipes"
        with path.open("rb"):
            return None
    except OSError as error:
        return error.strerror or str(error)
