"""A line to a server that can be cut."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Line:
    """Passes bytes on between a port of its own and a server; ``url`` leads through it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._place = parts.hostname, parts.port
        self._url = url
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    @property
    def url(self) -> str:
        host, port = self._place
        return self._url.replace(f"{host}:{port}", f"{host}:{self._port}", 1)

    async def join(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._place[0], self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections, and reset those there are."""
        assert self._server is not None
        self._server.close()
        self._flows.set()
        for writer in self._writers:
            writer.transport.abort()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def freeze(self) -> None:
        """Pass nothing on any more, and say nothing: what a firewall does to a line. Connections are still taken."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass on again, what came meanwhile first."""
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection(*self._place)
            self._writers.add(back)
            flows = self._flows
            await asyncio.gather(_pass_on(reader, back, flows), _pass_on(there, writer, flows))
            self._writers.discard(back)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
) -> None:
    try:
        while data := await reader.read(65536):
            await flows.wait()
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def open_line(url: str) -> AsyncIterator[Line]:
    line = Line(url)
    await line.join()
    try:
        yield line
    finally:
        await line.cut()
