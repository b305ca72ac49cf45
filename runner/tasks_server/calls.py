"""One request to the tasks server as its handlers see it, and what they answer. Must not know HTTP servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias

    from runner.tasks_server.owners import Owner

    Handler: TypeAlias = Callable[["Call"], Awaitable["Answer"]]

MAX_BODY_BYTES: Final = 32_768


class Call(msgspec.Struct, gc=False):
    """A request that was let pass. ``name`` is what its path has at the place of ``:id`` or ``:name``."""

    name: str
    query: bytes
    """As it was sent, without ``pretty``."""
    headers: Mapping[bytes, bytes]
    client: str
    """The address of who asks."""
    body: bytes = b""
    owner: Owner | None = None
    """Who asks; None where anybody may."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """``content`` is a value that becomes JSON, or bytes that go out as text."""

    content: Any
    status: int = 200


class Route(msgspec.Struct, frozen=True):
    """What answers a method on a path. ``has_body``: a JSON body is read for it."""

    handler: Handler
    has_body: bool = False
    open: bool = False
    """For anybody, without an owner's key."""


DONE: Final = Answer({"status": "Done"})
