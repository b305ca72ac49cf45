"""The HTTP server's end: whoever got in is answered whole."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from runner.config import Address
from runner.ingress.server import HttpServer, bind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_BIG = b"x" * (8 << 20)
_REQUEST = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


@asynccontextmanager
async def serving(body: bytes) -> AsyncIterator[tuple[HttpServer, int]]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        head = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    sock = bind(Address("127.0.0.1", 0))
    server = HttpServer(app, sock)
    await server.start()
    try:
        yield server, sock.getsockname()[1]
    finally:
        await server.close()


def connect_slowly(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.setblocking(False)
    return client


async def receive_all(client: socket.socket) -> bytes:
    loop, pieces = asyncio.get_running_loop(), []
    while piece := await loop.sock_recv(client, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


async def test_a_drain_waits_for_who_reads_slowly() -> None:
    loop = asyncio.get_running_loop()
    async with serving(_BIG) as (server, port):
        with connect_slowly(port) as client:
            await loop.sock_sendall(client, _REQUEST)
            start = await loop.sock_recv(client, 1)
            server.stop_accepting()
            finishing = asyncio.create_task(server.finish(20))
            # All is written, and far more than sockets hold is still ours.
            _, waiting = await asyncio.wait([finishing], timeout=0.2)
            assert waiting
            rest = await receive_all(client)
            await finishing
    head, _, body = (start + rest).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == _BIG


async def test_a_drain_does_not_wait_for_ever_for_who_does_not_read() -> None:
    loop = asyncio.get_running_loop()
    async with serving(_BIG) as (server, port):
        with connect_slowly(port) as client:
            await loop.sock_sendall(client, _REQUEST)
            await loop.sock_recv(client, 1)
            server.stop_accepting()
            await server.finish(0.1)


async def test_who_was_just_accepted_is_answered_and_told_that_it_was_the_last() -> None:
    loop = asyncio.get_running_loop()
    async with serving(b"Hello") as (server, port):
        with connect_slowly(port) as client:
            await asyncio.sleep(0.05)
            server.stop_accepting()
            finishing = asyncio.create_task(server.finish(20))
            await asyncio.sleep(0.05)
            await loop.sock_sendall(client, _REQUEST)
            answer = await receive_all(client)
            await finishing
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"Hello")


async def test_who_has_connected_and_was_not_yet_accepted_is_answered() -> None:
    """The kernel makes connections ahead of the loop, and resets those with the socket that listens."""
    loop = asyncio.get_running_loop()
    async with serving(b"Hello") as (server, port):
        with connect_slowly(port) as one, connect_slowly(port) as other:
            one.send(_REQUEST)
            server.stop_accepting()
            finishing = asyncio.create_task(server.finish(20))
            await loop.sock_sendall(other, _REQUEST)
            assert (await receive_all(one)).endswith(b"Hello")
            assert (await receive_all(other)).endswith(b"Hello")
            await finishing
