"""A body of 1 GB through a worker's TransformStream, and one that is passed on unread: the memory it takes, and how fast it goes.

Up and down at the same time over one connection; client and runner are one process, so its size is that of both.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from os import getpid
from typing import TYPE_CHECKING, Final

from benchmarks.errors import WrongAnswerError
from benchmarks.front import Front
from benchmarks.harness import alternate
from benchmarks.processes import rss_bytes
from benchmarks.report import Findings, Metric, at_most

if TYPE_CHECKING:
    from benchmarks.harness import Plan
    from benchmarks.report import Figures

_MIB: Final = 1 << 20
_CHUNKS: Final = 16 * 1024
_CHUNK: Final = b"%x\r\n%b\r\n" % (1 << 16, b"\xa5" * (1 << 16))
_READ_BYTES: Final = 1 << 18

_RATE: Final = Metric("rate", "MB/s", drawn=True)
_HOST: Final = Metric("host grows", "MB", drawn=True)
_RUNNER: Final = Metric("runner grows", "MB", drawn=True)

_BODIES: Final = {
    "TransformStream": "request.body.pipeThrough(new TransformStream())",
    "compressed": (
        "request.body.pipeThrough(new CompressionStream('gzip')).pipeThrough(new DecompressionStream('gzip'))"
    ),
    "unread": "request.body",
}
_SETTINGS: Final = {
    "CPU_TIME_LIMIT_MS": "600000",
    "WALL_CLOCK_TIMEOUT_MS": "600000",
    "MAX_REQUEST_BODY_BYTES": str(1 << 31),
    "WORKER_POOL_SIZE": "1",
}


async def run(plan: Plan) -> Findings:
    chunks = plan.count(_CHUNKS)
    measured = await alternate(plan, {name: partial(_measure, name, chunks) for name in _BODIES})
    bars = [
        at_most(f"{name}: {metric.name} by", 64, max(measured.values(name, metric)), "MB")
        for name in _BODIES
        for metric in (_HOST, _RUNNER)
    ]
    notes = [f"{chunks >> 4:,} MB in each round, in chunks of 64 KiB, with a runner of its own."]
    return Findings(rows=measured.rows(), bars=bars, rounds=plan.rounds, notes=notes)


async def _measure(name: str, chunks: int) -> Figures:
    async with Front(_SETTINGS) as front:
        source = f"export default {{ fetch: request => new Response({_BODIES[name]}) }}"
        front.serve("bodies", "body", source)
        front.table.at_home = "body"
        pids = (getpid(), front.runner.supervisor.hosts[0].pid)
        # All caches and heaps get their size.
        await _exchange(front.port, chunks // 64, pids)
        before = [rss_bytes(pid) for pid in pids]
        start = time.perf_counter()
        most = await _exchange(front.port, chunks, pids)
        seconds = time.perf_counter() - start
    runner, host = (max(0, (size - was) / _MIB) for size, was in zip(most, before, strict=True))
    return {_RATE: chunks / 16 / seconds, _HOST: host, _RUNNER: runner}


async def _exchange(port: int, chunks: int, pids: tuple[int, int]) -> list[int]:
    """Send and read at the same time; return the largest sizes that the processes had."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    writer.write(head.encode())
    sending = asyncio.create_task(_send(writer, chunks), name="body")
    total, most = 0, [0, 0]
    while data := await reader.read(_READ_BYTES):
        total += len(data)
        most = [max(size, rss_bytes(pid)) for size, pid in zip(most, pids, strict=True)]
    await sending
    writer.close()
    if total < chunks << 16:
        raise WrongAnswerError("bodies", f"{total:,} of {chunks << 16:,} bytes")
    return most


async def _send(writer: asyncio.StreamWriter, chunks: int) -> None:
    for _ in range(chunks):
        writer.write(_CHUNK)
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
