"""What a response of the world becomes for JavaScript: its head, and its body whole or as a stream.

By the Fetch standard a response is there with its head: whatever is wrong with its body fails the reading of it. Must not know
redirects or connections.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx

from pools.protocol import STREAM_WINDOW_BYTES
from runner.errors import OpError, StreamError
from runner.ops.failures import failure, failure_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.ops.decoding import Decoder
    from runner.ops.hop import Hop
    from runner.ops.registry import OpCall
    from runner.streams import InboundStream

_INLINE_BYTES: Final = STREAM_WINDOW_BYTES // 4
_INLINE_WAIT_S: Final = 0.02
"""How long a response's head may wait for a small body, to come as one piece."""


async def answer(call: OpCall, hop: Hop, response: httpx.Response) -> None:
    """Resolve the op, and send the body on."""
    headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in response.headers.raw
    ]
    reason = response.extensions.get("reason_phrase", b"").decode("latin-1")
    told, decoder = hop.answer(response.status_code, reason, headers)
    if not hop.has_body(response.status_code):
        call.resolve(told)
        return
    chunks = _chunks(response, decoder)
    events = ("content-type", "text/event-stream") in headers
    read: list[bytes] = []
    reading = asyncio.create_task(_read_small(chunks, read), name="small body")
    try:
        await asyncio.wait({reading}, timeout=0 if events else _INLINE_WAIT_S)
        if reading.done() and reading.exception() is None and reading.result():
            call.resolve(told | {"body": "bytes"}, b"".join(read))
            return
        body = call.open_body()
        task = asyncio.current_task()
        assert task is not None
        body.on_cancel = task.cancel
        call.resolve(told | {"body": "stream"})
        await _pass_on(body, reading, read, chunks)
    except asyncio.CancelledError:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        raise
    finally:
        reading.cancel()


async def _pass_on(
    body: InboundStream,
    reading: asyncio.Task[bool],
    read: list[bytes],
    chunks: AsyncIterator[bytes],
) -> None:
    """Send what was read, and what is to come, at the reader's pace."""
    try:
        await asyncio.wait({reading})
        await body.write(b"".join(read))
        if not reading.result():
            async for chunk in chunks:
                await body.write(chunk)
    except OpError as error:
        body.close(StreamError(error.name, error.message, error.code))
    except Exception as error:  # noqa: BLE001 - whatever breaks the upstream breaks the stream
        failed = failure_of(error)
        body.close(StreamError(failed.name, failed.message, failed.code))
    else:
        body.close()


async def _read_small(chunks: AsyncIterator[bytes], read: list[bytes]) -> bool:
    """Read until the end, or until there is too much for one piece; true at the end."""
    size = 0
    async for chunk in chunks:
        read.append(chunk)
        size += len(chunk)
        if size > _INLINE_BYTES:
            return False
    return True


async def _chunks(response: httpx.Response, decoder: Decoder | None) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            if decoder is None:
                yield chunk
            else:
                for piece in decoder.feed(chunk):
                    yield piece
    except httpx.TransportError as error:
        raise failure_of(error) from None
    if decoder is not None and not decoder.complete:
        raise failure("the response ended in the middle of its encoding")
