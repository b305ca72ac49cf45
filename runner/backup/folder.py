"""A folder of backups on this machine.

What is being written has a name that begins with a dot, and a lock on it while its writer lives: whoever writes next deletes what has none.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from runner.backup.errors import BackupPlaceError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

_BLOCK: Final = 1 << 20
_WRITING: Final = ".part"


class BackupFolder:
    """Made when the first backup is written, for its user alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def described(self) -> str:
        return str(self._path)

    async def sizes(self) -> dict[str, int]:
        try:
            return await asyncio.to_thread(self._sizes)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._failed(error) from error

    def _sizes(self) -> dict[str, int]:
        found = {}
        for path in self._path.iterdir():
            # Another runner may delete it just now.
            with suppress(FileNotFoundError):
                if path.is_file() and not path.name.startswith("."):
                    found[path.name] = path.stat().st_size
        return found

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> None:
        """Write, flush to the disk, and only then give it its name."""
        final = self._path / name
        writing = self._path / f".{name}{_WRITING}"
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep()
            fd = _open_locked(writing)
        except OSError as error:
            raise self._failed(error) from error
        try:
            with os.fdopen(fd, "wb", buffering=0) as file:
                async for block in blocks:
                    await self._do(_write_all, file.fileno(), block)
                await self._do(os.fsync, file.fileno())
                if final.exists():
                    raise BackupPlaceError(self.described, f"there is a {name} already")
                await self._do(os.rename, writing, final)
            await self._do(_sync_folder, self._path)
        except BaseException:
            with suppress(OSError):
                writing.unlink()
            raise

    async def read(self, name: str, start: int = 0) -> AsyncGenerator[bytes]:
        try:
            with (self._path / name).open("rb", buffering=0) as file:
                file.seek(start)
                while block := await asyncio.to_thread(file.read, _BLOCK):
                    yield block
        except OSError as error:
            raise self._failed(error) from error

    async def delete(self, name: str) -> None:
        await self._do(partial((self._path / name).unlink, missing_ok=True))

    def _sweep(self) -> None:
        """Delete what writers left who were killed."""
        for path in self._path.glob(f".isolane-*{_WRITING}"):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    async def _do(self, work: Callable[..., object], *arguments: object) -> None:
        try:
            await asyncio.to_thread(work, *arguments)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> BackupPlaceError:
        return BackupPlaceError(self.described, error.strerror or str(error))


def _open_locked(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        # Another's sweep may have come between.
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)


def _write_all(fd: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
