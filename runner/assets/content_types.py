"""Content types by a file's name; the machine's own tables do not count.

Must not know files.
"""

from __future__ import annotations

from mimetypes import MimeTypes
from typing import Final

UNKNOWN: Final = "application/octet-stream"

# What Python's table lacks, or has otherwise in some versions.
_MORE: Final = {
    ".avif": "image/avif",
    ".gz": "application/gzip",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
_ALSO_TEXT: Final = frozenset({"application/json", "application/manifest+json", "application/xml", "image/svg+xml"})  # fmt: skip


class ContentTypes:
    """The table."""

    def __init__(self) -> None:
        known = MimeTypes()
        self._types = {**known.types_map[False], **known.types_map[True], **_MORE}

    def of(self, name: str) -> str:
        """Return the type for a file's name, with the charset of text."""
        stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
        kind = self._types.get(f".{suffix.lower()}", UNKNOWN) if stem and dot else UNKNOWN
        is_text = kind.startswith("text/") or kind in _ALSO_TEXT
        return f"{kind}; charset=utf-8" if is_text else kind
