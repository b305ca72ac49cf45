"""Which modules there are for stages, by the names of documents. A module is imported when a document names it."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.pipelines.stage import Stage

STAGES: Final[Mapping[str, str]] = {"pass": "pass_on.Pass"}
"""Class of each module's name, below ``runner.pipelines.stages``."""


def find_stage(module: str) -> type[Stage[Any]] | None:
    """Return the class of a module's name, if there is one."""
    path = STAGES.get(module)
    if path is None:
        return None
    file, _, name = path.partition(".")
    found: type[Stage[Any]] = getattr(import_module(f"runner.pipelines.stages.{file}"), name)
    return found


def guess(name: str, known: Mapping[str, object]) -> str:
    """Return ``; did you mean ...?`` if one of the known is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
