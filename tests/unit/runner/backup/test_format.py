"""The form of a backup: what is written is read, and nothing else is."""

from __future__ import annotations

import io
import tarfile
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.backup.archive import BLOCK, END, HEAD, MANIFEST, TAIL_BYTES, ArchiveWriter, part_name
from runner.backup.errors import DamagedBackupError, NewerBackupError
from runner.backup.manifest import AppliedMigration, Head, Manifest, TablePart
from runner.backup.progress import Unwatched
from runner.backup.reader import PIECE, BackupReader
from runner.backup.tally import Tally
from runner.backup.verifying import verify

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

NOW = datetime(2026, 11, 22, 11, 30, tzinfo=UTC)
# Machines may be slow.
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
Tables = dict[str, list[bytes]]

rows = st.lists(
    st.binary(max_size=200).map(lambda row: row.replace(b"\n", b"") + b"\n"), max_size=30
)
tables = st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,62}", fullmatch=True), rows, max_size=4)


async def give(content: bytes, size: int = 100_000) -> AsyncGenerator[bytes]:
    """Give a file in pieces of some size."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def one_by_one(rows: list[bytes]) -> AsyncIterator[bytes]:
    for row in rows:
        yield row


async def written(given: Tables, in_one_part: int = 3) -> tuple[bytes, Manifest]:
    """Write a backup of these rows, some in a part."""
    archive = ArchiveWriter(int(NOW.timestamp()))
    head = Head(isolane="1.0", created_at=NOW)
    content = archive.member(HEAD, msgspec.json.encode(head))
    parts = []
    for table, rows in given.items():
        tally = Tally()
        for _ in [chunk async for chunk in tally.chunks(one_by_one(rows))]:
            pass
        for number, start in enumerate(range(0, len(rows), in_one_part), 1):
            frame = zstd.compress(b"".join(rows[start : start + in_one_part]))
            content += archive.member(part_name(table, number), frame)
        parts.append(
            TablePart(
                table=table,
                columns=["a"],
                rows=tally.rows,
                bytes=tally.bytes,
                sha256=tally.sha256,
                content=tally.content,
            )
        )
    manifest = Manifest(
        isolane="1.0",
        created_at=NOW,
        postgresql="18.0",
        migrations=[AppliedMigration(1, "0001_a", "x")],
        tables=parts,
        sequences=[],
        secret_keys=[],
        tenant_databases=[],
        left_out=[],
    )
    return content + archive.end(msgspec.json.encode(manifest)), manifest


async def check(content: bytes, size: int = 100_000) -> Manifest:
    return await verify(give(content, size), "x.backup", len(content), Unwatched())


async def read(content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    async with aclosing(BackupReader(give(content), "x.backup").parts()) as parts:
        async for table, raw in parts:
            found[table] = found.get(table, b"") + raw
    return found


@CALM
@given(tables, st.integers(1, 5000))
async def test_what_is_written_is_read_however_it_comes(given: Tables, size: int) -> None:
    """Rows, their numbers and their sums are those that were there."""
    content, manifest = await written(given)
    assert await check(content, size) == manifest
    assert manifest.rows == sum(map(len, given.values()))
    assert await read(content) == {table: b"".join(rows) for table, rows in given.items() if rows}


@CALM
@given(tables, st.data())
async def test_any_byte_that_is_another_is_noticed(given: Tables, data: st.DataObject) -> None:
    """There is no place in a file where a change would not be seen."""
    content, _ = await written(given)
    at = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    with pytest.raises((DamagedBackupError, NewerBackupError)):
        await check(bytes(changed))


@CALM
@given(tables, st.data())
async def test_a_file_that_was_cut_off_or_continued_is_refused(
    given: Tables, data: st.DataObject
) -> None:
    content, _ = await written(given)
    end = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(DamagedBackupError):
        await check(content[:end])
    with pytest.raises(DamagedBackupError, match="behind its end"):
        await check(content + bytes(data.draw(st.integers(1, 2000))))


@CALM
@given(st.binary(max_size=3000))
async def test_a_foreign_file_is_no_backup(content: bytes) -> None:
    with pytest.raises(DamagedBackupError):
        await check(content)


async def test_each_bit_of_a_small_file_counts() -> None:
    """All of them, one after another."""
    content, _ = await written({"tasks": [b"1\n"], "kv": [b"2\n", b"3\n"]})
    for at in range(0, len(content), 7):
        changed = bytearray(content)
        changed[at] ^= 1
        with pytest.raises(DamagedBackupError):
            await check(bytes(changed))


async def test_tools_for_tar_and_zstd_can_read_it() -> None:
    """Rows can be had without Isolane."""
    content, manifest = await written({"tasks": [b"1\ta\n", b"2\tb\n", b"3\tc\n", b"4\td\n"]})
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = tar.getnames()
        files = [tar.extractfile(name) for name in names]
        read = {name: file.read() for name, file in zip(names, files, strict=True) if file}
    assert names == [HEAD, part_name("tasks", 1), part_name("tasks", 2), MANIFEST, END]
    frames = read[part_name("tasks", 1)] + read[part_name("tasks", 2)]
    assert zstd.decompress(frames) == b"1\ta\n2\tb\n3\tc\n4\td\n"
    assert msgspec.json.decode(read[MANIFEST], type=Manifest) == manifest
    assert len(content) % BLOCK == 0
    assert TAIL_BYTES == 4 * BLOCK


async def test_the_sum_of_rows_does_not_know_their_order_but_how_often_each_is_there() -> None:
    """PostgreSQL promises no order, and two rows may be equal where there is no key."""

    async def content(*rows: bytes) -> str:
        tally = Tally()
        async for _ in tally.chunks(one_by_one(list(rows))):
            pass
        return tally.content

    assert await content(b"a\n", b"b\n") == await content(b"b\n", b"a\n")
    assert await content(b"a\n", b"a\n") != await content()
    assert await content(b"a\n", b"b\n") != await content(b"a\n", b"c\n")


async def test_a_bomb_is_not_taken_into_memory() -> None:
    """However much a part comes to, it is handed on some at a time."""
    archive = ArchiveWriter(0)
    head = msgspec.json.encode(Head(isolane="1.0", created_at=NOW))
    content = archive.member(HEAD, head)
    content += archive.member(part_name("logs", 1), zstd.compress(bytes(20 * PIECE)))
    sizes = []
    with pytest.raises(DamagedBackupError, match="cut off"):
        async for _, raw in BackupReader(give(content), "x").parts():
            sizes.append(len(raw))
    assert sum(sizes) == 20 * PIECE
    assert max(sizes) <= PIECE


async def test_a_newer_form_is_named_before_anything_else_is_read() -> None:
    head = msgspec.json.encode(Head(format=2, isolane="9.0", created_at=NOW))
    with pytest.raises(NewerBackupError, match="its format is 2, not 1; restore it with that one"):
        await check(ArchiveWriter(0).member(HEAD, head))


async def test_parts_that_are_out_of_order_are_refused() -> None:
    """Even when all sums are right: no writer of ours makes it."""
    for names in (["a", "b", "a"], ["a"]):
        archive = ArchiveWriter(0)
        head = msgspec.json.encode(Head(isolane="1.0", created_at=NOW))
        content = archive.member(HEAD, head)
        for number, table in enumerate(names, 1 if len(names) > 1 else 2):
            content += archive.member(
                part_name(table, 1 if len(names) > 1 else number), zstd.compress(b"1\n")
            )
        with pytest.raises(DamagedBackupError, match="not in order"):
            await check(content)


async def test_a_manifest_of_other_rows_is_refused_though_the_file_is_whole() -> None:
    content, manifest = await written({"tasks": [b"1\n", b"2\n"]})
    part = msgspec.structs.replace(manifest.tables[0], rows=3)
    for tables, text in (([part], "not those it had"), ([], "of other tables")):
        archive = ArchiveWriter(int(NOW.timestamp()))
        head = msgspec.json.encode(Head(isolane="1.0", created_at=NOW))
        whole = archive.member(HEAD, head)
        whole += archive.member(part_name("tasks", 1), zstd.compress(b"1\n2\n"))
        whole += archive.end(msgspec.json.encode(msgspec.structs.replace(manifest, tables=tables)))
        with pytest.raises(DamagedBackupError, match=text):
            await check(whole)
    assert await check(content) == manifest
