"""The way back of one request for a file. Must not know where files are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from pools.protocol import STREAM_WINDOW_BYTES
from runner.errors import OpError, StreamError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.ops.registry import OpCall

Headers = list[tuple[str, str]]

INLINE_BYTES: Final = STREAM_WINDOW_BYTES // 4
"""A body of no more comes with its head."""
FRESH: Final = ("cache-control", "public, max-age=0, must-revalidate")
"""Copies may be kept, and are asked about each time: a deployment is seen at once."""
_REASONS: Final = {
    200: "OK",
    206: "Partial Content",
    304: "Not Modified",
    307: "Temporary Redirect",
    404: "Not Found",
    405: "Method Not Allowed",
    416: "Range Not Satisfiable",
}


class Answer:
    """Answers an op as ``fetch`` does. ``wants_body`` is false for HEAD."""

    def __init__(self, call: OpCall, url: str, *, wants_body: bool) -> None:
        self._call = call
        self._url = url.partition("#")[0]
        self.wants_body = wants_body

    def send(self, status: int, headers: Headers, content: bytes | None = None) -> None:
        """Answer at once; ``content`` is all of the body."""
        body = "bytes" if content and self.wants_body else None
        self._call.resolve(self._head(status, headers, body), content if body else None)

    def refuse(self, status: int, *more: tuple[str, str]) -> None:
        """Answer with an error that has its own words as body."""
        text = f"{_REASONS[status]}\n".encode()
        kind = ("content-type", "text/plain; charset=utf-8")
        self.send(status, [*more, kind, ("content-length", f"{len(text)}")], text)

    async def stream(self, status: int, headers: Headers, chunks: AsyncIterator[bytes]) -> None:
        """Answer with a body that comes in chunks; their OpErrors are the stream's."""
        body = self._call.open_body()
        task = asyncio.current_task()
        assert task is not None
        body.on_cancel = task.cancel
        self._call.resolve(self._head(status, headers, "stream"))
        try:
            async for chunk in chunks:
                await body.write(chunk)
        except OpError as error:
            body.close(StreamError(error.name, error.message))
        else:
            body.close()

    def _head(self, status: int, headers: Headers, body: str | None) -> dict[str, Any]:
        return {
            "status": status,
            "statusText": _REASONS.get(status, ""),
            "headers": headers,
            "url": self._url,
            "redirected": False,
            "body": body,
        }
