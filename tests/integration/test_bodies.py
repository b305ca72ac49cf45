"""Large bodies: they go through, and nobody holds more of them than the windows of their streams."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from benchmarks.processes import rss_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev

SIZE = 96 << 20
CHUNK = b"\xa5" * (1 << 16)
LEAST_READ = 8 << 20
"""After so much of a body all caches and heaps have their size."""
GROWTH = 48 << 20
WORKERS = {
    "transform": "request.body.pipeThrough(new TransformStream())",
    "forward": "request.body",
}
LIMITS = {
    "CPU_TIME_LIMIT_MS": "60000",
    "WALL_CLOCK_TIMEOUT_MS": "60000",
    "MAX_REQUEST_BODY_BYTES": str(2 * SIZE),
}


def exchange(port: int, worker: str, read: Callable[[int], None], size: int) -> bytes:
    """Send a body in chunks and read the answer at the same time; ``read`` is told how much of it there is."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        head = f"POST / HTTP/1.1\r\nhost: a.test\r\nx-worker-name: {worker}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"

        def send() -> None:
            sock.sendall(head.encode())
            for _ in range(size // len(CHUNK)):
                sock.sendall(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))
            sock.sendall(b"0\r\n\r\n")

        sender = threading.Thread(target=send)
        sender.start()
        first = b""
        total = 0
        while data := sock.recv(1 << 20):
            first = first or data
            total += len(data)
            read(total)
        sender.join(30)
    assert total > size
    return first


@pytest.mark.timeout(90)
@pytest.mark.parametrize("worker", ["transform", "forward"])
def test_a_body_takes_no_more_memory_the_longer_it_is(
    cli: Cli, dev: Callable[..., Dev], worker: str
) -> None:
    """96 MB up and down again, in the memory of the first 8."""
    handler = f"export default {{ fetch: request => new Response({WORKERS[worker]}) }}"
    cli.write(f"w/{worker}.js", handler)
    running = dev("w", **LIMITS)
    pids = [running.process.pid, *running.hosts()]
    before: dict[int, int] = {}
    most = dict.fromkeys(pids, 0)

    def read(total: int) -> None:
        sizes = {pid: rss_bytes(pid) for pid in pids}
        if total >= LEAST_READ and not before:
            before.update(sizes)
        most.update({pid: max(most[pid], sizes[pid]) for pid in pids})

    head = exchange(running.port, worker, read, SIZE)

    assert head.startswith(b"HTTP/1.1 200")
    assert before
    assert {pid: most[pid] - before[pid] for pid in pids if most[pid] - before[pid] > GROWTH} == {}
