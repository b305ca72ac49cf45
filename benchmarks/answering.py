"""A server that answers at once and remembers when it was asked for what: the target of HTTP tasks, as a process of its own.

``python -m benchmarks.answering`` prints its port, and with its standard input's end writes what it was asked for: JSON, seconds since
1970 by target, and how many came twice. Must not know tasks.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, cast

import msgspec
import uvloop

from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
_END: Final = b"\r\n\r\n"


class Asked(msgspec.Struct, frozen=True):
    """What a server was asked for."""

    at: dict[str, float]
    twice: int


class _Answering(asyncio.Protocol):
    """Requests without bodies, as tasks of benchmarks are."""

    def __init__(self, at: dict[str, float], twice: list[str]) -> None:
        self._at = at
        self._twice = twice
        self._transport: asyncio.WriteTransport | None = None
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        now = time.time()
        *heads, self._begun = (self._begun + data).split(_END)
        for head in heads:
            target = head.split(b" ", 2)[1].decode()
            if target in self._at:
                self._twice.append(target)
            self._at.setdefault(target, now)
        self._transport.write(_ANSWER * len(heads))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    at: dict[str, float] = {}
    twice: list[str] = []
    server = await loop.create_server(lambda: _Answering(at, twice), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Nobody writes anything: this is the end of whoever began it, or its word that it has seen enough.
    await asyncio.to_thread(sys.stdin.buffer.read)
    sys.stdout.buffer.write(msgspec.json.encode(Asked(at, len(twice))))
    sys.stdout.flush()


class Target:
    """A server that runs; :meth:`asked` ends it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"

    async def asked(self) -> Asked:
        out, _ = await self._process.communicate(b"")
        return msgspec.json.decode(out, type=Asked)


@asynccontextmanager
async def open_target() -> AsyncIterator[Target]:
    """Start a server.

    Raises
    ------
    BenchmarkError
        It does not serve.

    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.answering", stdin=pipe, stdout=pipe, limit=1 << 26
    )
    try:
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line.strip().isdigit():
            raise BenchmarkError("the target of HTTP tasks does not serve")
        yield Target(process, int(line))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    uvloop.run(_serve())
