"""Bodies through two workers: as they come, at the pace of the last reader, with nothing collected on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from runner.calls import Reply
from runner.events.context import EventContext
from runner.events.fetch import make_request
from runner.streams import ByteStream

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from tests.integration.calls.town import Town

    OpenTown = Callable[..., AbstractAsyncContextManager[Town]]

MIB = 1 << 20
PIECE = b"x" * 65536

SOURCE = """export default { fetch(request) {
  const piece = new Uint8Array(65536).fill(120);
  let left = Number(new URL(request.url).searchParams.get('pieces'));
  return new Response(new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(piece);
      else controller.close();
    },
    cancel(reason) { console.log('cancelled'); },
  }, { highWaterMark: 0 }));
} };"""
FORWARD = """export default { async fetch(request) {
  return await fetch('http://source.workers.rocks/' + new URL(request.url).search);
} };"""
COUNT = """export default { async fetch(request) {
  let size = 0;
  for await (const chunk of request.body) size += chunk.length;
  return new Response(String(size));
} };"""
UP = """export default { fetch: (request) =>
  fetch('http://count.workers.rocks/', { method: 'POST', body: request.body }) };"""
NO_LIMITS = {"CPU_TIME_LIMIT_MS": "0", "MAX_REQUEST_BODY_BYTES": str(1 << 30)}


class Pieces:
    """A body of many pieces that are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.left = count

    async def read(self) -> bytes | None:
        if self.left == 0:
            return None
        self.left -= 1
        return PIECE

    def cancel(self, reason: str) -> None:
        self.left = 0


def resident_bytes(town: Town) -> int:
    """Return what the runner and its hosts have in memory."""
    own = Path("/proc/self")
    children = [
        Path("/proc", pid)
        for task in (own / "task").iterdir()
        for pid in (task / "children").read_text().split()
    ]
    sizes = [(process / "statm").read_text().split()[1] for process in (own, *children)]
    return sum(map(int, sizes)) * 4096


async def download(town: Town, pieces: int) -> int:
    """Read a body through the worker ``forward``; return its size."""
    request = make_request(
        "GET", f"http://forward.workers.rocks/?pieces={pieces}", [], request_id="r"
    )
    context = EventContext(request_id="r")
    size = 0
    async with town.calls.open(request, None, context=context) as call:
        answer = await call.answer()
        assert isinstance(answer, Reply)
        assert isinstance(answer.body, ByteStream)
        while (chunk := await answer.body.read()) is not None:
            size += len(chunk)
    return size


async def test_an_answer_of_100_mb_needs_no_memory(open_town: OpenTown) -> None:
    async with open_town(**NO_LIMITS) as town:
        town.add("forward", FORWARD)
        town.add("source", SOURCE)
        await download(town, 100)
        before = resident_bytes(town)
        assert await download(town, 1600) == 100 * MIB
        assert resident_bytes(town) - before < 40 * MIB


async def test_a_body_of_100_mb_needs_no_memory(open_town: OpenTown) -> None:
    async with open_town(**NO_LIMITS) as town:
        town.add("up", UP)
        town.add("count", COUNT)
        await town.ask("http://up.workers.rocks/", Pieces(100))
        before = resident_bytes(town)
        answer = await town.ask("http://up.workers.rocks/", Pieces(1600))
        assert answer == (200, str(100 * MIB).encode())
        assert resident_bytes(town) - before < 40 * MIB


async def test_who_stops_reading_stops_the_source(open_town: OpenTown) -> None:
    async with open_town(**NO_LIMITS) as town, asyncio.timeout(20):
        town.add("forward", FORWARD)
        town.add("source", SOURCE)
        request = make_request(
            "GET", "http://forward.workers.rocks/?pieces=1000000", [], request_id="r"
        )
        context = EventContext(request_id="r")
        async with town.calls.open(request, None, context=context) as call:
            answer = await call.answer()
            assert isinstance(answer, Reply)
            assert isinstance(answer.body, ByteStream)
            assert await answer.body.read() == PIECE
        await town.notes.wait_for_line("source: cancelled")
        await town.notes.wait_for_events(2)


async def test_the_first_piece_comes_before_the_last_is_sent(open_town: OpenTown) -> None:
    """An echo through two workers: each piece is asked for when the one before has come back."""
    async with open_town(**NO_LIMITS) as town, asyncio.timeout(20):
        town.add(
            "relay",
            "export default { fetch: (request) =>"
            " fetch('http://echo.workers.rocks/', { method: 'POST', body: request.body }) };",
        )
        town.add("echo", "export default { fetch: (request) => new Response(request.body) };")
        came: asyncio.Queue[bytes | None] = asyncio.Queue()
        await came.put(b"first")

        class Body:
            async def read(self) -> bytes | None:
                return await came.get()

            def cancel(self, reason: str) -> None:
                pass

        request = make_request("POST", "http://relay.workers.rocks/", [], request_id="r")
        context = EventContext(request_id="r")
        async with town.calls.open(request, Body(), context=context) as call:
            answer = await call.answer()
            assert isinstance(answer, Reply)
            assert isinstance(answer.body, ByteStream)
            for piece in (b"second", b"third", None):
                read = await answer.body.read()
                assert read in {b"first", b"second", b"third"}
                await came.put(piece)
            assert await answer.body.read() is None
