"""An HTTP client that keeps connections busy, in a process of its own: ``python -m benchmarks.client``.

It reads one :class:`Job` as JSON on stdin and writes one :class:`Took` on stdout. Each connection sends its next request when the
answer to the last one has come, complete and as it must be.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from time import perf_counter
from typing import TYPE_CHECKING, cast

import httptools
import msgspec
import uvloop

from benchmarks.figures import quantile

if TYPE_CHECKING:
    from collections.abc import Iterator

_GRACE_S = 30.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and what must come back."""

    port: int
    request: bytes
    """As it goes over the wire."""
    body: bytes
    """Of each answer, freed of its transfer encoding; unless there is a ``pattern``."""
    connections: int
    seconds: float
    """How long further requests are sent."""
    status: int = 200
    """Of each answer."""
    pattern: str = ""
    """What each answer's body must match, as a whole."""
    requests: list[bytes] = []
    """If there are some, connections send these in turn."""
    may_be_refused: bool = False
    """Whether 429 and 503 are answers, too; they are counted by themselves."""


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; ``wrong`` is the first answer that was not as it must be, if there was one."""

    requests: int = 0
    refused: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    wrong: str = ""


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, job: Job, deadline: float, requests: Iterator[bytes]) -> None:
        loop = asyncio.get_running_loop()
        self._job = job
        self._requests = requests
        self._pattern = re.compile(job.pattern.encode()) if job.pattern else None
        self._deadline = deadline
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._sent = 0.0
        self.latencies: list[float] = []
        self.refused = 0
        self.done: asyncio.Future[str] = loop.create_future()
        """What was wrong; empty when nothing was."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(f"the connection was closed: {exc or 'no reason given'}")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._finish(f"no HTTP: {error}")

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_complete(self) -> None:
        now = perf_counter()
        body = b"".join(self._parts)
        self._parts.clear()
        status = self._parser.get_status_code()
        if status in {429, 503} and self._job.may_be_refused:
            self.refused += 1
        elif status != self._job.status or not self._is_right(body):
            self._finish(f"{status} {body[:200]!r}")
            return
        else:
            self.latencies.append(now - self._sent)
        if now >= self._deadline:
            self._finish("")
        else:
            self._send()

    def _is_right(self, body: bytes) -> bool:
        if self._pattern is None:
            return body == self._job.body
        return self._pattern.fullmatch(body) is not None

    def _send(self) -> None:
        assert self._transport is not None
        self._sent = perf_counter()
        self._transport.write(next(self._requests))

    def _finish(self, wrong: str) -> None:
        if not self.done.done():
            self.done.set_result(wrong)
            if self._transport is not None:
                self._transport.close()


async def drive(job: Job) -> Took:
    """Do the job."""
    loop = asyncio.get_running_loop()
    began = perf_counter()
    requests = itertools.cycle(job.requests or [job.request])
    connections = [Connection(job, began + job.seconds, requests) for _ in range(job.connections)]
    for connection in connections:
        await loop.create_connection(lambda made=connection: made, "127.0.0.1", job.port)  # type: ignore[misc]
    try:
        async with asyncio.timeout(job.seconds + _GRACE_S):
            wrong = await asyncio.gather(*(connection.done for connection in connections))
    except TimeoutError:
        return Took(wrong="no answer in time")
    seconds = perf_counter() - began
    if any(wrong):
        return Took(wrong=next(filter(None, wrong)))
    latencies = sorted(span for connection in connections for span in connection.latencies)
    if not latencies:
        return Took(wrong="nothing but refusals")
    return Took(
        requests=len(latencies),
        refused=sum(connection.refused for connection in connections),
        seconds=seconds,
        p50_ms=quantile(latencies, 0.5) * 1000,
        p99_ms=quantile(latencies, 0.99) * 1000,
    )


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    took = uvloop.run(drive(job))
    sys.stdout.buffer.write(msgspec.json.encode(took))


if __name__ == "__main__":
    main()
