"""Bodies in parts: numbered, so that a gap is seen, and sent no faster than the other end takes them.

What the other end allows is told in absolute numbers of bytes: a message of it that gets lost does no harm.
Must not know which end of an exchange it is at.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from runner.errors import StreamError
from runner.nats.parts import CREDIT, NUMBER, PART, Kind
from runner.streams import ByteStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runner.nats.client import Pairs
    from runner.nats.parts import Part

    Publish = Callable[[Pairs, bytes], Awaitable[None]]

WINDOW_BYTES: Final = 256 << 10
"""How much of a body may be under way when the other end asks us."""
_CHUNK_BYTES: Final = 64 << 10
_ROOM: Final = 256
"""For the headers of a chunk."""


class BodySender:
    """Sends the parts of a body, up to ``allowed`` bytes in all until more are; None: the other end does not count.

    The caller sends part 0, a head or a request; what it carried of the body is ``sent``.
    """

    def __init__(
        self, publish: Publish, max_payload: int, allowed: int | None, sent: int = 0
    ) -> None:
        self._publish = publish
        self._chunk_bytes = min(_CHUNK_BYTES, max_payload - _ROOM)
        self._allowed = allowed
        self._sent = sent
        self._number = 0
        self._stopped = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def counted(self) -> bool:
        """Whether the other end says how much it takes."""
        return self._allowed is not None

    async def send(self, data: bytes) -> None:
        """Send data; what comes after a ``stop`` goes nowhere.

        Raises
        ------
        NatsUnavailableError
            There is no connection.

        """
        start = 0
        while start < len(data) and not self._stopped:
            size = min(self._chunk_bytes, len(data) - start)
            if self._allowed is not None:
                size = min(size, self._allowed - self._sent)
                if size <= 0:
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
                    continue
            self._sent += size
            chunk = data[start : start + size] if size < len(data) else data
            start += size
            await self._part(Kind.CHUNK, chunk)

    async def end(self, error: str = "") -> None:
        """Say that nothing follows, and whether that was all.

        Raises
        ------
        NatsUnavailableError
            There is no connection.

        """
        if not self._stopped:
            await self._part(Kind.ERROR if error else Kind.END, error.encode())

    def allow(self, total: int) -> None:
        """The other end takes this many bytes in all."""
        if self._allowed is not None and total > self._allowed:
            self._allowed = total
            self._wake()

    def stop(self) -> None:
        """The other end takes no more."""
        self._stopped = True
        self._wake()

    async def _part(self, kind: Kind, data: bytes) -> None:
        self._number += 1
        await self._publish([(PART, kind), (NUMBER, f"{self._number}")], data)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class BodyReceiver:
    """Takes the parts of a body, and gives them to one reader. ``received`` bytes came with part 0."""

    def __init__(self, publish: Publish, received: int = 0, window: int = WINDOW_BYTES) -> None:
        self._publish = publish
        self._stream = ByteStream(lambda _: None, lambda _: None)
        self._window = window
        self._number = 0
        self._received = received
        self._taken = received
        self.allowed = received + window
        """Bytes that the other end may send in all."""

    def take(self, part: Part) -> None:
        """Take a part that came; a gap, or more than was allowed, ends the body with an error."""
        if self._stream.finished:
            return
        self._number += 1
        self._received += len(part.data) if part.kind is Kind.CHUNK else 0
        if part.number != self._number:
            self.fail("a part of the body was lost")
        elif self._received > self.allowed:
            self.fail("the body came faster than it was taken")
        elif part.kind is Kind.CHUNK:
            self._stream.push(part.data)
        elif part.kind is Kind.END:
            self._stream.finish()
        else:
            self.fail(part.data.decode(errors="replace"))

    def fail(self, reason: str) -> None:
        """Nothing follows, and it was not all."""
        self._stream.finish(StreamError("NetworkError", reason))

    async def read(self) -> bytes | None:
        """Return the next piece, or None at the end.

        Raises
        ------
        StreamError
            It was not all.
        NatsUnavailableError
            There is no connection.

        """
        if self._taken + self._window - self.allowed >= self._window // 2:
            await self.grant()
        chunk = await self._stream.read()
        if chunk is not None:
            self._taken += len(chunk)
        return chunk

    def cancel(self, reason: str) -> None:
        """The reader wants no more; what still comes goes nowhere."""
        self._stream.cancel(reason)

    async def grant(self) -> None:
        """Tell the other end how much it may send.

        Raises
        ------
        NatsUnavailableError
            There is no connection.

        """
        if not self._stream.finished:
            self.allowed = self._taken + self._window
            await self._publish([(PART, Kind.CREDIT), (CREDIT, f"{self.allowed}")], b"")
