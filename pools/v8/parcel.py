"""What isolates are born with, as one piece of bytes: V8's startup snapshot, and the scripts that did not go into it.

Those scripts are tables, mostly (names of hosts in other alphabets, encodings older than UTF-8). In the snapshot each isolate
would hold them; here a process holds them once, and a context that needs one asks for it by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pools.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Parcel(NamedTuple):
    """A snapshot with its scripts."""

    blob: bytes
    scripts: Mapping[str, bytes]
    """UTF-8 by name, see ``source`` in docs/boundary.md."""


def pack(parcel: Parcel) -> bytes:
    """Return the parcel as bytes."""
    return msgspec.msgpack.encode((parcel.blob, dict(parcel.scripts)))


def unpack(data: bytes) -> Parcel:
    """Read what :func:`pack` made.

    Raises
    ------
    EngineError
        It is something else.

    """
    try:
        blob, scripts = msgspec.msgpack.decode(data, type=tuple[bytes, dict[str, bytes]])
    except msgspec.DecodeError as error:
        raise EngineError(f"The V8 snapshot is damaged: {error}") from None
    return Parcel(blob, scripts)
