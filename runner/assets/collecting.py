"""The static files of a worker in its folder, as a deployment takes them along. All of it blocks."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from runner.assets.files import open_first
from runner.assets.listing import MAX_FILES, check_listing
from runner.assets.paths import Candidate, is_hidden
from runner.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runner.assets.files import OpenFile
    from runner.manifest import Manifest

_READ_BYTES: Final = 256 << 10


class LocalFile(NamedTuple):
    """A file as it was when it was read."""

    hash: str
    """SHA-256 in hexadecimal digits."""
    size: int


def asset_folder(manifest: Manifest, path: Path) -> Path | None:
    """Return the folder that a worker's manifest names, which is below the worker's own (``path``).

    Raises
    ------
    DeploymentError
        It is not, or not there.

    """
    assets = manifest.assets
    if assets is None or not assets.folder:
        return None
    root = path.resolve()
    folder = (root / assets.folder).resolve()
    if not folder.is_dir() or root not in folder.parents:
        raise DeploymentError(f"[assets] folder = {assets.folder!r} is no folder in {path}")
    return folder


def collect(folder: Path) -> dict[str, LocalFile]:
    """Return all files below a folder by path, but hidden ones, which are never served.

    Raises
    ------
    DeploymentError
        One is a link, can not be read, or is more than a deployment may have.

    """
    sizes: dict[str, int] = {}
    for path, size in _found(folder, ""):
        sizes[path] = size
        if len(sizes) > MAX_FILES:
            break
    check_listing(sizes)
    return {path: _read(folder, path) for path in sorted(sizes)}


def content_of(folder: Path, path: str, size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes of a file.

    Raises
    ------
    DeploymentError
        It can not be read, or has become shorter.

    """
    with _opened(folder, path) as file:
        start = 0
        while start < size:
            chunk = file.read(start, min(_READ_BYTES, size - start))
            if not chunk:
                raise DeploymentError(f"{folder / path} changed while it was read")
            start += len(chunk)
            yield chunk


def _found(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                path = f"{prefix}{entry.name}"
                if entry.is_symlink():
                    raise DeploymentError(
                        f"{entry.path} is a link: files are not taken from elsewhere; put the file itself there"
                    )
                if entry.is_dir(follow_symlinks=False):
                    yield from _found(folder / entry.name, f"{path}/")
                elif entry.is_file(follow_symlinks=False):
                    yield path, entry.stat(follow_symlinks=False).st_size
                else:
                    raise DeploymentError(f"{entry.path} is no regular file")
    except OSError as error:
        raise DeploymentError(f"can not read {folder}: {error.strerror}") from error


def _read(folder: Path, path: str) -> LocalFile:
    with _opened(folder, path) as file:
        size = file.version.size
    digest = hashlib.sha256()
    for chunk in content_of(folder, path, size):
        digest.update(chunk)
    return LocalFile(digest.hexdigest(), size)


def _opened(folder: Path, path: str) -> OpenFile:
    file = open_first(str(folder), [Candidate(path)])
    if file is None:
        raise DeploymentError(f"can not read {folder / path}")
    return file
