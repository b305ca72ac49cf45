"""Where backups are kept: all of one, or nothing."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from runner.backup.errors import BackupPlaceError
from runner.backup.making import make_backup
from runner.backup.place import describe, find, kept, prune
from runner.backup.places import PlaceSettings, open_place
from runner.backup.progress import Unwatched
from runner.backup.verifying import verify
from tests.integration.backup.keeping import query

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from runner.backup.place import Place

NAMES = [f"isolane-2026010{day}T000000.000Z.backup" for day in range(1, 6)]
PART = 32 << 20


@pytest.fixture(params=["folder", "bucket"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> PlaceSettings:
    if request.param == "folder":
        return PlaceSettings(folder=str(tmp_path / "backups"))
    bucket = request.getfixturevalue("bucket")
    assert isinstance(bucket, PlaceSettings)
    return bucket


async def give(*blocks: bytes) -> AsyncGenerator[bytes]:
    for block in blocks:
        yield block


async def give_up(*blocks: bytes) -> AsyncGenerator[bytes]:
    for block in blocks:
        yield block
    raise RuntimeError("on the way")


async def content(place: Place, name: str, start: int = 0) -> bytes:
    async with aclosing(place.read(name, start)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_what_is_put_is_listed_read_and_deleted(settings: PlaceSettings) -> None:
    """Other names beside them are nobody's business, the newest comes first."""
    async with open_place(settings) as place:
        assert await kept(place) == []
        for name in NAMES:
            await place.put(name, give(b"abc", name.encode()))
        await place.put("notes.txt", give(b"mine"))
        assert [one.name for one in await kept(place)] == NAMES[::-1]
        assert (await find(place, "latest")).name == NAMES[-1]
        assert await content(place, NAMES[0]) == b"abc" + NAMES[0].encode()
        assert await content(place, NAMES[0], 3) == NAMES[0].encode()
        assert await prune(place, 2) == NAMES[2::-1]
        assert await prune(place, 0) == []
        assert sorted(await place.sizes()) == [*NAMES[3:], "notes.txt"]
        await place.delete(NAMES[0])


async def test_what_is_not_finished_is_not_there(settings: PlaceSettings) -> None:
    """Small or in many parts: under its name there is nothing, and nothing is left."""
    async with open_place(settings) as place:
        for blocks in ((b"abc",), (bytes(PART), bytes(PART), b"x")):
            with pytest.raises(RuntimeError, match="on the way"):
                await place.put(NAMES[0], give_up(*blocks))
        assert await place.sizes() == {}
    if settings.endpoint:
        uploads = httpx.get(f"{settings.endpoint}/{settings.bucket}?uploads", trust_env=False)
        assert "<Upload>" not in uploads.text


async def test_a_backup_goes_there_and_comes_back(settings: PlaceSettings, source: str) -> None:
    query(source, "INSERT INTO users (username) VALUES ('u')")
    async with open_place(settings) as place:
        backup = await make_backup(source, place, NAMES[0], Unwatched())
        assert await place.sizes() == {NAMES[0]: backup.size}
        assert await describe(place, NAMES[0], backup.size) == backup.manifest
        async with aclosing(place.read(NAMES[0])) as chunks:
            assert await verify(chunks, NAMES[0], backup.size, Unwatched()) == backup.manifest


async def test_a_large_one_goes_in_parts(bucket: PlaceSettings) -> None:
    """Neither its length nor the whole is known to anybody on the way."""
    async with open_place(bucket) as place:
        blocks = [bytes([number]) * (PART // 4) for number in range(9)]
        await place.put(NAMES[0], give(*blocks))
        assert await place.sizes() == {NAMES[0]: 9 * (PART // 4)}
        assert await content(place, NAMES[0]) == b"".join(blocks)


async def test_a_name_is_given_once(tmp_path: Path) -> None:
    async with open_place(PlaceSettings(folder=str(tmp_path))) as place:
        await place.put(NAMES[0], give(b"first"))
        with pytest.raises(BackupPlaceError, match="already"):
            await place.put(NAMES[0], give(b"second"))
        assert await content(place, NAMES[0]) == b"first"
        assert [path.name for path in tmp_path.iterdir()] == [NAMES[0]]


async def test_what_others_are_writing_stays(tmp_path: Path) -> None:
    """Only what has no writer any more is swept."""
    left = tmp_path / f".{NAMES[1]}.part"
    left.write_bytes(b"left")
    async with open_place(PlaceSettings(folder=str(tmp_path))) as place:

        async def both() -> AsyncGenerator[bytes]:
            yield b"a"
            await place.put(NAMES[2], give(b"other"))
            yield b"b"

        await place.put(NAMES[0], both())
        assert await content(place, NAMES[0]) == b"ab"
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAMES[0], NAMES[2]]


async def test_an_address_where_nobody_listens_is_said(bucket: PlaceSettings) -> None:
    nowhere = PlaceSettings(
        method="OBJECT_STORAGE",
        endpoint="http://127.0.0.1:1",
        access_key="a",
        secret_key="b",
        bucket=bucket.bucket,
    )
    async with open_place(nowhere) as place:
        with pytest.raises(
            BackupPlaceError, match=f"s3://{bucket.bucket}: .* refused the connection"
        ):
            await place.sizes()


async def test_what_vanishes_while_a_folder_is_listed_hides_none_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another runner deletes old ones."""
    for name in NAMES:
        (tmp_path / name).write_bytes(b"abc")
    is_file = Path.is_file

    def vanishing(path: Path) -> bool:
        found = is_file(path)
        if path.name == NAMES[0]:
            path.unlink()
        return found

    monkeypatch.setattr(Path, "is_file", vanishing)
    async with open_place(PlaceSettings(folder=str(tmp_path))) as place:
        assert sorted(one.name for one in await kept(place)) == NAMES[1:]
