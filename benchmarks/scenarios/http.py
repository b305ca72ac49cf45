"""Requests through the front door: ``isolane dev`` in a process of its own, a client in another, 16 connections.

CPU time is that of the server's whole process tree, and not the client's.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.harness import alternate
from benchmarks.report import CPU, P99, RATE, Findings, at_least, at_most
from benchmarks.server import Server

if TYPE_CHECKING:
    from benchmarks.figures import Measurements
    from benchmarks.harness import Plan
    from benchmarks.report import Bar

_CONNECTIONS: Final = 16
_SECONDS: Final = 2.0
_MIB: Final = 1 << 20
_EVENTS: Final = 10

_HELLO: Final = """\
export default {
  fetch(request) {
    return new Response('hello');
  },
};
"""
_JSON: Final = """\
export default {
  async fetch(request) {
    const { items } = await request.json();
    const total = items.reduce((sum, item) => sum + item.price, 0);
    return Response.json({ total, items });
  },
};
"""
_UPLOAD: Final = """\
export default {
  async fetch(request) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    return new Response(`${bytes.length} ${bytes[0]} ${bytes.at(-1)}`);
  },
};
"""
_DOWNLOAD: Final = """\
export default {
  fetch(request) {
    return new Response(new Uint8Array(1048576).fill(120));
  },
};
"""
_SSE: Final = """\
export default {
  fetch(request) {
    const encoder = new TextEncoder();
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 1;
        controller.enqueue(encoder.encode(`data: ${sent}\\n\\n`));
        if (sent === 10) controller.close();
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  },
};
"""
_WORKERS: Final = {
    "hello": _HELLO,
    "json": _JSON,
    "upload": _UPLOAD,
    "download": _DOWNLOAD,
    "sse": _SSE,
}
_ITEMS: Final = [{"name": f"article number {n}", "price": n, "tags": ["a", "b"]} for n in range(32)]
"""About 2 KB of JSON."""
_SERVERS: Final = {
    "fresh": {},
    "warm": {"CONTEXT_REUSE": "warm"},
    "ONESHOT": {"V8_EXECUTE": "ONESHOT"},
    "POOLED": {"V8_EXECUTE": "POOLED"},
}


class _Case(NamedTuple):
    """A request and its answer's body."""

    server: str
    request: bytes
    body: bytes


def _request(worker: str, body: bytes = b"") -> bytes:
    head = (
        f"{'POST' if body else 'GET'} /{worker} HTTP/1.1\r\nhost: {worker}.workers.dev.localhost\r\n"
        "accept: */*\r\nuser-agent: isolane-bench\r\n"
    )
    if body:
        head += f"content-type: application/octet-stream\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _cases() -> dict[str, _Case]:
    order = {"items": _ITEMS}
    total = sum(range(len(_ITEMS)))
    answer = json.dumps({"total": total, **order}, separators=(",", ":")).encode()
    events = "".join(f"data: {number}\n\n" for number in range(1, _EVENTS + 1)).encode()
    hello = _request("hello")
    return {
        "hello": _Case("fresh", hello, b"hello"),
        "JSON, 2 KB": _Case("fresh", _request("json", json.dumps(order).encode()), answer),
        "1 MB up": _Case("fresh", _request("upload", b"x" * _MIB), b"1048576 120 120"),
        "1 MB down": _Case("fresh", _request("download"), b"x" * _MIB),
        "SSE, 10 events": _Case("fresh", _request("sse"), events),
        "hello, warm": _Case("warm", hello, b"hello"),
        "hello, ONESHOT": _Case("ONESHOT", hello, b"hello"),
        "hello, POOLED": _Case("POOLED", hello, b"hello"),
    }


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        servers = {}
        for name, settings in _SERVERS.items():
            plan.progress.tell(f"starting: {name}")
            servers[name] = await stack.enter_async_context(Server(_WORKERS, settings))
        contenders = {
            name: partial(
                servers[case.server].measure,
                name,
                case.request,
                case.body,
                connections=_CONNECTIONS,
                seconds=plan.seconds(_SECONDS),
            )
            for name, case in _cases().items()
        }
        for name, contender in contenders.items():
            plan.progress.tell(f"warming up: {name}")
            await contender(seconds=0.2)
        measured = await alternate(plan, contenders)
    notes = [
        f"{_CONNECTIONS} connections, a fresh context for each request but where it says warm; PINNED but where it says otherwise."
    ]
    return Findings(rows=measured.rows(), bars=_bars(measured), rounds=plan.rounds, notes=notes)


def _bars(measured: Measurements) -> list[Bar]:
    cpu = partial(measured.median, metric=CPU)
    unit = CPU.unit
    return [
        at_most("hello: CPU", 500, cpu("hello"), unit),
        at_least("hello: rate", 2500, measured.median("hello", RATE), "1/s"),
        at_most("hello: p99", 15, measured.median("hello", P99), "ms"),
        at_most("hello, ONESHOT: CPU", 2500, cpu("hello, ONESHOT"), unit),
    ]
