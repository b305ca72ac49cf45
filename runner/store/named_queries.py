"""SQL by name: the files in ``queries/``, each with sections that start with ``-- name: NAME``.

Must not know what the queries are for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = Path(__file__).with_name("queries")
_HEADING: Final = re.compile(r"^-- name: *([a-z][a-z0-9_]*) *$", re.MULTILINE)


def load_queries(*topics: str, folder: Path = FOLDER) -> Mapping[str, str]:
    """Return the statements in ``TOPIC.sql`` for each topic, by name. Parameters are ``%(name)s``.

    Raises
    ------
    ValueError
        Two statements have one name, or text stands before the first name.

    """
    queries: dict[str, str] = {}
    for topic in topics:
        path = folder / f"{topic}.sql"
        before, *parts = _HEADING.split(path.read_text(encoding="utf-8"))
        if any(line and not line.startswith("--") for line in before.splitlines()):
            raise ValueError(f"{path}: text before the first '-- name:'")
        for name, statement in zip(parts[::2], parts[1::2], strict=True):
            if name in queries:
                raise ValueError(f"{path}: there are two statements named {name}")
            queries[name] = statement.strip().removesuffix(";")
    return queries
