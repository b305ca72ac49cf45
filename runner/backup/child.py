"""A process that makes one backup and ends: reading millions of rows is no work for the loop that serves requests.

Its first line of stdin is a :class:`Job`, its line on stdout a :class:`Made` or :class:`Failed`. It ends when stdin does: with its runner.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import Final

import msgspec

from runner.backup.places import PlaceSettings

NICENESS: Final = 10


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made."""

    database_url: str
    place: PlaceSettings
    name: str
    keep: int
    """Of all that are there afterwards; 0: all."""

    def __repr__(self) -> str:
        return f"Job({self.name})"


class Made(msgspec.Struct, frozen=True, kw_only=True, tag="made"):
    """It is there."""

    place: str
    rows: int
    bytes: int
    pruned: list[str]


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """It is not."""

    error: str


async def _make(job: Job) -> Made | Failed:
    from runner.backup.making import make_backup
    from runner.backup.place import prune
    from runner.backup.places import open_place
    from runner.backup.progress import Unwatched
    from runner.errors import RunnerError

    try:
        async with open_place(job.place) as place:
            backup = await make_backup(job.database_url, place, job.name, Unwatched())
            pruned = await prune(place, job.keep)
            return Made(
                place=place.described, rows=backup.manifest.rows, bytes=backup.size, pruned=pruned
            )
    except RunnerError as error:
        return Failed(error=str(error))


async def _main() -> None:
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    job = msgspec.json.decode(await reader.readline(), type=Job)
    making = asyncio.create_task(_make(job), name="backup")
    left = asyncio.create_task(reader.read(), name="runner")
    left.add_done_callback(lambda _: making.cancel())
    with suppress(asyncio.CancelledError):
        answer = await making
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()
    left.cancel()


if __name__ == "__main__":
    os.nice(NICENESS)
    asyncio.run(_main())
