"""What a real server can do to a client, for the suites of fetch: paths below ``/server/``, each as its query says.

A suite asks for ``/server/NAME?...`` and finds out by other paths what the server saw of it. Must not know suites.
"""

from __future__ import annotations

import json
import socket
import struct
from threading import Condition
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler

PREFIX: Final = "/server/"
_WAIT_S: Final = 20.0
_PIECE: Final = 65536


class Scenes:
    """The behaviours, and what happened in them: a set of words that suites wait for."""

    def __init__(self) -> None:
        self._happened: dict[str, Any] = {}
        self._changed = Condition()

    def play(self, it: BaseHTTPRequestHandler) -> None:
        """Answer a request whose path is below the prefix."""
        parts = urlsplit(it.path)
        query = {
            name: values[-1]
            for name, values in parse_qs(
                parts.query, keep_blank_values=True, encoding="latin-1"
            ).items()
        }
        scene: Callable[[BaseHTTPRequestHandler, dict[str, str]], None]
        scene = getattr(self, "_" + parts.path.removeprefix(PREFIX))
        scene(it, query)

    def _tell(self, word: str, value: Any = True) -> None:
        with self._changed:
            self._happened[word] = value
            self._changed.notify_all()

    def _wait(self, word: str) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: word in self._happened, _WAIT_S)
            return self._happened.get(word)

    def _echo(self, it: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        """Say what came."""
        body = b"".join(_body(it))
        seen = {
            "method": it.command,
            "target": it.path,
            "headers": [[name.lower(), value] for name, value in it.headers.items()],
            "body": body.decode("latin-1"),
            "connection": it.client_address[1],
        }
        self._tell(f"echo {query.get('key', '')}", seen)
        _answer(it, json.dumps(seen).encode())

    def _raw(self, it: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        """Send bytes as they are, with ``long`` characters for ``LONG``, then ``keep``, ``close``, ``reset`` or ``hang`` until the client left.

        With ``unread`` what it sends is not read before it says ``drain KEY``.
        """
        if "unread" not in query:
            for _ in _body(it):
                pass
        long = b"x" * int(query.get("long", "0"))
        data = query.get("bytes", "").encode("latin-1").replace(b"LONG", long)
        try:
            it.wfile.write(data)
        except OSError:
            self._tell(f"gone {query.get('key', '')}")
            it.close_connection = True
            return
        self._after(it, query)

    def _after(self, it: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        then = query.get("then", "close")
        it.close_connection = then != "keep"
        if then == "reset":
            linger = struct.pack("ii", 1, 0)
            it.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif then == "hang":
            self._tell(f"hanging {query.get('key', '')}")
            if "unread" in query:
                self._wait(f"drain {query.get('key', '')}")
            _until_closed(it)
            self._tell(f"gone {query.get('key', '')}")

    def _duplex(self, it: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        """Answer with what comes, while it comes."""
        it.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in _body(it):
            it.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        it.wfile.write(b"0\r\n\r\n")

    def _wait_for(self, it: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        """Answer when a word was told, with what it came with; null when it was not."""
        _answer(it, json.dumps(self._wait(query["word"])).encode())

    def _tell_that(self, it: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        self._tell(query["word"])
        _answer(it, b"true")

    def _closed_port(self, it: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
        _answer(it, str(port).encode())


def _answer(it: BaseHTTPRequestHandler, body: bytes) -> None:
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    it.wfile.write(head.encode() + body)


def _body(it: BaseHTTPRequestHandler) -> Any:
    """Give the request's body in pieces."""
    if it.headers.get("transfer-encoding") == "chunked":
        while size := int(it.rfile.readline() or b"0", 16):
            yield it.rfile.read(size)
            it.rfile.readline()
        it.rfile.readline()
        return
    left = int(it.headers.get("content-length", "0"))
    while left and (piece := it.rfile.read(min(left, _PIECE))):
        left -= len(piece)
        yield piece


def _until_closed(it: BaseHTTPRequestHandler) -> None:
    """Read until the client has closed the connection."""
    it.connection.settimeout(_WAIT_S)
    try:
        while it.connection.recv(_PIECE):
            pass
    except OSError:
        return
