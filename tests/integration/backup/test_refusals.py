"""What is refused, or undone: the database is as it was before."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from runner.backup.errors import BackupError, DamagedBackupError, NewerBackupError, NotEmptyError
from runner.backup.folder import BackupFolder
from runner.backup.making import Backup
from runner.backup.progress import Unwatched
from runner.store.migrate import Migration, Migrator, read_migrations
from runner.store.pool import connect
from tests.integration.backup.keeping import NAME, bring_back, keep, keep_as, look, query
from tests.integration.backup.test_restore import FILL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from runner.store.pool import Connection


async def test_wherever_a_file_is_damaged_the_database_is_left_alone(
    source: str, target: str, tmp_path: Path
) -> None:
    """At its beginning, in rows, in its manifest, at its end; cut off anywhere, or with something behind it."""
    query(source, FILL)
    content = (await keep(source, tmp_path)).read_bytes()
    bad = tmp_path / "bad.backup"
    length = len(content)
    others = [content[:end] for end in (0, 1, 700, length // 2, length - 1024, length - 1)]
    others.append(content + bytes(512))
    for at in [0, 300, 600, *range(1100, length, length // 15), length - 1100, length - 1]:
        changed = bytearray(content)
        changed[at] ^= 0x04
        others.append(bytes(changed))
    for other in others:
        bad.write_bytes(other)
        with pytest.raises(DamagedBackupError, match=r"bad\.backup can not be used: "):
            await bring_back(bad, target)
    assert query(
        target, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ) == [(0,)]


async def test_somebody_elses_rows_are_in_the_way(source: str, target: str, tmp_path: Path) -> None:
    path = await keep(source, tmp_path)
    query(target, "CREATE SCHEMA shop; CREATE TABLE shop.orders (id int)")
    query(target, "INSERT INTO shop.orders VALUES (1)")
    with pytest.raises(NotEmptyError, match=r"rows in table shop\.orders"):
        await bring_back(path, target)
    assert query(target, "SELECT to_regclass('isolane_migrations')") == [(None,)]


async def test_a_backup_with_a_migration_that_is_unknown_or_another_is_refused(
    source: str, target: str, tmp_path: Path
) -> None:
    path = await keep(source, tmp_path)
    *known, last = read_migrations()
    with pytest.raises(NewerBackupError, match=f"has {last.name}, which is not known here"):
        await bring_back(path, target, known)
    another = dataclasses.replace(last, checksum="another")
    with pytest.raises(NewerBackupError, match=f"another {last.name}"):
        await bring_back(path, target, [*known, another])
    assert query(target, "SELECT to_regclass('users')") == [(None,)]


async def test_an_older_backup_does_not_go_into_a_newer_schema(
    source: str, target: str, tmp_path: Path
) -> None:
    """Its rows would miss what migrations do to rows."""
    *known, last = read_migrations()
    async with connect(target) as connection:
        await Migrator(connection, known).up()
    path = await keep(target, tmp_path)
    with pytest.raises(NotEmptyError, match=f"{last.name}, which the backup has not"):
        await bring_back(path, source)


async def test_a_database_of_a_newer_version_is_not_backed_up_and_an_older_one_is(
    source: str, tmp_path: Path
) -> None:
    """Before an upgrade is when one wants a backup."""
    *known, last = read_migrations()
    with pytest.raises(BackupError, match=f"{last.name} is unknown"):
        await keep_as(source, tmp_path, known)
    assert list(tmp_path.iterdir()) == []
    more = Migration(9999, "9999_more", "CREATE TABLE more (id int)", "x", baseline=False)
    path = await keep_as(source, tmp_path, [*known, last, more])
    assert [one.name for one in (await look(path)).migrations][-1] == last.name


async def test_a_database_without_our_schema_is_not_backed_up(target: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="it has no schema of ours"):
        await keep(target, tmp_path)


async def test_rows_that_do_not_fit_together_undo_all(
    source: str, target: str, tmp_path: Path
) -> None:
    """The server checks each reference when the rows are there."""
    query(source, FILL)
    query(source, "ALTER TABLE kv_data DROP CONSTRAINT kv_data_namespace_id_fkey")
    query(source, "INSERT INTO kv_data (namespace_id, key, value) VALUES (%s, 'x', '1')", uuid4())
    path = await keep(source, tmp_path)
    with pytest.raises(BackupError, match="kv_data_namespace_id_fkey"):
        await bring_back(path, target)
    assert query(target, "SELECT to_regclass('users')") == [(None,)]


class _Changing(BackupFolder):
    """A folder whose file is another at the second reading."""

    def __init__(self, path: Path, other: Path) -> None:
        super().__init__(path)
        self._others = [BackupFolder(other), BackupFolder(path)]

    async def read(self, name: str, start: int = 0) -> AsyncGenerator[bytes]:
        async for chunk in self._others.pop().read(name, start):
            yield chunk


async def test_a_file_that_changes_between_its_two_readings_undoes_all(
    source: str, target: str, tmp_path: Path
) -> None:
    path = await keep(source, tmp_path / "a")
    query(source, FILL)
    other = await keep(source, tmp_path / "b")
    with pytest.raises(BackupError, match="its rows of table"):
        await bring_back(path, target, place=_Changing(path.parent, other.parent))
    assert query(target, "SELECT to_regclass('users')") == [(None,)]


async def test_a_backup_that_fails_leaves_no_file(source: str, tmp_path: Path) -> None:
    """The server goes away in the middle."""
    query(source, FILL)
    query(
        source,
        "INSERT INTO logs (date, worker_id, message, level) SELECT now(), workers.id, repeat(md5(i::text), 1000), 'info' FROM workers, generate_series(1, 400) i",
    )

    async with connect(source) as connection:
        blocks = ended_early(connection)
        with pytest.raises(BackupError, match="failed while it was read"):
            await BackupFolder(tmp_path).put(NAME, blocks)
    assert list(tmp_path.iterdir()) == []


async def ended_early(connection: Connection) -> AsyncGenerator[bytes]:
    """Give some of a backup, and then end its session."""
    ended = False
    async for block in Backup(connection, read_migrations(), Unwatched()).blocks():
        yield block
        if not ended:
            ended = True
            pid = connection.info.backend_pid
            with psycopg.connect(connection.info.dsn, password=connection.info.password) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
