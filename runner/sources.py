"""Workers as files: which there are in a folder, and what belongs to each.

A worker is ``NAME.js`` or ``NAME.ts`` (with the files it imports) or a folder with ``index.js``, ``index.ts`` or ``worker.toml`` (with all its
source files). Must not know what becomes of the sources.
"""

from __future__ import annotations

import os
import posixpath
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from runner.errors import DeploymentError
from runner.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SCRIPT_SUFFIXES: Final = (".js", ".mjs", ".ts", ".mts")
_SOURCE_SUFFIXES: Final = frozenset({*SCRIPT_SUFFIXES, ".json"})
_INDEXES: Final = ("index.js", "index.mjs", "index.ts", "index.mts")
_GUESSES: Final = ("", *SCRIPT_SUFFIXES, *(f"/{index}" for index in _INDEXES))
_TYPESCRIPT_OF: Final = {".js": ".ts", ".mjs": ".mts"}
WORKER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_NOT_OURS: Final = frozenset({"node_modules", "__pycache__"})
_MAX_FILES: Final = 2000
_MAX_BYTES: Final = 64 << 20
# `from "./x"`, `import "./x"`, `import("./x")`: also in comments, where a file too much does no harm.
_IMPORT: Final = re.compile(r"""\b(?:from|import)\s*\(?\s*(["'])(\.{1,2}/[^"'\n]+)\1""")


class Source(msgspec.Struct, frozen=True):
    """A worker's files as they are on disk."""

    name: str
    main: str
    """Path of the entry, relative to the root."""
    files: dict[str, str]
    """Texts by path relative to the root, ``/`` between parts."""
    manifest: Manifest


def find_workers(paths: Iterable[Path]) -> dict[str, Path]:
    """Return the workers in ``paths`` by name; a path may also be a worker itself.

    Raises
    ------
    DeploymentError
        A path is not there, or two workers have the same name.

    """
    found: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise DeploymentError(f"there is no {path}")
        if not path.is_dir() and not _is_worker(path):
            raise DeploymentError(
                f"{path} is neither a folder nor a script ({', '.join(SCRIPT_SUFFIXES)})"
            )
        for worker in [path] if _is_worker(path) else sorted(path.iterdir()):
            if not _is_worker(worker):
                continue
            name = worker_name(worker)
            if name in found and found[name].resolve() != worker.resolve():
                raise DeploymentError(
                    f"two workers are named {name!r}: {found[name]} and {worker}; rename one"
                )
            found[name] = worker
    return found


def worker_name(path: Path) -> str:
    """Return a worker's name: its manifest's, else its file's or folder's.

    Raises
    ------
    DeploymentError
        That is no name, or the manifest can not be read.

    """
    manifest = read_manifest(path) if path.is_dir() else Manifest()
    name = manifest.name or (path.resolve().name if path.is_dir() else path.stem)
    if not WORKER_NAME.fullmatch(name):
        raise DeploymentError(
            f"{path}: {name!r} is no name for a worker; letters, digits, '-', '_' and '.' are allowed"
        )
    return name


def read_source(path: Path, read: Callable[[Path], str] | None = None) -> Source:
    """Read a worker. ``read(path)``: how a file of it is read, if not as any other.

    Raises
    ------
    DeploymentError
        It can not be read.

    """
    name = worker_name(path)
    if not path.is_dir():
        return Source(name, path.name, reachable(path.parent, [path.name], read), Manifest())
    manifest = read_manifest(path)
    main = manifest.main or next((index for index in _INDEXES if (path / index).is_file()), "")
    if not main or not (path / main).is_file():
        raise DeploymentError(f"{path} has no {main or ' or '.join(_INDEXES)}")
    main = posixpath.normpath(main)
    return Source(
        name, main, reachable(path, [main, *_all_files(path, _static(manifest))], read), manifest
    )


def read_manifest(folder: Path) -> Manifest:
    """Return a folder's ``worker.toml``; an empty one when there is none.

    Raises
    ------
    DeploymentError
        It is no TOML, or a key has a value of the wrong kind.

    """
    path = folder / "worker.toml"
    if not path.is_file():
        return Manifest()
    try:
        with path.open("rb") as file:
            return msgspec.convert(tomllib.load(file), Manifest)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise DeploymentError(f"{path}: {error}") from error


def files_of(path: Path) -> Iterator[Path]:
    """Yield the files whose change makes another deployment of a worker."""
    if path.is_dir():
        yield path / "worker.toml"
        yield from (path / name for name in _all_files(path))
    else:
        yield from (path.parent / name for name in reachable(path.parent, [path.name]))


def _is_worker(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return any((path / name).is_file() for name in (*_INDEXES, "worker.toml"))
    return path.is_file() and path.suffix in SCRIPT_SUFFIXES and not path.name.endswith(".d.ts")


def _static(manifest: Manifest) -> str:
    """Return the folder whose scripts are for browsers; what the worker imports of it, it has all the same."""
    assets = manifest.assets
    return posixpath.normpath(assets.folder) if assets is not None and assets.folder else ""


def _all_files(root: Path, but: str = "") -> Iterator[str]:
    for folder, subfolders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".")
            and name not in _NOT_OURS
            and (here / name).as_posix() != but
        )
        for name in sorted(names):
            path = Path(folder, name)
            if (
                path.suffix in _SOURCE_SUFFIXES
                and not name.startswith(".")
                and not name.endswith(".d.ts")
            ):
                yield path.relative_to(root).as_posix()


def reachable(
    root: Path, names: Iterable[str], read: Callable[[Path], str] | None = None
) -> dict[str, str]:
    """Read the named files and whatever they import, as far as it is under ``root``; see :func:`read_source`."""
    read = read or _read
    files: dict[str, str] = {}
    waiting = list(names)
    size = 0
    while waiting:
        name = waiting.pop()
        if name in files:
            continue
        text = read(root / name)
        size += len(text)
        if len(files) >= _MAX_FILES or size > _MAX_BYTES:
            raise DeploymentError(
                f"{root} is too large for a worker: more than {_MAX_FILES} files or {_MAX_BYTES >> 20} MiB"
            )
        files[name] = text
        if not name.endswith(".json"):
            waiting += _imports(root, name, text)
    return files


def _imports(root: Path, name: str, text: str) -> Iterator[str]:
    for match in _IMPORT.finditer(text):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))
        if target.startswith("../"):
            continue
        stem, suffix = posixpath.splitext(target)
        candidates = [target + guess for guess in _GUESSES]
        if suffix in _TYPESCRIPT_OF:
            candidates.append(stem + _TYPESCRIPT_OF[suffix])
        for candidate in candidates:
            if (root / candidate).is_file():
                yield candidate
                break


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DeploymentError(f"can not read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DeploymentError(f"{path} is no UTF-8 text") from error
