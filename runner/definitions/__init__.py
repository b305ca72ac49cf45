"""What worker code sees, as TypeScript: the global scope (the files beside this), and ``env`` by a ``worker.toml``.

Must not know V8, or what is implemented: tests/js compares it with a real execution.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.manifest import Manifest

_FOLDER: Final = Path(__file__).parent
_FILES: Final = (
    "worker",
    "bindings",
    "events",
    "streams",
    "fetch",
    "text",
    "crypto",
    "measuring",
    "wasm",
)
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


def global_scope() -> str:
    """Return the definitions of all that a worker finds without importing it."""
    return "\n".join(
        (_FOLDER / f"{name}.d.ts").read_text("utf-8").rstrip() + "\n" for name in _FILES
    )


def environment(manifest: Manifest) -> str:
    """Return the definition of ``env`` for a worker; it is merged with that of the global scope."""
    members = "".join(f"  readonly {_key(name)}: {kind};\n" for name, kind in _members(manifest))
    return f"interface Env {{\n{members}}}\n"


def _members(manifest: Manifest) -> Iterator[tuple[str, str]]:
    found = dict.fromkeys(manifest.vars, "string")
    for bindings, kind in (
        (manifest.kv, "KvNamespace"),
        (manifest.storage, "StorageBucket"),
        (manifest.databases, "Database"),
        (manifest.services, "Fetcher"),
        (manifest.tasks, "TaskQueue"),
    ):
        found |= dict.fromkeys((it.binding for it in bindings), kind)
    if manifest.assets is not None:
        found[manifest.assets.binding] = "Fetcher"
    yield from found.items()


def _key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else msgspec.json.encode(name).decode()
