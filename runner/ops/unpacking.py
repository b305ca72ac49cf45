"""The body of a response on its way to JavaScript: what JavaScript reads comes without its encoding, what it passes on unread stays
as it is encoded.

Must not know where the body comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pools.protocol import STREAM_WINDOW_BYTES
from runner.errors import OpError
from runner.ops.decoding import decoded, decoder_for

if TYPE_CHECKING:
    from runner.ops.registry import OpCall
    from runner.streams import InboundStream

INLINE_BYTES: Final = STREAM_WINDOW_BYTES // 4
"""The largest body that goes in one piece."""


def resolve_whole(call: OpCall, told: dict[str, Any], body: bytes, encoding: str) -> bool:
    """Resolve the op with all of its body; false when it has to be a stream, as a large one or one whose encoding is broken."""
    plain = decoded(body, encoding, INLINE_BYTES)
    if plain is None:
        return False
    if encoding:
        call.open_body(encoding).hold(body)
    call.resolve(told | {"body": "held" if encoding else "bytes"}, plain)
    return True


class Unpacking:
    """Writes a body to a stream: without its encoding if JavaScript reads it, as it is when it is forwarded."""

    def __init__(self, stream: InboundStream) -> None:
        self._stream = stream
        self._decoder = decoder_for(stream.encoding)
        self._begun = not stream.encoding

    async def write(self, chunk: bytes) -> None:
        """Send what the chunk holds, as fast as the reader takes it.

        Raises
        ------
        OpError
            It is not encoded like that.

        """
        if not self._begun:
            await self._begin()
        if self._decoder is None:
            await self._stream.write(chunk)
            return
        for piece in self._decoder.feed(chunk):
            await self._stream.write(piece)

    async def _begin(self) -> None:
        await self._stream.begun()
        self._begun = True
        if self._stream.forwarded:
            self._decoder = None

    async def end(self) -> None:
        """Say that nothing follows.

        Raises
        ------
        OpError
            Something of the encoding should.

        """
        if not self._begun:
            await self._begin()
        if self._decoder is not None and not self._decoder.complete:
            raise OpError(
                "TypeError", "fetch failed: the response ended in the middle of its encoding"
            )
        self._stream.close()
