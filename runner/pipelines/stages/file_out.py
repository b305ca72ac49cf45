"""``file-out``: writes texts to a file."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from typing import TYPE_CHECKING

from runner.pipelines.errors import StageStartError
from runner.pipelines.stages.paths import check_path, place_of
from runner.pipelines.stages.text_out import TextOut, TextOutConfig

if TYPE_CHECKING:
    from io import FileIO

    from runner.pipelines.stage import Emit, StageContext


class FileOutConfig(TextOutConfig, frozen=True, kw_only=True):
    path: str
    append: bool = False
    """Whether what the file has stays; else it is emptied before the first text, or at the end if there is none."""

    def __post_init__(self) -> None:
        check_path("path", self.path)
        super().__post_init__()


class FileOut(TextOut[FileOutConfig]):
    """What was written is in the file at once, for whoever reads it."""

    Config = FileOutConfig

    def __init__(self, context: StageContext, config: FileOutConfig) -> None:
        super().__init__(context, config)
        self._path = place_of(config.path, context.folder)
        self._file: FileIO | None = None
        self._emptied = config.append

    async def start(self) -> None:
        try:
            self._file = await asyncio.to_thread(self._open)
        except OSError as error:
            raise StageStartError(f"{self._path}: {error.strerror}") from error

    @property
    def described(self) -> str:
        return str(self._path)

    async def write(self, data: bytes) -> bool:
        await asyncio.to_thread(self._write, data)
        return True

    async def on_end(self, emit: Emit) -> None:
        await asyncio.to_thread(self._empty)

    async def stop(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> FileIO:
        if self._path.is_fifo():
            raise OSError(
                errno.EINVAL, "this is a pipe, and may never have a reader; stdout writes to pipes"
            )
        # A pipeline that does not start has emptied nothing.
        return self._path.open("ab", buffering=0)

    def _empty(self) -> None:
        assert self._file is not None
        if not self._emptied:
            self._emptied = True
            if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                self._file.truncate(0)

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        self._empty()
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
