"""A NATS client that keeps requests in flight on one connection, in a process of its own: ``python -m benchmarks.nats_client``.

It reads one :class:`NatsJob` as JSON on stdin and writes one :class:`~benchmarks.client.Took` on stdout. It speaks the protocol
itself, in as few instructions as that takes: what it costs is not what is measured.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter
from typing import cast

import msgspec
import uvloop

from benchmarks.client import Took
from benchmarks.figures import quantile

_GRACE_S = 30.0
_INBOX = b"_INBOX.bench."


class NatsJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, and what must come back."""

    port: int
    token: str
    subjects: list[str]
    """In turn."""
    headers: bytes
    """As they go over the wire, with the line that says so and the empty one."""
    payload: bytes
    answer: bytes
    """Payload of each answer."""
    in_flight: int
    seconds: float
    """How long further requests are sent."""


class Connection(asyncio.Protocol):
    """The connection: each request has a place, whose number is in its inbox."""

    def __init__(self, job: NatsJob) -> None:
        self._job = job
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._deadline = 0.0
        self._sent = [0.0] * job.in_flight
        self._open = job.in_flight
        self._next = 0
        size = len(job.headers)
        self._tail = b" %d %d\r\n" % (size, size + len(job.payload)) + job.headers + job.payload
        self.began = 0.0
        self.latencies: list[float] = []
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """What was wrong; empty when nothing was."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        options: dict[str, bool | int | str] = {
            "verbose": False,
            "headers": True,
            "no_responders": True,
            "protocol": 1,
        }
        options["auth_token"] = self._job.token
        self._transport.write(
            b"CONNECT %b\r\nSUB %b* 1\r\n" % (msgspec.json.encode(options), _INBOX)
        )
        self.began = perf_counter()
        self._deadline = self.began + self._job.seconds
        self._transport.write(b"".join(map(self._ask, range(self._job.in_flight))))

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(f"the connection was closed: {exc or 'no reason given'}")

    def data_received(self, data: bytes) -> None:
        buffer, start, asked = self._buffer + data, 0, []
        while (end := buffer.find(b"\r\n", start)) >= 0:
            verb, *words = buffer[start:end].split()
            if verb not in {b"HMSG", b"MSG"}:
                start = end + 2
                if verb == b"-ERR":
                    self._finish(b" ".join(words).decode())
                continue
            size = int(words[-1])
            if len(buffer) < end + 2 + size + 2:
                break
            head = int(words[-2]) if verb == b"HMSG" else 0
            answer = buffer[end + 2 + head : end + 2 + size]
            start = end + 2 + size + 2
            asked.append(self._take(int(words[0][len(_INBOX) :]), answer))
        self._buffer = buffer[start:]
        if self._transport is not None:
            self._transport.write(b"".join(asked))

    def _take(self, place: int, answer: bytes) -> bytes:
        """Take an answer; return the next request, if there is to be one."""
        now = perf_counter()
        if answer != self._job.answer:
            self._finish(repr(answer[:200]))
            return b""
        self.latencies.append(now - self._sent[place])
        if now < self._deadline:
            return self._ask(place)
        self._open -= 1
        if not self._open:
            self._finish("")
        return b""

    def _ask(self, place: int) -> bytes:
        subjects = self._job.subjects
        self._next = (self._next + 1) % len(subjects)
        self._sent[place] = perf_counter()
        subject = subjects[self._next].encode()
        return b"HPUB %b %b%d%b\r\n" % (subject, _INBOX, place, self._tail)

    def _finish(self, wrong: str) -> None:
        if not self.done.done():
            self.done.set_result(wrong)
            if self._transport is not None:
                self._transport.close()


async def drive(job: NatsJob) -> Took:
    """Do the job."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(job), "127.0.0.1", job.port)
    try:
        async with asyncio.timeout(job.seconds + _GRACE_S):
            wrong = await connection.done
    except TimeoutError:
        wrong = "no answer in time"
    seconds = perf_counter() - connection.began
    if wrong:
        return Took(wrong=wrong)
    latencies = sorted(connection.latencies)
    return Took(
        requests=len(latencies),
        seconds=seconds,
        p50_ms=quantile(latencies, 0.5) * 1000,
        p99_ms=quantile(latencies, 0.99) * 1000,
    )


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=NatsJob)
    took = uvloop.run(drive(job))
    sys.stdout.buffer.write(msgspec.json.encode(took))


if __name__ == "__main__":
    main()
