"""From a URL's path to the names of files it may mean.

A name is what stands below the root, with ``/`` between its parts; nothing here can lead out of it. Must not know where files are.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

_INDEX: Final = "index.html"
_MAX_BYTES: Final = 1024
_MAX_LAYERS: Final = 10
"""Of percent encoding: a name in more of them is none."""
# The one hidden folder that is meant to be seen: RFC 8615.
_WELL_KNOWN: Final = ".well-known"


class Candidate(NamedTuple):
    """A file that a path may mean."""

    name: str
    redirects: bool = False
    """The path lacks the slash of the folder whose index this is: relative links would lead elsewhere."""


def candidates(path: str) -> list[Candidate]:
    """Return the files that a path may mean, the first that exists is it.

    ``/a/`` is the folder's ``index.html``; ``/a`` the file, else ``a.html``, else it should have been ``/a/``. None for what
    no file is served for: hidden names, and parts that are more than a name once decoded.
    """
    name = _name(path)
    if name is None:
        return []
    if name == "" or name.endswith("/"):
        return [Candidate(f"{name}{_INDEX}")]
    return [
        Candidate(name),
        Candidate(f"{name}.html"),
        Candidate(f"{name}/{_INDEX}", redirects=True),
    ]


def is_name(text: str) -> bool:
    """Tell whether a file of this name can be meant by a path."""
    try:
        return bool(text) and not text.endswith("/") and _name(quote(text)) == text
    except UnicodeEncodeError:  # names on disk need not be text
        return False


def is_hidden(part: str) -> bool:
    """Tell whether a part of a name hides what has it."""
    return part.startswith(".") and part != _WELL_KNOWN


def _name(path: str) -> str | None:
    *folders, last = path.removeprefix("/").split("/")
    parts: list[str] = []
    for encoded in [*folders, *([last] if last else [])]:
        part = _decoded(encoded)
        # Servers that files come from are known to decode once more.
        deeper = part
        for _ in range(_MAX_LAYERS):
            if deeper is None or not _is_plain(deeper):
                return None
            before, deeper = deeper, _decoded(deeper)
            if deeper == before:
                break
        else:
            return None
        assert part is not None
        parts.append(part)
    name = "/".join([*parts, ""] if parts and not last else parts)
    return name if len(name.encode()) <= _MAX_BYTES else None


def _decoded(part: str) -> str | None:
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return None


def _is_plain(part: str) -> bool:
    if not part or is_hidden(part):
        return False
    return not any(character in "/\\\x7f" or character < " " for character in part)
