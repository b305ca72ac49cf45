"""Sources of deployments, and the same as strings of an isolate.

The strings are kept, so that V8's own compilation cache finds them by identity in the next context; across isolates
and hosts V8's code caches do the same by content.
"""

from __future__ import annotations

import ctypes as c
import posixpath
from typing import TYPE_CHECKING, Final

from pools.v8 import abi as v8
from pools.v8.built_in import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pools.v8.isolate import Isolate

_MAX_DEPLOYMENTS_PER_ISOLATE: Final = 16
_EXTENSIONS: Final = ("", ".js", ".mjs", ".ts", "/index.js", "/index.ts")
_TYPESCRIPT_OF: Final = {".js": ".ts", ".mjs": ".mts"}


class Program:
    """The files of a deployment as V8 needs them, shared by all isolates of a host.

    Parameters
    ----------
    key
        Identity of the deployment.
    main
        Path of the entry module.
    files
        Sources by path, ``/`` between parts.
    caches
        V8 code caches by path.

    """

    def __init__(
        self, key: str, main: str, files: Mapping[str, str], caches: Mapping[str, bytes]
    ) -> None:
        self.key = key
        self.main = main
        self.files = {path: _module_source(path, source) for path, source in files.items()}
        self.caches = dict(caches)
        self.caches_made = self.caches.keys() >= self.files.keys()

    def resolve(self, specifier: str, referrer: str) -> str | None:
        """Return the path of the file that ``specifier`` means in ``referrer``, None when there is none.

        A built-in module's name is its path.
        """
        if specifier in BUILT_IN:
            return specifier
        if specifier.startswith(("./", "../")):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(referrer), specifier))
        elif specifier.startswith("/"):
            path = posixpath.normpath(specifier).lstrip("/")
        elif specifier.startswith("file:///"):
            path = posixpath.normpath(specifier.removeprefix("file:///"))
        else:
            return None
        for extension in _EXTENSIONS:
            if path + extension in self.files:
                return path + extension
        stem, suffix = posixpath.splitext(path)
        typescript = stem + _TYPESCRIPT_OF.get(suffix, suffix)
        return typescript if typescript in self.files else None

    def source(self, path: str) -> bytes:
        """Return the text of a module by its path."""
        built_in = BUILT_IN.get(path)
        return self.files[path] if built_in is None else built_in.source


def _module_source(path: str, source: str) -> bytes:
    if path.endswith(".json"):
        # JSON is a subset of JavaScript's expressions.
        source = f"export default {source}"
    return source.encode()


class PreparedSource:
    """A file's source in one isolate, with the code cache for it."""

    __slots__ = ("_buffer", "address", "cached_data", "path", "small", "source")

    def __init__(self, isolate: Isolate, path: str, text: bytes, cache: bytes | None) -> None:
        self.path = path
        self.small = len(text) < v8.QUICK_BYTES
        self.source = v8.Source(
            source_string=isolate.keep(isolate.string(text)),
            resource_name=isolate.keep(isolate.string(path.encode())),
            resource_options=v8.ORIGIN_MODULE,
        )
        self.address = c.addressof(self.source)
        self.cached_data: v8.CachedData | None = None
        self._buffer: c.Array[c.c_char] | None = None
        if cache:
            self._buffer = c.create_string_buffer(cache, len(cache))
            self.cached_data = v8.CachedData()
            isolate.abi.cached_data_init(
                c.addressof(self.cached_data), c.addressof(self._buffer), len(cache), 0
            )
            self.source.cached_data = c.addressof(self.cached_data)

    def release(self, isolate: Isolate) -> None:
        """Free the strings."""
        isolate.drop(self.source.source_string)
        isolate.drop(self.source.resource_name)


class SourceShelf:
    """The prepared sources of one isolate: those of the deployments that it ran last."""

    def __init__(self, isolate: Isolate) -> None:
        self._isolate = isolate
        self._by_program: dict[str, dict[str, PreparedSource]] = {}

    def get(self, program: Program, path: str) -> PreparedSource:
        """Return a file's prepared source; the isolate must be entered."""
        sources = self._by_program.pop(program.key, None)
        if sources is None:
            sources = {}
            if len(self._by_program) >= _MAX_DEPLOYMENTS_PER_ISOLATE:
                oldest = next(iter(self._by_program))
                for source in self._by_program.pop(oldest).values():
                    source.release(self._isolate)
        self._by_program[program.key] = sources  # last in the order of use
        prepared = sources.get(path)
        if prepared is None:
            prepared = PreparedSource(
                self._isolate, path, program.source(path), program.caches.get(path)
            )
            sources[path] = prepared
        return prepared
