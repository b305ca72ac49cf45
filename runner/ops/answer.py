"""What a response of the world becomes for JavaScript: its head, and its body whole or as a stream.

By the Fetch standard a response is there with its head: whatever is wrong with its body fails the reading of it. What JavaScript
passes on unread goes on as it is encoded. Must not know redirects or connections.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx

from runner.errors import OpError, StreamError
from runner.ops.failures import failure_of
from runner.ops.unpacking import INLINE_BYTES, Unpacking, resolve_whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.ops.hop import Hop
    from runner.ops.registry import OpCall
    from runner.streams import InboundStream

_INLINE_WAIT_S: Final = 0.02
"""How long a response's head may wait for a small body, to come as one piece."""


async def answer(call: OpCall, hop: Hop, response: httpx.Response) -> None:
    """Resolve the op, and send the body on."""
    headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in response.headers.raw
    ]
    reason = response.extensions.get("reason_phrase", b"").decode("latin-1")
    told, encoding = hop.answer(response.status_code, reason, headers)
    if not hop.has_body(response.status_code):
        call.resolve(told)
        return
    events = ("content-type", "text/event-stream") in headers
    body = _Body(_chunks(response))
    reading = asyncio.create_task(body.read(), name="body")
    try:
        wait = 0 if events else _INLINE_WAIT_S
        await asyncio.wait({reading, body.full}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        if reading.done() and reading.exception() is None:
            whole = b"".join(body.pieces)
            if resolve_whole(call, told, whole, encoding):
                return
        stream = call.open_body(encoding)
        task = asyncio.current_task()
        assert task is not None
        stream.on_cancel = task.cancel
        call.resolve(told | {"body": "stream"})
        await body.pass_on(stream, reading)
    except asyncio.CancelledError:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        raise
    finally:
        reading.cancel()


class _Body:
    """A body that is kept as long as it may come as one piece, and then goes on as it comes."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        loop = asyncio.get_running_loop()
        self._chunks = chunks
        self._unpacking: Unpacking | None = None
        self._opened: asyncio.Future[None] = loop.create_future()
        self._turn = asyncio.Lock()
        self.pieces: list[bytes] = []
        self.full: asyncio.Future[None] = loop.create_future()
        """Done when there is too much for one piece."""

    async def read(self) -> None:
        """Read until the end; into ``pieces`` until there is a stream."""
        size = 0
        async for chunk in self._chunks:
            if self._unpacking is not None:
                async with self._turn:
                    await self._unpacking.write(chunk)
                continue
            self.pieces.append(chunk)
            size += len(chunk)
            if size > INLINE_BYTES:
                self.full.set_result(None)
                await self._opened

    async def pass_on(self, stream: InboundStream, reading: asyncio.Task[None]) -> None:
        """Send what was read, and what ``reading`` goes on to read, at the pace of the stream's reader."""
        unpacking = Unpacking(stream)
        try:
            # In this order, without a turn of the loop in between: what is read now waits for what was.
            async with self._turn:
                self._unpacking = unpacking
                self._opened.set_result(None)
                await unpacking.write(b"".join(self.pieces))
                self.pieces.clear()
            await reading
            await unpacking.end()
        except OpError as error:
            stream.close(StreamError(error.name, error.message, error.code))
        except Exception as error:  # noqa: BLE001 - whatever breaks the upstream breaks the stream
            failed = failure_of(error)
            stream.close(StreamError(failed.name, failed.message, failed.code))


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.TransportError as error:
        raise failure_of(error) from None
