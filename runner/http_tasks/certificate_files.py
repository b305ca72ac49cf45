"""What a task's certificate or key says: a file below one folder, an upload, or the content itself as base64.

A path that leads out of the folder is not even looked for. Must not know what is in them, nor who asks.
"""

from __future__ import annotations

import binascii
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UPLOAD: Final = "upload:"
MAX_FILE_BYTES: Final = 65_536
_LONGEST_PATH: Final = 256


class CertificateFiles:
    """``folder``: where paths lead to, none: nowhere. ``uploads``: the content of those that may be named, by id."""

    def __init__(
        self, folder: Path | None = None, uploads: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        self._folder = folder
        self._uploads = uploads

    def content(self, value: str) -> bytes | None:
        """Return the bytes that ``value`` means; None if it means nothing that is there."""
        if value.startswith(UPLOAD):
            return self._uploads.get(value.removeprefix(UPLOAD))
        found = self._in_folder(value)
        return found if found is not None else _from_base64(value)

    def _in_folder(self, value: str) -> bytes | None:
        if self._folder is None or len(value) > _LONGEST_PATH or "\0" in value:
            return None
        folder = self._folder.resolve()
        wanted = self._folder.joinpath(value)
        if ".." in wanted.parts or not wanted.is_relative_to(self._folder):
            return None
        try:
            file = wanted.resolve(strict=True)  # a link may lead out
            if not (file.is_relative_to(folder) and file.is_file()):
                return None
            with file.open("rb") as opened:
                content = opened.read(MAX_FILE_BYTES + 1)
        except (OSError, RuntimeError):
            return None
        return content if len(content) <= MAX_FILE_BYTES else None


def _from_base64(value: str) -> bytes | None:
    try:
        return binascii.a2b_base64(value, strict_mode=True) or None
    except ValueError:
        return None
