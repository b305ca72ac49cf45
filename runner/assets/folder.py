"""Files of a folder of this machine, sent as a request wants them. Threads wait for the disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pools.protocol import STREAM_WINDOW_BYTES
from runner.assets.answer import FRESH, INLINE_BYTES
from runner.assets.conditions import part_of
from runner.assets.files import open_first
from runner.errors import OpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from runner.assets.answer import Answer
    from runner.assets.content_types import ContentTypes
    from runner.assets.files import OpenFile
    from runner.assets.paths import Candidate

_READ_BYTES: Final = STREAM_WINDOW_BYTES


async def send_from_folder(
    answer: Answer,
    folder: str,
    names: Sequence[Candidate],
    headers: Mapping[str, str],
    slashed: str,
    types: ContentTypes,
) -> None:
    """Answer with the first of the files that is there; ``slashed`` is where the index of a folder is."""
    file = await _opened(folder, names) if folder else None
    if file is None:
        answer.refuse(404)
        return
    with file:
        if file.candidate.redirects:
            answer.send(307, [("location", slashed)])
        else:
            await _send(answer, file, headers, types.of(file.candidate.name))


async def _send(answer: Answer, file: OpenFile, conditions: Mapping[str, str], kind: str) -> None:
    version = file.version
    part = part_of(version, conditions)
    headers = [FRESH, ("etag", version.etag), ("last-modified", version.last_modified)]
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
    chunks = _read(file, part.start, part.stop)
    if not answer.wants_body:
        answer.send(part.status, headers)
    elif size <= INLINE_BYTES:
        answer.send(part.status, headers, b"".join([chunk async for chunk in chunks]))
    else:
        await answer.stream(part.status, headers, chunks)


async def _opened(folder: str, names: Sequence[Candidate]) -> OpenFile | None:
    opening = asyncio.get_running_loop().run_in_executor(None, open_first, folder, names)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread goes on, and what it opens is nobody's.
        opening.add_done_callback(_close_opened)
        raise


def _close_opened(opening: asyncio.Future[OpenFile | None]) -> None:
    file = opening.result()
    if file is not None:
        file.close()


async def _read(file: OpenFile, start: int, stop: int) -> AsyncIterator[bytes]:
    while start < stop:
        chunk = await asyncio.to_thread(file.read, start, min(_READ_BYTES, stop - start))
        if not chunk:
            raise OpError("Error", "the file became shorter while it was read")
        start += len(chunk)
        yield chunk
