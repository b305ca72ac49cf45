"""Which route of a project has a path. The rules are the database's; what is plain is decided here, the rest there.

Patterns are tenants' and paths are clients': nothing here may take longer than a few look-ups, whatever they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from runner.store.lookup import RouteRow

_PAGE: Final = ".html"


class Routes:
    """The routes of one project, handed over in the order in which they are tried."""

    def __init__(self, project: UUID, rows: Iterable[RouteRow]) -> None:
        self.project = project
        self._exact: dict[str, RouteRow] = {}
        self._prefixes: dict[str, RouteRow] = {}
        self.plain = True
        """False: there are patterns that only the database understands."""
        for row in rows:
            prefix = _prefix_of(row.pattern)
            if "*" not in row.pattern:
                self._exact[row.pattern] = row
            elif prefix is not None:
                self._prefixes.setdefault(prefix, row)
            else:
                self.plain = False
        self._lengths = sorted({len(prefix) for prefix in self._prefixes}, reverse=True)

    def exact(self, path: str) -> RouteRow | None:
        """Return the route of this very path, or of the page that the path is the file of: nothing comes before them."""
        row = self._exact.get(path)
        if row is None and path.endswith(_PAGE):
            row = self._exact.get(path.removesuffix(_PAGE))
        return row

    def longest_prefix(self, path: str) -> RouteRow | None:
        """Return the route whose pattern says the most of the path's beginning; right only when ``plain``."""
        for length in self._lengths:
            if (row := self._prefixes.get(path[:length])) is not None:
                return row
        return None


def _prefix_of(pattern: str) -> str | None:
    """Return what paths begin with, of a pattern that says no more than that."""
    if pattern.endswith("**"):
        prefix = pattern[:-2]
    elif pattern.endswith("/*"):
        prefix = pattern[:-1]
    else:
        return None
    return None if "*" in prefix else prefix
