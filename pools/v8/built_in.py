"""Modules that every program can import beside its own files: what they export comes from the JavaScript core.

Such a module is an ordinary one with a line of text. What it hands out is put on its own ``import.meta``, which nobody else sees,
by the core's dispatch code ``BUILT_IN``. To add one: a row here, and in the core a chunk whose ``module`` has these names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class BuiltIn(NamedTuple):
    """One module."""

    chunk: str
    """The chunk of the core that makes what is exported."""
    names: tuple[str, ...]
    """Of the exports; all of them together are the default export."""

    @property
    def source(self) -> bytes:
        names = ", ".join(self.names)
        return f"const all = import.meta.exports; export const {{ {names} }} = all; export default all;".encode()


BUILT_IN: Final[Mapping[str, BuiltIn]] = {
    "node:async_hooks": BuiltIn("async-hooks", ("AsyncLocalStorage", "AsyncResource"))
}
