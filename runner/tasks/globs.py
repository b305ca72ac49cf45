"""Type filters: ``email:*`` as the database matches it.

Must not know tasks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPECIAL: Final = re.compile(r"[*?%_\\]")
_LIKE: Final = {"*": "%", "?": "_"}


def like_pattern(glob: str) -> str:
    """Return a glob (``*`` any text, ``?`` one character) as a pattern of ``LIKE``."""
    return _SPECIAL.sub(lambda match: _LIKE.get(match[0], "\\" + match[0]), glob)


def like_patterns(globs: Iterable[str]) -> list[str] | None:
    """Return the patterns; None, for whatever type and none, when there are no globs."""
    return [like_pattern(glob) for glob in globs] or None
