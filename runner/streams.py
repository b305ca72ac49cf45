"""Byte streams under credits, in both directions.

At most one window may be under way per stream; the receiver grants what its reader took. That is all the buffering
there is. Must not know frames, HTTP or V8.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from pools.protocol import STREAM_CHUNK_BYTES, STREAM_WINDOW_BYTES
from runner.errors import StreamError, ViolationError

if TYPE_CHECKING:
    from collections.abc import Callable

# A grant is a turn of the lane: grants are saved up to a quarter of the window.
_GRANT_BYTES: Final = STREAM_WINDOW_BYTES // 4


class ByteStream:
    """The reading end of a stream: chunks wait here until somebody takes them.

    ``taken(bytes)`` is called as the reader takes chunks, ``cancelled(reason)`` when it wants no more of an unfinished
    stream. One reader.
    """

    __slots__ = ("_cancelled", "_chunks", "_error", "_finished", "_taken", "_waiter")

    def __init__(self, taken: Callable[[int], None], cancelled: Callable[[str], None]) -> None:
        self._chunks: deque[bytes] = deque()
        self._finished = False
        self._error: StreamError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._taken = taken
        self._cancelled = cancelled

    @property
    def finished(self) -> bool:
        return self._finished

    def push(self, chunk: bytes) -> None:
        if not self._finished:
            self._chunks.append(chunk)
            self._wake()

    def finish(self, error: StreamError | None = None) -> None:
        """Nothing follows; what was pushed can still be read, then comes ``error``, if any."""
        if not self._finished:
            self._finished = True
            self._error = error
            self._wake()

    def cancel(self, reason: str) -> None:
        """The reader wants no more."""
        self._chunks.clear()
        if not self._finished:
            self._finished = True
            self._wake()
            self._cancelled(reason)

    async def read(self) -> bytes | None:
        """Return the next chunk, or ``None`` at the end.

        Raises
        ------
        StreamError
            The sender failed.

        """
        while not self._chunks:
            if self._finished:
                if self._error is not None:
                    raise self._error
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        chunk = self._chunks.popleft()
        self._taken(len(chunk))
        return chunk

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class OutboundStream(ByteStream):
    """Core → runner: what JavaScript sends, be it a response's body or a request's.

    ``grant(bytes)`` and ``stop(reason)`` go to the core.
    """

    __slots__ = ("_grant", "_received", "_saved", "_window")

    def __init__(self, grant: Callable[[int], None], stop: Callable[[str], None]) -> None:
        super().__init__(self._consumed, stop)
        self._grant = grant
        self._window = STREAM_WINDOW_BYTES
        self._saved = 0

    def receive(self, chunk: bytes) -> None:
        """Take a chunk from the core.

        Raises
        ------
        ViolationError
            The chunk is too large, or nobody granted it.

        """
        size = len(chunk)
        if size > STREAM_CHUNK_BYTES or size > self._window:
            raise ViolationError(f"a chunk of {size} bytes under a credit of {self._window}")
        self._window -= size
        self.push(chunk)

    def _consumed(self, size: int) -> None:
        self._saved += size
        if self._saved >= _GRANT_BYTES and not self._finished:
            granted, self._saved = self._saved, 0
            self._window += granted
            self._grant(granted)


class InboundStream:
    """Runner → core: what JavaScript reads, be it a request's body or a response's.

    ``send(chunk)`` hands a chunk to the core, ``end(error)`` its end. Nothing is sent before the core's first credit:
    until then JavaScript has read nothing, and the stream can be forwarded instead. JavaScript gets bytes without their
    encoding; whoever a stream is forwarded to gets them as they are, and ``encoding`` says how that is.
    """

    __slots__ = (
        "_end",
        "_error",
        "_forward",
        "_granted",
        "_send",
        "_waiter",
        "_window",
        "closed",
        "encoding",
        "held",
        "on_cancel",
    )

    def __init__(
        self, send: Callable[[bytes], None], end: Callable[[StreamError | None], None]
    ) -> None:
        self._send = send
        self._end = end
        self._window = 0
        self._granted = False
        self._forward: ByteStream | None = None
        self._error: StreamError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.closed = False
        self.encoding = ""
        """As in ``content-encoding``; empty for none."""
        self.held: bytes | None = None
        """All of it, when JavaScript was given it as one piece: only to forward it."""
        self.on_cancel: Callable[[], object] | None = None
        """Called when the reader wants no more."""

    def hold(self, data: bytes) -> None:
        """Keep what JavaScript has, for the case that it passes it on unread."""
        self.held = data
        self.closed = True

    async def begun(self) -> None:
        """Wait until it is known who reads it: JavaScript, whoever it is forwarded to, or nobody."""
        while not (self._granted or self._forward is not None or self.closed):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    @property
    def forwarded(self) -> bool:
        return self._forward is not None

    async def write(self, data: bytes) -> None:
        """Send ``data`` in chunks, as fast as the reader takes it; what comes after a cancel goes nowhere."""
        start = 0
        while start < len(data) and not self.closed:
            if self._window == 0:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
                continue
            piece = data[start : start + min(STREAM_CHUNK_BYTES, self._window)]
            start += len(piece)
            self._window -= len(piece)
            if self._forward is not None:
                self._forward.push(piece)
            else:
                self._send(piece)

    def close(self, error: StreamError | None = None) -> None:
        """Nothing follows; with ``error`` the reader's stream fails."""
        if self.closed:
            return
        self.closed = True
        self._error = error
        self._wake()
        if self._forward is not None:
            self._forward.finish(error)
        else:
            self._end(error)

    def granted(self, size: int) -> None:
        """The core's reader has begun, or took ``size`` bytes.

        Raises
        ------
        ViolationError
            More would be under way than the window allows, or the stream was forwarded.

        """
        if size <= 0 or self._window + size > STREAM_WINDOW_BYTES or self._forward is not None:
            raise ViolationError(f"a credit of {size} bytes over a window with {self._window} left")
        self._granted = True
        self._window += size
        self._wake()

    def cancel(self, _reason: str = "") -> None:
        """The reader wants no more."""
        self.closed = True
        self._wake()
        if self.on_cancel is not None:
            self.on_cancel()

    def forward(self) -> ByteStream:
        """Turn the stream away from the core: the returned one reads all of it.

        Raises
        ------
        ViolationError
            JavaScript has begun to read it, or has forwarded it already.

        """
        if self._granted or self._forward is not None:
            raise ViolationError("a stream that is read can not be forwarded")
        forward = self._forward = ByteStream(self._forward_taken, self.cancel)
        self._window = STREAM_WINDOW_BYTES
        self._wake()
        if self.closed:
            forward.finish(self._error)
        return forward

    def _forward_taken(self, size: int) -> None:
        self._window += size
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
