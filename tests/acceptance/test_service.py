"""What an operator relies on: misbehaving workers, lost hosts and leaving clients hurt nobody else."""

import concurrent.futures
import os
import signal
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.acceptance.dev_server import DevServer, dev_server, write_workers

WORKERS = {
    "hello": "export default { fetch() { return new Response('hello') } }",
    "leaky": (
        "export default { fetch() { const seen = [globalThis.left, [].patched, typeof Object.keys];"
        " globalThis.left = 1; Array.prototype.patched = 1; Object.keys = 1;"
        " return Response.json(seen) } }"
    ),
    "loop": "export default { fetch() { for (;;) {} } }",
    "top-loop": "for (;;) {}",
    "bomb": "export default { fetch() { const a = []; for (;;) a.push(new Array(1000).fill(1)) } }",
    "sleepy": "export default { async fetch() { await new Promise((r) => setTimeout(r, 300)); return new Response('ok') } }",
    "forever": "export default { async fetch() { await new Promise((r) => setTimeout(r, 1e6)) } }",
    "stuck": "export default { async fetch() { await new Promise(() => {}) } }",
    "syntax": "export default {\n  fetch() { return ( }\n}",
    "no-handler": "export default { task() {} }",
    "throws": "export default { fetch() { throw new TypeError('on purpose') } }",
    "wrong": "export default { fetch() { return 'text' } }",
    "newline": "export default { fetch() { return new Response('x', { headers: { a: 'b\\r\\nc: d' } }) } }",
    "breaks": (
        "export default { fetch() { let n = 0; return new Response(new ReadableStream({ pull(c) {"
        " if (n++ === 3) throw new Error('mid-stream'); c.enqueue(new Uint8Array(1000)) } })) } }"
    ),
    "size": "export default { async fetch(r) { let n = 0; for await (const c of r.body) n += c.length; return new Response(String(n)) } }",
    "echo": "export default { fetch(r) { return new Response(r.body, { headers: { 'x-got': r.headers.get('x-worker-name') ?? 'nothing' } }) } }",
    "proxy": "export default { async fetch(r) { const t = new URL(r.url).searchParams.get('to'); const a = await fetch(t); return new Response(await a.text(), a) } }",
    "after": (
        "export default { fetch(r, env, ctx) { ctx.waitUntil((async () => { await new Promise((r) => setTimeout(r, 100));"
        " await fetch(new URL(r.url).searchParams.get('to')) })()); return new Response('first') } }"
    ),
    "endless": (
        "export default { fetch(r, env, ctx) { const to = new URL(r.url).searchParams.get('to');"
        " return new Response(new ReadableStream({ async pull(c) { await new Promise((r) => setTimeout(r, 5));"
        " c.enqueue(new TextEncoder().encode('tick\\n')) }, cancel() { ctx.waitUntil(fetch(to)) } })) } }"
    ),
}


class Upstream(ThreadingHTTPServer):
    """A server for fetch(): /slow takes 200 ms, everything is counted."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.seen: list[str] = []
        super().__init__(("127.0.0.1", 0), _UpstreamHandler)
        self.base = f"http://127.0.0.1:{self.server_port}"


class _UpstreamHandler(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        if self.path == "/slow":
            time.sleep(0.2)
        body = f"upstream {self.path}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """An HTTP server on loopback."""
    with Upstream() as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module", params=["PINNED", "POOLED", "ONESHOT"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DevServer]:
    """``isolane dev`` in each pooling mode."""
    folder = write_workers(tmp_path_factory.mktemp("workers"), WORKERS)
    with dev_server(
        folder, V8_EXECUTE=request.param, WORKER_POOL_SIZE="2", WALL_CLOCK_TIMEOUT_MS="3000",
        ISOLATE_HEAP_MAX_MB="30", CPU_TIME_LIMIT_MS="1000", MAX_REQUEST_BODY_BYTES=str(200 << 20),
    ) as server:  # fmt: skip
        yield server


@pytest.mark.parametrize(
    ("worker", "status", "reason", "text"),
    [
        ("loop", 429, "CpuTimeLimit", "CPU"),
        ("top-loop", 429, "CpuTimeLimit", "CPU"),
        ("bomb", 429, "MemoryLimit", "memory"),
        ("forever", 504, "WallClockTimeout", "wall"),
        ("stuck", 500, "Exception", "can never settle"),
        ("syntax", 500, "InitializationError", "2:"),
        ("no-handler", 501, None, "fetch"),
        ("throws", 500, "Exception", "on purpose"),
        ("wrong", 500, "Exception", "Response"),
        ("newline", 500, "Exception", "can not contain character 13"),
    ],
)
def test_each_misbehaviour_is_one_answer_and_the_next_request_is_served(
    server: DevServer, worker: str, status: int, reason: str | None, text: str
) -> None:
    """The status, the reason, a text that helps; and the service goes on."""
    response = server.get(worker)
    assert response.status_code == status
    assert response.headers.get("x-termination-reason") == reason
    assert text in response.text
    assert server.get("hello").text == "hello"


def test_while_some_misbehave_the_others_are_answered(server: DevServer) -> None:
    """Loops and bombs on all lanes: another worker's requests succeed all the same."""
    with concurrent.futures.ThreadPoolExecutor(12) as threads:
        bad = [threads.submit(server.get, worker) for worker in ["loop", "bomb", "top-loop"] * 3]
        good = [threads.submit(server.get, "hello") for _ in range(30)]
        assert {future.result().text for future in good} == {"hello"}
        assert {future.result().status_code for future in bad} <= {429}


def test_requests_of_a_worker_share_nothing(server: DevServer) -> None:
    """Neither globals nor patched prototypes."""
    for _ in range(5):
        assert server.get("leaky").json() == [None, None, "function"]


def test_a_body_that_breaks_off_is_no_complete_answer(server: DevServer) -> None:
    """The client can tell; the next request is served."""
    with pytest.raises(httpx.RemoteProtocolError):
        server.get("breaks")
    assert server.get("hello").text == "hello"


def test_a_large_body_streams_through(server: DevServer) -> None:
    """100 MB in, with a heap of 30 MB."""
    chunk = bytes(1 << 20)
    response = server.get("size", method="POST", content=(chunk for _ in range(100)))
    assert response.text == str(100 << 20)


def test_an_echo_is_intact(server: DevServer) -> None:
    """Bytes in, the same bytes out; the runner's own headers never reach the worker."""
    body = os.urandom(3 << 20)
    response = server.get("echo", method="POST", content=body)
    assert response.content == body
    assert response.headers["x-got"] == "nothing"


def test_requests_that_wait_for_fetch_wait_together(server: DevServer, upstream: Upstream) -> None:
    """Eight that await 200 ms each do not wait for each other."""
    path = f"/?to={upstream.base}/slow"
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        server.get("proxy", path)
        began = time.monotonic()
        answers = list(threads.map(lambda _: server.get("proxy", path).text, range(8)))
        took = time.monotonic() - began
    assert answers == ["upstream /slow"] * 8
    assert took < 1.2  # one after the other it would be 1.6 s; benchmarks/ holds the bar of 0.4 s


def test_wait_until_goes_on_when_the_response_is_out(server: DevServer, upstream: Upstream) -> None:
    """The client does not wait for it."""
    mark = f"/after-{time.monotonic_ns()}"
    assert server.get("after", f"/?to={upstream.base}{mark}").text == "first"
    wait_for(lambda: mark in upstream.seen)


def test_when_the_client_leaves_the_stream_is_cancelled(
    server: DevServer, upstream: Upstream
) -> None:
    """Its cancel() runs, and what it hands to waitUntil is done."""
    mark = f"/cancelled-{time.monotonic_ns()}"
    headers = {"x-worker-name": "endless"}
    with server.client.stream("GET", f"/?to={upstream.base}{mark}", headers=headers) as response:
        assert next(response.iter_lines()) == "tick"
    wait_for(lambda: mark in upstream.seen)


def test_a_killed_host_is_replaced(server: DevServer) -> None:
    """kill -9 under load: only what ran on the host is lost, and the service answers again within a second."""
    before = server.hosts()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        load = [threads.submit(server.get, "sleepy") for _ in range(8)]
        time.sleep(0.15)
        os.kill(before[0], signal.SIGKILL)
        killed = time.monotonic()
        answers = [future.result() for future in load]
    assert {answer.status_code for answer in answers} <= {200, 502}
    assert server.get("hello").text == "hello"
    assert time.monotonic() - killed < 2.5
    wait_for(lambda: len(server.hosts()) == len(before) and before[0] not in server.hosts())


def wait_for(condition: object) -> None:
    """Return when it is true; fail when that takes long."""
    assert callable(condition)
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_nothing_is_left_when_the_runner_is_killed(tmp_path: Path) -> None:
    """kill -9 of the runner, with a host in a loop: no process is left after two seconds."""
    write_workers(tmp_path, WORKERS)
    with dev_server(tmp_path, WORKER_POOL_SIZE="2", CPU_TIME_LIMIT_MS="0") as server:
        hosts = server.hosts()
        assert len(hosts) == 2
        Thread(target=lambda: silently(server), daemon=True).start()
        time.sleep(0.3)
        server.process.kill()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in hosts))


def silently(server: DevServer) -> None:
    """Send a request whose answer will not come."""
    try:
        httpx.get(server.base, headers={"x-worker-name": "loop"}, timeout=10, trust_env=False)
    except httpx.TransportError:
        return


def test_sigterm_drains(tmp_path: Path) -> None:
    """What runs is finished, new requests are refused, the exit code is 0."""
    write_workers(tmp_path, WORKERS)
    with (
        dev_server(tmp_path, WORKER_POOL_SIZE="1") as server,
        concurrent.futures.ThreadPoolExecutor(1) as threads,
    ):
        running = threads.submit(server.get, "sleepy")
        time.sleep(0.15)
        server.process.send_signal(signal.SIGTERM)
        assert running.result().text == "ok"
        assert server.process.wait(10) == 0


def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    """No traceback: the address, and what to do."""
    write_workers(tmp_path, {"hello": WORKERS["hello"]})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(AssertionError, match="in use") as failure:
            DevServer.start(tmp_path, "--port", port)
    assert "Traceback" not in str(failure.value)
