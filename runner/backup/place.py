"""Where backups are kept, as whoever makes or reads one sees it; names of backups, and how one is described without reading all of it."""

from __future__ import annotations

import re
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec

from runner.backup.archive import TAIL_BYTES, read_tail
from runner.backup.errors import DamagedBackupError
from runner.backup.manifest import Manifest
from runner.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

_NAME: Final = re.compile(r"isolane-(?P<time>[0-9]{8}T[0-9]{6}\.[0-9]{3})Z\.backup")
_TIME: Final = "%Y%m%dT%H%M%S.%f"
LATEST: Final = "latest"


class Kept(NamedTuple):
    """A backup that is there."""

    name: str
    bytes: int
    made_at: datetime


class Place(Protocol):
    """A folder, or a bucket. All methods raise ``BackupPlaceError`` when it is out of order."""

    @property
    def described(self) -> str:
        """Where it is, in words that may be shown."""
        ...

    async def sizes(self) -> dict[str, int]:
        """Return all names in it, with their bytes."""
        ...

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> None:
        """Keep what comes under a name: all of it, or nothing is under that name."""
        ...

    def read(self, name: str, start: int = 0) -> AsyncGenerator[bytes]:
        """Yield the bytes from ``start`` on."""
        ...

    async def delete(self, name: str) -> None: ...


def name_of(instant: datetime) -> str:
    return f"isolane-{instant.astimezone(UTC).strftime(_TIME)[:-3]}Z.backup"


async def kept(place: Place) -> list[Kept]:
    """Return the backups of a place, the newest first; whatever has another name is none."""
    found = []
    for name, size in (await place.sizes()).items():
        if match := _NAME.fullmatch(name):
            try:
                made_at = datetime.strptime(match["time"] + "000", _TIME).replace(tzinfo=UTC)
            except ValueError:
                continue
            found.append(Kept(name, size, made_at))
    return sorted(found, key=lambda one: one.name, reverse=True)


async def find(place: Place, name: str) -> Kept:
    """Return a backup by its name, or by ``latest``.

    Raises
    ------
    NotFoundError
        There is none.

    """
    for one in await kept(place):
        if name in {one.name, LATEST}:
            return one
    raise NotFoundError("backup", name)


async def describe(place: Place, name: str, size: int) -> Manifest:
    """Read what a backup says of itself: its end, not its rows. Whether these are as they were is not looked at.

    Raises
    ------
    DamagedBackupError
        It says nothing.

    """
    try:
        end = read_tail(await _whole(place, name, max(0, size - TAIL_BYTES)))
        after = size - TAIL_BYTES
        if not 0 <= end.manifest_at <= end.manifest_at + end.manifest_bytes <= after:
            raise ValueError("its end is damaged")
        content = await _whole(place, name, end.manifest_at)
        return msgspec.json.decode(content[: end.manifest_bytes], type=Manifest)
    except (ValueError, msgspec.DecodeError) as error:
        raise DamagedBackupError(name, str(error)) from None


async def prune(place: Place, keep: int) -> list[str]:
    """Delete all but the newest ``keep`` backups (0: none); return the names."""
    gone = [one.name for one in (await kept(place))[keep:]] if keep else []
    for name in gone:
        await place.delete(name)
    return gone


async def _whole(place: Place, name: str, start: int) -> bytes:
    async with aclosing(place.read(name, start)) as chunks:
        return b"".join([bytes(chunk) async for chunk in chunks])
