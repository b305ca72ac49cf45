"""Messages of a WebSocket as the core's streams carry them: a byte of kind, four of length, the content.

See ``docs/boundary.md``. Must not know sockets, streams or executions.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from runner.errors import ViolationError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_MESSAGE_BYTES: Final = 1 << 20
NO_STATUS: Final = 1005
LOST: Final = 1006
_HEAD_BYTES: Final = 5
_MAX_REASON_BYTES: Final = 123


class Kind(IntEnum):
    """What a message is."""

    TEXT = 1
    BINARY = 2
    CLOSE = 8


class Message(NamedTuple):
    """One message, or the end of all: then the content is a code and a reason, or nothing."""

    kind: Kind
    content: bytes

    @property
    def code(self) -> int:
        """Of a close; 1005 when there is none."""
        return int.from_bytes(self.content[:2]) if len(self.content) >= 2 else NO_STATUS

    @property
    def reason(self) -> str:
        return self.content[2:].decode(errors="replace")

    def encode(self) -> bytes:
        return b"%c%b%b" % (self.kind, len(self.content).to_bytes(4), self.content)


def closing(code: int, reason: str = "") -> Message:
    """Return the message that ends a socket; a reason that is too long is cut."""
    if code == NO_STATUS:
        return Message(Kind.CLOSE, b"")
    text = reason.encode(errors="replace")[:_MAX_REASON_BYTES].decode(errors="ignore").encode()
    return Message(Kind.CLOSE, code.to_bytes(2) + text)


class MessageReader:
    """Puts messages together from chunks of the core's."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Give the messages that are complete now.

        Raises
        ------
        ViolationError
            It is nothing that the core sends.

        """
        rest = self._rest
        rest += chunk
        while len(rest) >= _HEAD_BYTES:
            size = int.from_bytes(rest[1:_HEAD_BYTES])
            if size > MAX_MESSAGE_BYTES:
                raise ViolationError(f"a message of {size} bytes")
            if len(rest) < _HEAD_BYTES + size:
                return
            try:
                kind = Kind(rest[0])
            except ValueError:
                raise ViolationError(f"a message of kind {rest[0]}") from None
            content = bytes(rest[_HEAD_BYTES : _HEAD_BYTES + size])
            del rest[: _HEAD_BYTES + size]
            yield Message(kind, content)
