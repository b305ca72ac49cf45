"""Files of a folder of this machine, sent as a request wants them. Threads wait for the disk."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from pools.protocol import STREAM_WINDOW_BYTES
from runner.assets.files import open_first
from runner.assets.sending import send_file
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
            kind = types.of(file.candidate.name)
            await send_file(answer, file.version, kind, headers, partial(_read, file))


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
