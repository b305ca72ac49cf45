"""One file as a request wants it: whole, a range, or word that it has not changed. Must not know where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.assets.answer import FRESH, INLINE_BYTES
from runner.assets.conditions import part_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from runner.assets.answer import Answer, Headers
    from runner.assets.conditions import Version


async def send_file(
    answer: Answer,
    version: Version,
    kind: str,
    conditions: Mapping[str, str],
    read: Callable[[int, int], AsyncIterator[bytes]],
) -> None:
    """Answer with a file of a content type (``kind``). ``read(start, stop)`` yields its bytes, or raises OpError."""
    part = part_of(version, conditions)
    headers: Headers = [FRESH, ("etag", version.etag)]
    if version.last_modified is not None:
        headers.append(("last-modified", version.last_modified))
    if part.status == 304:
        answer.send(304, headers)
        return
    if part.status == 416:
        answer.refuse(416, ("content-range", part.content_range))
        return
    size = part.stop - part.start
    headers += [("accept-ranges", "bytes"), ("content-length", f"{size}"), ("content-type", kind)]
    if part.content_range:
        headers.append(("content-range", part.content_range))
    if not answer.wants_body:
        answer.send(part.status, headers)
        return
    chunks = read(part.start, part.stop)
    if size <= INLINE_BYTES:
        answer.send(part.status, headers, b"".join([chunk async for chunk in chunks]))
    else:
        await answer.stream(part.status, headers, chunks)
