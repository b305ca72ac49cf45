"""Bodies that came encoded: a worker that reads them gets what is in them, one that passes them on passes on the encoding."""

from __future__ import annotations

import gzip
import random
import zlib
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import brotli
import pytest
from backports import zstd

from tests.integration.conftest import Cli, Dev

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

SMALL = b"some words, " * 400
LARGE = random.Random(1).randbytes(700_000)


def _gzip(data: bytes) -> bytes:
    """Return the same bytes whenever it is asked."""
    return gzip.compress(data, mtime=0)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=1),
    "zstd": zstd.compress,
    "gzip, br": lambda data: brotli.compress(_gzip(data), quality=1),
}
WORKER = """
const HOW = {
  itself: response => response,
  rewrapped: response => new Response(response.body, response),
  stream: response => new Response(response.body, { headers: { 'content-length': '12', 'x-own': '1' } }),
  headers: response => new Response(response.body, { headers: { 'content-encoding': 'gzip' } }),
  clone: response => { const copy = response.clone(); return copy; },
  cloned: async response => { const copy = response.clone(); await copy.text(); return response; },
  read: async response => new Response(await response.arrayBuffer()),
  text: async response => new Response(await response.text()),
  transformed: response => new Response(response.body.pipeThrough(new TransformStream())),
  tee: response => new Response(response.body.tee()[0]),
};
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const response = await fetch(searchParams.get('url'), { method: request.method });
    if (pathname === '/seen') {
      return Response.json([response.headers.get('content-encoding'), response.headers.get('content-length')]);
    }
    return HOW[pathname.slice(1)](response);
  },
};
"""
AROUND = """
export default {
  fetch: request => fetch('http://pass.workers.rocks' + request.url.slice(request.url.indexOf('/', 8)), request),
};
"""


class Upstream(BaseHTTPRequestHandler):
    """``/ENCODING/small`` and ``/ENCODING/large``; ``/ENCODING/cut`` ends too early, ``/ENCODING/304`` has no body."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        encoding, size = self.path[1:].replace("%20", " ").split("/")
        data = PACK[encoding](LARGE if size == "large" else SMALL)
        data = data[:-9] if size == "cut" else data
        self.send_response(304 if size == "304" else 200)
        self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and size != "304":
            with suppress(ConnectionError):
                self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815 - as the base has it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base has it
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, snapshots: Path, services: dict[str, str]
) -> Iterator[Dev]:
    cli = Cli(tmp_path_factory.mktemp("encoded"), snapshots)
    cli.write("w/pass.js", WORKER)
    cli.write("w/around.js", AROUND)
    running = Dev(cli, "w", FETCH_ALLOW_PRIVATE_NETWORK="true", **services)
    yield running
    assert running.stop() == 0


def raw(
    running: Dev, target: str, accept: str | None, **options: Any
) -> tuple[httpx.Response, bytes]:
    """Return the answer, and its body without httpx undoing its encoding."""
    worker = options.pop("worker", "pass")
    headers = {"x-worker-name": worker, "accept-encoding": accept or ""}
    request = running.http.build_request(options.pop("method", "GET"), target, headers=headers)
    if accept is None:
        del request.headers["accept-encoding"]
    response = running.http.send(request, stream=True)
    try:
        return response, b"".join(response.iter_raw())
    finally:
        response.close()


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("how", ["itself", "rewrapped", "stream"])
def test_what_is_not_read_is_passed_on_as_it_was_encoded(
    running: Dev, upstream: str, how: str, size: str, encoding: str
) -> None:
    response, body = raw(
        running, f"/{how}?url={upstream}/{encoding}/{size}", "gzip, br, deflate, zstd"
    )
    assert response.headers["content-encoding"] == encoding
    assert response.headers["vary"] == "accept-encoding"
    assert body == PACK[encoding](SMALL if size == "small" else LARGE)
    assert response.headers.get("content-length", str(len(body))) == str(len(body))


@pytest.mark.parametrize("accept", [None, "", "identity", "deflate, br;q=0, *;q=0", "gzip;q=0"])
@pytest.mark.parametrize("size", ["small", "large"])
def test_a_client_that_does_not_take_the_encoding_gets_what_is_in_it(
    running: Dev, upstream: str, size: str, accept: str | None
) -> None:
    response, body = raw(running, f"/itself?url={upstream}/gzip/{size}", accept)
    assert "content-encoding" not in response.headers
    assert response.headers["vary"] == "accept-encoding"
    assert body == (SMALL if size == "small" else LARGE)


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("how", ["read", "transformed", "tee"])
def test_what_is_read_comes_without_its_encoding(
    running: Dev, upstream: str, how: str, size: str
) -> None:
    response, body = raw(running, f"/{how}?url={upstream}/br/{size}", "br")
    assert "content-encoding" not in response.headers
    assert body == (SMALL if size == "small" else LARGE)


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("how", ["clone", "cloned"])
def test_a_clone_is_as_good_as_what_it_was_made_of(
    running: Dev, upstream: str, how: str, size: str
) -> None:
    """What came in one piece is passed on as it was encoded, beside a clone that was read; of a stream the clone is a branch."""
    response, body = raw(running, f"/{how}?url={upstream}/br/{size}", "br")
    encoded = response.headers.get("content-encoding") == "br"
    assert (brotli.decompress(body) if encoded else body) == (SMALL if size == "small" else LARGE)


@pytest.mark.parametrize("size", ["small", "large"])
def test_headers_that_name_the_encoding_again_are_true(
    running: Dev, upstream: str, size: str
) -> None:
    """A worker that says the encoding itself gets what it says, whatever the client asked for."""
    response, body = raw(running, f"/headers?url={upstream}/gzip/{size}", None)
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == (SMALL if size == "small" else LARGE)


def test_workers_do_not_see_the_encoding(running: Dev, upstream: str) -> None:
    response, body = raw(running, f"/seen?url={upstream}/gzip/small", "gzip")
    assert (response.status_code, body) == (200, b"[null,null]")


@pytest.mark.parametrize(("method", "size"), [("HEAD", "small"), ("GET", "304")])
def test_headers_without_a_body_stay_as_they_are(
    running: Dev, upstream: str, method: str, size: str
) -> None:
    response, body = raw(running, f"/itself?url={upstream}/gzip/{size}", "gzip", method=method)
    assert response.headers["content-encoding"] == "gzip"
    assert body == b""
    if method == "HEAD":
        assert response.headers["content-length"] == str(len(_gzip(SMALL)))


@pytest.mark.parametrize("accept", ["gzip", None])
@pytest.mark.parametrize("size", ["small", "large"])
def test_an_encoding_goes_through_several_workers(
    running: Dev, upstream: str, size: str, accept: str | None
) -> None:
    target = f"/itself?url={upstream}/gzip/{size}"
    response, body = raw(running, target, accept, worker="around")
    assert response.headers.get("content-encoding") == accept
    assert (gzip.decompress(body) if accept else body) == (SMALL if size == "small" else LARGE)


def test_a_body_that_ends_too_early_is_told_to_who_reads_it(running: Dev, upstream: str) -> None:
    """Passed on it is the client's to find out; read it is an error."""
    response, body = raw(running, f"/itself?url={upstream}/gzip/cut", "gzip")
    assert (response.headers["content-encoding"], body) == ("gzip", _gzip(SMALL)[:-9])
    response, _ = raw(running, f"/text?url={upstream}/gzip/cut", "gzip")
    assert response.status_code == 500
