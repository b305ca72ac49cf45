"""A server that tasks are sent to, in a thread of its own: it remembers what it was asked, and answers what the path says."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Hit(NamedTuple):
    """A request as it came, and when (ms since 1970). Names of headers are in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at_ms: int


class Target:
    """``/STATUS/...`` is answered with that status, ``/hold/...`` not before ``released``, ``/once/...`` with 503 the first time.

    All others, and these afterwards, with 200.
    """

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.released = threading.Event()
        self._changed = threading.Condition()
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                at_ms = time.time_ns() // 1_000_000
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with target._changed:
                    known = any(hit.path == self.path for hit in target.hits)
                    target.hits.append(Hit(self.command, self.path, headers, body, at_ms))
                    target._changed.notify_all()
                first = self.path.split("/")[1]
                if first == "hold":
                    target.released.wait(60)
                answer = b"done"
                if first == "once":
                    status = 200 if known else 503
                else:
                    status = int(first) if first.isdigit() else 200
                self.send_response(status)
                self.send_header("content-length", f"{len(answer)}")
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

            def handle_error(self, *arguments: object) -> None:
                """Who asks may be killed while it does."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_until(self, condition: Callable[[list[Hit]], bool], timeout_s: float = 60) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.hits), timeout_s), len(self.hits)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
