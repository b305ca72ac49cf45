"""A real HTTP server that answers what a test says."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

import h11

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable


class Asked(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Said(NamedTuple):
    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


class HttpServer:
    """``answers`` are used up, then ``answer`` is asked; None leaves without a word."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[Said | None] = []
        self.answer: Callable[[Asked], Said | None] = lambda asked: Said()
        self.serving: set[asyncio.Task[object]] = set()
        self.connections = 0
        self.at_once = self.most_at_once = 0
        self._changed = asyncio.Condition()
        self.gate: asyncio.Event | None = None
        """Answers wait for it."""
        self.port = 0

    def url(self, target: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{target}"

    async def reached(self, number: int) -> None:
        """Wait until so many requests are here at once."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.at_once >= number)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        serving = asyncio.current_task()
        assert serving is not None
        self.serving.add(serving)
        connection = h11.Connection(h11.SERVER)
        try:
            with contextlib.suppress(ConnectionError, h11.ProtocolError):
                while await self._exchange(connection, reader, writer):
                    connection.start_next_cycle()
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.serving.discard(serving)

    async def _exchange(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head, body = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                connection.receive_data(data)
                if not data and head is None:
                    return False
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        assert head is not None
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        asked = Asked(head.method.decode(), head.target.decode(), headers, body)
        self.asked.append(asked)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        async with self._changed:
            self._changed.notify_all()
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.at_once -= 1
        said = self.answers.pop(0) if self.answers else self.answer(asked)
        if said is None:
            return False
        given = {"content-length": str(len(said.body)), **said.headers}
        response = h11.Response(status_code=said.status, headers=list(given.items()))
        data = connection.send(response) or b""
        if asked.method != "HEAD":
            data += connection.send(h11.Data(data=said.body)) or b""
        writer.write(data + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


@contextlib.asynccontextmanager
async def http_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpServer]:
    """Serve on a port of 127.0.0.1 that is free."""
    made = HttpServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield made
        finally:
            # Not all clients leave by themselves.
            serving = list(made.serving)
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving)
            await asyncio.sleep(0)
