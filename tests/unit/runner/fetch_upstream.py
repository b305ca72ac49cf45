"""A server that answers as a test says, and a client that makes fetch ops in one execution."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pools.protocol import STREAM_WINDOW_BYTES, Start
from runner.ops.addresses import AddressPolicy
from runner.ops.fetch import Fetch
from tests.unit.runner.fake_lane import Bench, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pools.protocol import Start as StartMessage
    from runner.execution import Execution
    from tests.unit.runner.fake_lane import FakeLane

    Handler = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]


class Seen:
    """A request as the server got it."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body


class Upstream:
    """A server that answers with what a test wrote for the path."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Handler] = {}
        self.seen: list[Seen] = []
        self.url = ""
        self.greeting = b""
        self.tasks: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self.greeting)
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").strip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines)
                }
                body = b""
                if headers.get("transfer-encoding") == "chunked":
                    while size := int(await reader.readline(), 16):
                        body += (await reader.readexactly(size + 2))[:-2]
                    await reader.readline()
                elif length := int(headers.get("content-length", "0")):
                    body = await reader.readexactly(length)
                seen = Seen(method, target, headers, body)
                self.seen.append(seen)
                answer = self.answers[target]
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(seen, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def serve() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
        await upstream.close()


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Client:
    """Makes fetch ops in one execution."""

    execution: Execution

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._ops = 0
        self._taken = 0

    async def next(self) -> tuple[list[Any], list[bytes]]:
        """Return the next record that the core would get."""
        records = await self.bench.lane.wait_for(
            lambda: found if len(found := self.bench.lane.records()) > self._taken else None
        )
        self._taken += 1
        return records[self._taken - 1]  # type: ignore[no-any-return]

    def send(self, url: str, *extra: list[Any], **changes: Any) -> int:
        self._ops += 1
        args = {
            "method": "GET",
            "url": url,
            "headers": [],
            "redirect": "follow",
            "body": None,
        } | changes
        attachments = [args.pop("attachment")] if "attachment" in args else []
        op = ["op", self._ops, "fetch", args, *([0] if attachments else [])]
        self.bench.lane.turn(1, [op, *extra], *attachments)
        return self._ops

    async def fetch(self, url: str, **changes: Any) -> tuple[dict[str, Any], bytes]:
        """Return the answer, with its body if that came along."""
        number = self.send(url, **changes)
        record, attachments = await self.next()
        assert record[:2] == ["resolve", number], record
        return record[2], attachments[record[3]] if len(record) > 3 else b""

    async def failure(self, url: str, **changes: Any) -> str:
        number = self.send(url, **changes)
        record, _ = await self.next()
        assert record[:2] == ["reject", number], record
        assert record[2]["name"] == "TypeError"
        assert record[2]["message"].startswith("fetch failed: ")
        return str(record[2]["message"]).removeprefix("fetch failed: ")

    async def broken_body(self, number: int) -> str:
        """Read a streamed body until it fails, and return why."""
        self.bench.lane.turn(1, [["credit", number, STREAM_WINDOW_BYTES]])
        while (record := (await self.next())[0])[0] == "chunk":
            pass
        assert record[:2] == ["fail", number], record
        return str(record[2]["message"])

    async def body(self, number: int) -> bytes:
        """Read a streamed body to its end."""
        self.bench.lane.turn(1, [["credit", number, STREAM_WINDOW_BYTES]])
        body = b""
        while True:
            record, attachments = await self.next()
            if record[0] == "end":
                return body
            assert record[0] == "chunk", record
            chunk = attachments[record[2]]
            body += chunk
            self.bench.lane.turn(1, [["credit", number, len(chunk)]])


def quiet(lane: FakeLane, start: StartMessage) -> None:
    """Answer nothing."""


@asynccontextmanager
async def client(policy: AddressPolicy | None = None) -> AsyncIterator[Client]:
    fetch = Fetch(policy or AddressPolicy(allow_all=True), 10, "Isolane/test")
    bench = await connect({"fetch": fetch})
    bench.lane.on_start = quiet
    execution = bench.start()
    await bench.lane.wait_for(lambda: bench.lane.got(Start))
    try:
        js = Client(bench)
        js.execution = execution
        yield js
    finally:
        await bench.ops.close()
        await fetch.close()
