"""Scripts below one folder: what a task may name, and its text.

Whoever writes tasks need not be who writes the folder: no name leads out of it. Must not know what becomes of the text.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from runner.errors import DeploymentError
from runner.executor.errors import RootError, ScriptRefusedError
from runner.manifest import Manifest
from runner.sources import SCRIPT_SUFFIXES, WORKER_NAME, Source, reachable, read_source

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_BYTES: Final = 16 << 20
_SHOWN: Final = 200

_FileStamp = tuple[str, int, int, int]
Stamp = tuple[_FileStamp, ...]
"""Files by path, with what changes when they do: number, size, time."""


class Script(NamedTuple):
    """A program's files, and how to see that they are still those."""

    source: Source
    stamp: Stamp


class ScriptFolder:
    """``--root``.

    Raises
    ------
    RootError
        There is no such folder.

    """

    def __init__(self, root: Path) -> None:
        try:
            self.root = root.resolve(strict=True)
            if not self.root.is_dir():
                raise NotADirectoryError(20, "Not a directory")
            os.scandir(self.root).close()
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise RootError(str(root), reason) from None
        self._below = f"{self.root}{os.sep}" if self.root != Path("/") else "/"

    def script(self, name: str) -> Script:
        """Read a script by its path below the folder, with what it imports.

        Raises
        ------
        ScriptRefusedError
            It is not there, or the path leads elsewhere.

        """
        path = _checked(name)
        stamps: list[_FileStamp] = []
        try:
            files = reachable(self.root, [path], lambda file: self._read(file, stamps))
        except DeploymentError as error:
            raise ScriptRefusedError(f"{error}") from None
        return Script(Source(path, path, files, Manifest()), tuple(stamps))

    def worker(self, name: str) -> Script:
        """Read a worker as ``isolane dev`` finds them: a folder ``NAME/``, else ``NAME.js`` or ``NAME.ts``.

        Raises
        ------
        ScriptRefusedError
            It is not there, or is none.

        """
        if not WORKER_NAME.fullmatch(name):
            raise ScriptRefusedError(f"{name[:_SHOWN]!r} is no name of a worker")
        folder = self.root / name
        if folder.is_dir():
            if not os.path.realpath(folder).startswith(self._below):
                raise _escape(name)
            manifest = [f"{name}/worker.toml"] if (folder / "worker.toml").is_file() else []
            stamps = list(self._stamp(manifest))
            try:
                source = read_source(folder, lambda file: self._read(file, stamps))
            except DeploymentError as error:
                raise ScriptRefusedError(f"{error}") from None
            return Script(source, tuple(stamps))
        for suffix in SCRIPT_SUFFIXES:
            if (self.root / f"{name}{suffix}").is_file():
                return self.script(f"{name}{suffix}")
        raise ScriptRefusedError(f"there is no worker {name!r} below the root directory")

    def unchanged(self, stamp: Stamp) -> bool:
        try:
            return self._stamp(path for path, *_ in stamp) == stamp
        except ScriptRefusedError:
            return False

    def _stamp(self, paths: Iterable[str]) -> Stamp:
        stamps = []
        for path in paths:
            try:
                stamps.append(_stamp_of(path, (self.root / path).stat()))
            except (OSError, ValueError) as error:
                raise _missing(path, error) from None
        return tuple(stamps)

    def _find(self, path: str) -> str:
        """Return where a path below the folder leads, all links followed."""
        try:
            real = os.path.realpath(self.root / path, strict=True)
        except (OSError, ValueError) as error:
            raise _missing(path, error) from None
        if not real.startswith(self._below):
            raise _escape(path)
        return real

    def _read(self, file: Path, stamps: list[_FileStamp]) -> str:
        """Read what was judged: a link that is changed meanwhile leads nowhere else."""
        path = os.path.relpath(file, self.root)
        real = self._find(path)
        try:
            # What is no file may wait for somebody to write into it.
            handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise ScriptRefusedError(
                f"Failed to read script '{path[:_SHOWN]}': {error.strerror}"
            ) from None
        try:
            self._judge(path, handle)
            found = os.fstat(handle)
            data = _contents(handle)
        finally:
            os.close(handle)
        stamps.append(_stamp_of(path, found))
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ScriptRefusedError(
                f"Failed to read script '{path[:_SHOWN]}': it is no UTF-8 text"
            ) from None

    def _judge(self, path: str, handle: int) -> None:
        """Refuse what was opened if it is no script of this folder."""
        if not str(Path(f"/proc/self/fd/{handle}").readlink()).startswith(self._below):
            raise _escape(path)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ScriptRefusedError(f"Script not found: '{path[:_SHOWN]}' (it is no file)")
        if found.st_size > _MAX_BYTES:
            raise ScriptRefusedError(
                f"Failed to read script '{path[:_SHOWN]}': it has more than {_MAX_BYTES >> 20} MiB"
            )


def _contents(handle: int) -> bytes:
    with os.fdopen(handle, "rb", closefd=False) as file:
        return file.read(_MAX_BYTES)


def _checked(name: str) -> str:
    """Return a path without ``.`` and double slashes.

    Only this notation counts: ``%2e%2e`` and a backslash are characters of a file's name.
    """
    if not name or "\0" in name or not name.isprintable():
        raise ScriptRefusedError(f"{name[:_SHOWN]!r} is no path of a script")
    path = PurePosixPath(name)
    if path.is_absolute():
        raise ScriptRefusedError(f"Absolute paths are not allowed: '{name[:_SHOWN]}'")
    if ".." in path.parts:
        raise ScriptRefusedError(f"Path traversal not allowed: '{name[:_SHOWN]}'")
    return str(path)


def _stamp_of(path: str, found: os.stat_result) -> _FileStamp:
    return path, found.st_ino, found.st_size, found.st_mtime_ns


def _missing(path: str, error: Exception) -> ScriptRefusedError:
    reason = getattr(error, "strerror", None) or str(error)
    return ScriptRefusedError(f"Script not found: '{path[:_SHOWN]}' ({reason})")


def _escape(path: str) -> ScriptRefusedError:
    return ScriptRefusedError(f"Script path escapes root directory: '{path[:_SHOWN]}'")
