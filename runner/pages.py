"""The index page of ``isolane dev``: which workers there are, and how to call them.

Must not know how requests arrive.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.events.fetch import Request

Page = tuple[int, str, bytes]

_TEXT: Final = "text/plain; charset=utf-8"
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Isolane</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.4rem }} li {{ margin: .8rem 0 }} ul {{ list-style: none; padding: 0 }}
code {{ font: .85rem ui-monospace, monospace; opacity: .75; overflow-wrap: anywhere }}
</style>
<h1>Workers on this machine</h1>
{workers}
"""
_NONE: Final = (
    "<p>There is none yet: put a <code>NAME.js</code> into the folder that is served.</p>"
)


class Listed(NamedTuple):
    """A worker on the page."""

    id: str
    name: str


class Pages:
    """Answers what addresses no worker. ``base`` is where we listen, ``domain`` what workers' names stand before."""

    def __init__(self, base: str, domain: str) -> None:
        self._base = base
        self._port = base.rpartition(":")[2]
        self._domain = domain

    def address(self, worker: Listed) -> str:
        return f"http://{worker.name}.{self._domain}:{self._port}/"

    def curl(self, worker: Listed) -> str:
        return f"curl -H 'x-worker-name: {worker.name}' {self._base}/"

    def answer(self, request: Request, listed: Sequence[Listed]) -> Page | None:
        """Return the index, or nothing where a worker was meant."""
        if request.method not in {"GET", "HEAD"}:
            return None
        if request.path == "/favicon.ico":
            return 204, _TEXT, b""
        if request.path != "/":
            return None
        accept = next((value for name, value in request.headers if name == "accept"), "")
        if "text/html" in accept:
            return 200, "text/html; charset=utf-8", self._html(listed)
        if request.wants_json:
            return 200, "application/json", self._json(listed)
        lines = [self.curl(worker) for worker in listed]
        return 200, _TEXT, ("\n".join(lines) + "\n").encode()

    def _html(self, listed: Sequence[Listed]) -> bytes:
        items = [
            f'<li><a href="{html.escape(self.address(worker))}">{html.escape(worker.name)}</a>'
            f"<br><code>{html.escape(self.curl(worker))}</code></li>"
            for worker in listed
        ]
        workers = "<ul>\n" + "\n".join(items) + "\n</ul>" if items else _NONE
        return _PAGE.format(workers=workers).encode()

    def _json(self, listed: Sequence[Listed]) -> bytes:
        workers = [
            {"id": worker.id, "name": worker.name, "url": self.address(worker)} for worker in listed
        ]
        return msgspec.json.encode({"workers": workers}) + b"\n"
