"""Names of objects below a binding's prefix: whatever a worker says, it stays below.

Must not know requests. A key is encoded once on its way out, so an encoded ``..`` is only a name to S3; yet servers and
proxies in front of them are known to decode and to normalise, so it is refused in every spelling.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

from runner.errors import OpError

_MAX_KEY_BYTES: Final = 1024
_MAX_LAYERS: Final = 10
"""Of percent encoding; what is wrapped in more is refused."""


class KeySpace:
    """What begins with ``prefix`` in a bucket; an empty prefix is the whole bucket."""

    def __init__(self, prefix: str) -> None:
        prefix = _normal(prefix).strip("/")
        self.prefix = f"{prefix}/" if prefix else ""

    def full(self, key: str) -> str:
        """Return the name in the bucket of a worker's key.

        Raises
        ------
        OpError
            There is no such name: it is empty, too long, or leads elsewhere.

        """
        name = _normal(key)
        if not name:
            raise OpError("TypeError", "Invalid key: it is empty")
        return self._bounded(name)

    def full_prefix(self, prefix: str) -> str:
        """Return the prefix in the bucket of a worker's, which may be empty."""
        return self._bounded(_normal(prefix))

    def own(self, name: str) -> str | None:
        """Return the worker's key for a name in the bucket; ``None`` for what is not below the prefix."""
        return name[len(self.prefix) :] if name.startswith(self.prefix) else None

    def _bounded(self, name: str) -> str:
        whole = self.prefix + name
        if len(whole.encode()) > _MAX_KEY_BYTES:
            raise OpError("TypeError", f"Invalid key: it is longer than {_MAX_KEY_BYTES} bytes")
        return whole


def _normal(key: str) -> str:
    """Return a key without leading slashes, empty and ``.`` segments, as the original stores it."""
    _refuse_traversal(key)
    segments = [part for part in key.split("/") if part not in {"", "."}]
    normal = "/".join(segments)
    return f"{normal}/" if segments and key.endswith("/") else normal


def _refuse_traversal(key: str) -> None:
    try:
        raw = key.encode()
    except UnicodeEncodeError:
        raise OpError("TypeError", "Invalid key: it is not well-formed text") from None
    if any(byte < 0x20 or byte == 0x7F for byte in raw):
        raise OpError("TypeError", "Invalid key: control characters are not allowed")
    for _ in range(_MAX_LAYERS):
        segments = raw.replace(b"\\", b"/").split(b"/")
        if b".." in segments:
            raise OpError("TypeError", "Invalid key: directory traversal not allowed")
        if b"\0" in raw:
            raise OpError("TypeError", "Invalid key: control characters are not allowed")
        decoded = unquote_to_bytes(raw)
        if decoded == raw:
            return
        raw = decoded
    raise OpError("TypeError", "Invalid key: it is encoded too often")
