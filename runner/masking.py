"""Secrets in texts that are kept or shown: whatever of them a worker says, ``***`` is written.

It finds secrets as they are and as quoted text has them; not what a worker made of them (encoded, cut in two).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pools.protocol import ErrorInfo
    from runner.records import Thrown

E = TypeVar("E", "ErrorInfo", "Thrown")

_MASK: Final = "***"
# How the console writes strings within objects; see quoted() in snapshot/js/src/inspect/primitives.js.
_ESCAPES: Final = {
    **{code: f"\\x{code:02X}" for code in (*range(32), 127)},
    ord("\b"): "\\b",
    ord("\t"): "\\t",
    ord("\n"): "\\n",
    ord("\f"): "\\f",
    ord("\r"): "\\r",
    ord("\\"): "\\\\",
}


def spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the texts to look for, those first that may have others in them."""
    found = {
        spelling
        for secret in secrets
        if secret
        for spelling in (
            secret,
            secret.translate(_ESCAPES),
            secret.translate({**_ESCAPES, ord("'"): "\\'"}),
            msgspec.json.encode(secret).decode()[1:-1],
        )
    }
    return tuple(sorted(found, key=lambda spelling: (-len(spelling), spelling)))


def masked(text: str, spelled: tuple[str, ...]) -> str:
    """Return the text without them."""
    for spelling in spelled:
        text = text.replace(spelling, _MASK)
    return text


def masked_error(error: E, spelled: tuple[str, ...]) -> E:
    """Return an error of which the texts are without them."""
    return msgspec.structs.replace(
        error,
        name=masked(error.name, spelled),
        message=masked(error.message, spelled),
        stack=masked(error.stack, spelled),
    )
