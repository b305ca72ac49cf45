"""Files below a folder of this machine, opened so that nothing leads out of it.

Links are not followed, wherever they lead. Must not know requests.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final, Self

from runner.assets.conditions import Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.assets.paths import Candidate

_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
# Opening a pipe must not wait for who writes to it.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class OpenFile:
    """A regular file that is open for reading. All of it blocks."""

    def __init__(self, descriptor: int, candidate: Candidate, status: os.stat_result) -> None:
        self._descriptor = descriptor
        self.candidate = candidate
        etag = f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'
        self.version = Version(status.st_size, etag, int(status.st_mtime))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self, start: int, size: int) -> bytes:
        """Return what there is of ``size`` bytes; less only at the end."""
        return os.pread(self._descriptor, size, start)


def open_first(folder: str, candidates: Iterable[Candidate]) -> OpenFile | None:
    """Open the first candidate that is a regular file below the folder."""
    for candidate in candidates:
        try:
            descriptor = _open_below(folder, candidate.name.split("/"))
        except (OSError, ValueError):
            continue  # not there, a link, a folder, not ours to read, or too long a name
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            return OpenFile(descriptor, candidate, status)
        os.close(descriptor)
    return None


def _open_below(folder: str, parts: list[str]) -> int:
    here = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            above, here = here, os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
            os.close(above)
        return os.open(parts[-1], _FILE, dir_fd=here)
    finally:
        os.close(here)
