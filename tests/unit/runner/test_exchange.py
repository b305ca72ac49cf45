"""One HTTP exchange over a network that does what a test says."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import httpcore
import pytest

from runner.ops.exchange import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
ORIGIN = httpcore.Origin(b"http", b"a.test", 80)


class Wire(httpcore.AsyncNetworkStream, httpcore.AsyncNetworkBackend):
    """What is read is in ``reads``: bytes, or an error; ``None`` waits for the next write first."""

    def __init__(self, *reads: bytes | Exception | None) -> None:
        self.reads = list(reads)
        self.written = b""
        self.closed = False
        self.stale = False
        self.wrote = asyncio.Event()

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while self.reads and self.reads[0] is None:
            self.wrote.clear()
            await self.wrote.wait()
            self.reads.pop(0)
        if not self.reads:
            await asyncio.Event().wait()
        read = self.reads.pop(0)
        if isinstance(read, Exception):
            raise read
        assert read is not None
        return read

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.written += buffer
        await asyncio.sleep(0)
        self.wrote.set()

    async def aclose(self) -> None:
        self.closed = True

    def get_extra_info(self, info: str) -> Any:
        return self.stale


async def pieces(*chunks: bytes, ends: list[str] | None = None) -> AsyncIterator[bytes]:
    try:
        for chunk in chunks:
            yield chunk
        if ends is not None:
            await asyncio.Event().wait()
    finally:
        if ends is not None:
            ends.append("ended")


def request(body: AsyncIterator[bytes], *, streams: bool = True) -> httpcore.Request:
    headers = [(b"host", b"a.test"), (b"transfer-encoding", b"chunked")]
    extensions = {"streams": streams}
    return httpcore.Request(
        b"POST", "http://a.test/", headers=headers, content=body, extensions=extensions
    )


def connection(wire: Wire) -> Connection:
    return Connection(ORIGIN, wire, ssl.create_default_context(), 30.0)


async def text(response: httpcore.Response) -> bytes:
    body = b""
    async for chunk in response.stream:  # type: ignore[union-attr]
        body += chunk
    await response.stream.aclose()  # type: ignore[union-attr]
    return body


async def test_a_slow_upload_is_no_server_that_stands_still() -> None:
    late = httpcore.ReadTimeout
    # Each of the body's pieces and its end is a write.
    wire = Wire(None, None, late(), None, late(), None, None, ANSWER)
    one = connection(wire)
    response = await one.handle_async_request(request(pieces(b"a", b"b", b"c", b"d")))
    assert await text(response) == b"ok"
    assert wire.written.endswith(b"1\r\nd\r\n0\r\n\r\n")
    assert one.is_idle()


async def test_a_server_that_stands_still_without_an_upload_is_given_up() -> None:
    wire = Wire(httpcore.ReadTimeout())
    with pytest.raises(httpcore.ReadTimeout):
        await connection(wire).handle_async_request(request(pieces(b"a"), streams=False))
    assert wire.closed


async def test_an_answer_that_is_whole_ends_the_upload_and_the_connection() -> None:
    ends: list[str] = []
    wire = Wire(None, ANSWER)
    one = connection(wire)
    response = await one.handle_async_request(request(pieces(b"a", ends=ends)))
    assert await text(response) == b"ok"
    assert ends == ["ended"]
    assert wire.closed
    assert one.is_closed()


async def test_what_fails_the_upload_fails_the_request() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError

    class Closing(Wire):
        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            await over.wait()
            raise httpcore.ReadError

        async def aclose(self) -> None:
            over.set()
            await super().aclose()

    over = asyncio.Event()
    with pytest.raises(LookupError):
        await connection(Closing()).handle_async_request(request(failing()))


@pytest.mark.parametrize("streams", [False, True])
async def test_an_answer_is_read_from_a_server_that_left_while_it_was_sent_to(
    streams: bool,
) -> None:
    class Leaving(Wire):
        async def write(self, buffer: bytes, timeout: float | None = None) -> None:
            if b"POST" in buffer and streams:
                return
            raise httpcore.WriteError

    response = await connection(Leaving(ANSWER)).handle_async_request(
        request(pieces(b"a"), streams=streams)
    )
    assert response.status == 200
    assert await text(response) == b"ok"


async def test_a_connection_that_was_closed_while_it_waited_is_not_used_again() -> None:
    wire = Wire(ANSWER)
    one = connection(wire)
    await text(await one.handle_async_request(request(pieces(), streams=False)))
    assert one.is_available()
    wire.stale = True
    with pytest.raises(httpcore.ConnectionNotAvailable):
        await one.handle_async_request(request(pieces(), streams=False))
    assert one.is_closed()


@pytest.mark.parametrize(
    ("method", "then", "error"),
    [
        ("GET", [b""], httpcore.ConnectionNotAvailable),
        ("GET", [httpcore.ReadError()], httpcore.ConnectionNotAvailable),
        ("GET", [b"HTTP/1.1 2", b""], httpcore.RemoteProtocolError),
        ("POST", [b""], httpcore.RemoteProtocolError),
    ],
)
async def test_a_connection_that_closes_under_a_request_is_replaced_if_it_may_be_sent_again(
    method: str, then: list[bytes | Exception], error: type[Exception]
) -> None:
    """A server may close what was idle for a moment; without a byte of an answer, a safe request goes over another one."""
    one = connection(Wire(ANSWER, *then))
    headers = [(b"host", b"a.test")]
    again = httpcore.Request(method, "http://a.test/", headers=headers, content=pieces())
    await text(await one.handle_async_request(request(pieces(), streams=False)))
    with pytest.raises(error):
        await one.handle_async_request(again)
    assert one.is_closed()


async def test_one_request_at_a_time() -> None:
    one = connection(Wire(ANSWER))
    response = await one.handle_async_request(request(pieces(), streams=False))
    with pytest.raises(httpcore.ConnectionNotAvailable):
        await one.handle_async_request(request(pieces(), streams=False))
    assert await text(response) == b"ok"
    assert one.is_idle()
    assert not one.has_expired()


@pytest.mark.parametrize(
    ("reads", "error"),
    [
        ([b""], httpcore.RemoteProtocolError),
        ([b"SSH-2.0\r\n\r\n"], httpcore.RemoteProtocolError),
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000], httpcore.RemoteProtocolError),
    ],
)
async def test_what_is_no_answer_closes_the_connection(
    reads: Iterable[bytes], error: type[Exception]
) -> None:
    wire = Wire(*reads)
    with pytest.raises(error):
        await connection(wire).handle_async_request(request(pieces(), streams=False))
    assert wire.closed
