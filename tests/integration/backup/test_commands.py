"""``isolane backup``: as operators call it, and what it refuses before anything is touched."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.integration.backup.keeping import query
from tests.integration.backup.test_restore import FILL

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.backup.places import PlaceSettings
    from tests.integration.conftest import Cli

NAME = re.compile(r"isolane-[0-9]{8}T[0-9]{6}\.[0-9]{3}Z\.backup")


def nothing_in(url: str) -> bool:
    return query(
        url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ) == [(0,)]


def made(cli: Cli, url: str, *arguments: str, **environ: str) -> dict[str, Any]:
    """Make one; give what it says as JSON."""
    done = cli("backup", "create", "--json", *arguments, DATABASE_URL=url, **environ)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said


def test_backups_are_made_listed_verified_and_restored(cli: Cli, source: str, target: str) -> None:
    """By the four verbs, in a folder below this one that only its user can read."""
    query(source, FILL)
    done = cli("backup", "create", DATABASE_URL=source)
    assert done.returncode == 0, done.stderr
    assert "reading" in done.stderr
    name = NAME.search(done.stdout)
    assert name is not None
    path = cli.folder / "backups" / name[0]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    made(cli, source)

    listed = cli("backup", "ls")
    head, first, second = listed.stdout.splitlines()
    assert head.split() == ["NAME", "AGE", "SIZE", "ROWS", "SCHEMA"]
    assert name[0] in second
    assert re.search(r"[0-9]+ s +[0-9.]+ kB +3[0-9]{3} +[0-9]{4}_", first)
    rows = json.loads(cli("backup", "ls", "--json").stdout)
    assert [row["tables"]["tasks"] for row in rows] == [3003, 3003]

    verified = cli("backup", "verify", str(path))
    assert f"{name[0]} is as it was written: " in verified.stdout

    restored = cli("backup", "restore", "latest", "--into", target)
    assert restored.returncode == 0, restored.stderr
    assert "each equal to the backup's" in restored.stdout
    assert "tasks that ran and are pending again: 3" in restored.stdout
    assert [line.partition(":")[0] for line in restored.stderr.splitlines()] == [
        "verifying",
        "loading",
        "comparing",
        "indexing",
    ]
    again = cli("backup", "restore", "latest", "--into", target)
    assert (again.returncode, "the database is not empty" in again.stderr) == (4, True)


def test_what_was_damaged_cut_off_or_is_none_is_refused(cli: Cli, source: str, target: str) -> None:
    """With one sentence; the database is as empty as it was, and in a list the file stands beside the others."""
    good = cli.folder / "backups" / made(cli, source)["name"]
    content = good.read_bytes()
    bad = good.parent / "isolane-20200101T000000.000Z.backup"
    changed = bytearray(content)
    changed[len(content) // 2] ^= 0x20
    for other, text in (
        (bytes(changed), "its checksum is another"),
        (b"PK\x03\x04" + bytes(2000), "it is no backup of Isolane"),
        (content[: len(content) // 2], "it was cut off"),
    ):
        bad.write_bytes(other)
        done = cli("backup", "restore", bad.name, "--into", target)
        assert (done.returncode, text in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr
    assert nothing_in(target)
    assert cli("backup", "verify", str(bad)).returncode == 1
    hidden = good.with_name(".hidden")
    hidden.write_bytes(b"none")
    assert "it is no backup of Isolane" in cli("backup", "verify", str(hidden)).stderr
    listed = cli("backup", "ls")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 3)
    assert "damaged: " in listed.stdout


def test_what_is_not_there_is_said(cli: Cli, source: str) -> None:
    assert cli("backup", "restore", "latest", "--into", source).returncode == 3
    assert cli("backup", "verify", "./nothing.backup").returncode == 3
    assert cli("backup", "ls").stderr == "none\n"
    nowhere = cli("backup", "create")
    assert (nowhere.returncode, "Set DATABASE_URL" in nowhere.stderr) == (2, True)
    away = cli("backup", "create", DATABASE_URL="postgresql://u@127.0.0.1:1/x")
    assert away.returncode == 5


def test_a_folder_that_can_not_be_written_is_named(cli: Cli, source: str) -> None:
    blocked = cli.write("backups", "a file where the folder should be")
    done = cli("backup", "create", DATABASE_URL=source)
    assert done.returncode == 1
    assert f"{blocked}: " in done.stderr


def test_settings_of_backups_are_checked(cli: Cli, source: str) -> None:
    """By name, under our names and the seed's."""
    for variable, value, text in (
        ("BACKUP_METHOD", "TAPE", "LOCAL or OBJECT_STORAGE is allowed"),
        ("BACKUP_METHOD_SQLITE", "TAPE", "LOCAL or OBJECT_STORAGE is allowed"),
        ("BACKUP_CRON", "now and then", "a cron expression is allowed"),
        ("BACKUP_CRON_PATTERN_SQLITE", "61 * * * *", "a cron expression is allowed"),
        ("BACKUP_CRON_TZ", "Moon/Tycho", "the name of a time zone is allowed"),
        ("BACKUP_CRON_TZ_SQLITE", "Moon/Tycho", "the name of a time zone is allowed"),
        ("BACKUP_KEEP", "-1", "a whole number"),
        ("BACKUP_OBJECT_STORAGE_ENDPOINT", "ftp://x", "the URL of a server is allowed"),
    ):
        done = cli("backup", "create", DATABASE_URL=source, **{variable: value})
        assert (done.returncode, variable in done.stderr, text in done.stderr) == (2, True, True)
    done = cli("backup", "create", DATABASE_URL=source, BACKUP_METHOD="OBJECT_STORAGE")
    assert done.returncode == 2
    assert "it needs BACKUP_OBJECT_STORAGE_ACCESS_KEY" in done.stderr


def test_where_backups_are_kept_can_be_set(cli: Cli, source: str, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    said = made(cli, source, BACKUP_FOLDER=str(folder))
    assert (folder / said["name"]).is_file()
    made(cli, source, "--output", str(tmp_path / "one.backup"))
    assert cli("backup", "verify", "one.backup").returncode == 0


def test_object_storage_is_set_by_the_seeds_variables(
    cli: Cli, source: str, target: str, bucket: PlaceSettings
) -> None:
    query(source, FILL)
    environ = {
        "BACKUP_METHOD_SQLITE": "OBJECT_STORAGE",
        "BACKUP_OBJECT_STORAGE_ENDPOINT": bucket.endpoint,
        "BACKUP_OBJECT_STORAGE_ACCESS_KEY": bucket.access_key,
        "BACKUP_OBJECT_STORAGE_SECRET_KEY": bucket.secret_key,
        "BACKUP_OBJECT_STORAGE_BUCKET_NAME": bucket.bucket,
        "BACKUP_OBJECT_STORAGE_PATH": "deep/er",
        "S3_REGION": "eu-central-1",
    }
    said = made(cli, source, **environ)
    assert said["place"] == f"s3://{bucket.bucket}/deep/er"
    keys = httpx.get(f"{bucket.endpoint}/{bucket.bucket}", trust_env=False).text
    assert f"<Key>deep/er/{said['name']}</Key>" in keys
    assert said["name"] in cli("backup", "ls", **environ).stdout
    done = cli("backup", "restore", said["name"], "--into", target, **environ)
    assert done.returncode == 0, done.stderr
    assert query(target, "SELECT count(*) FROM tasks") == [(3003,)]
    denied = cli("backup", "ls", **environ | {"BACKUP_OBJECT_STORAGE_BUCKET_NAME": "nobodys"})
    assert (denied.returncode, "s3://nobodys/deep/er: NoSuchBucket" in denied.stderr) == (1, True)


def test_one_that_is_killed_leaves_nothing_under_a_name(
    cli: Cli, source: str, tmp_path: Path
) -> None:
    """What it has written goes when the next one is made."""
    query(source, "INSERT INTO users (username) VALUES ('u')")
    query(
        source,
        "INSERT INTO tasks (script, payload) SELECT 'x.js', to_jsonb(sha512(i::text::bytea)::text) FROM generate_series(1, 60000) i",
    )
    folder = tmp_path / "backups"
    process = subprocess.Popen(
        cli.command("backup", "create"),
        cwd=cli.folder,
        env=cli.environ | {"DATABASE_URL": source},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    parts: list[Path] = []
    while process.poll() is None and not any(part.stat().st_size > 10_000 for part in parts):
        parts = list(folder.glob(".isolane-*.part"))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    left = [path.name for path in folder.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".")
    assert cli("backup", "ls").stderr == "none\n"
    name = made(cli, source)["name"]
    assert [path.name for path in folder.iterdir()] == [name]


def test_secrets_stay_sealed_and_a_missing_key_is_named(
    cli: Cli, source: str, create_database: Callable[[str], str]
) -> None:
    """Neither they nor the key are in the file."""
    key = base64.b64encode(b"k" * 32).decode()
    query(source, "INSERT INTO users (username) VALUES ('u')")
    query(source, "INSERT INTO environments (user_id, name) SELECT id, 'e' FROM users")
    query(
        source,
        "INSERT INTO environment_values (environment_id, user_id, key, value, type)"
        " SELECT id, user_id, 'TOKEN', 'very-secret-token', 'secret' FROM environments",
    )
    assert cli("migrate", "up", DATABASE_URL=source, SECRETS_KEY=f"7:{key}").returncode == 0
    said = made(cli, source)
    assert said["secretKeys"] == [7]
    for keys, note in (
        ({}, "sealed with key 7, which SECRETS_KEY does not have"),
        ({"SECRETS_KEY": f"7:{key}"}, ""),
    ):
        done = cli("backup", "restore", "latest", "--into", create_database("template1"), **keys)
        assert done.returncode == 0, done.stderr
        assert note in done.stderr
        assert ("note" in done.stderr) is bool(note)
    backup = (cli.folder / "backups" / said["name"]).read_bytes()
    assert b"very-secret-token" not in backup


def test_on_a_terminal_there_are_bars(cli: Cli, source: str) -> None:
    """On stderr: what is printed stays what other programs read."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        cli.command("backup", "create", "--json"),
        cwd=cli.folder,
        env=cli.environ | {"DATABASE_URL": source, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    # A terminal that nobody holds any more is an error to read.
    with suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:
        while block := terminal.read(4096):
            shown += block
    out, _ = process.communicate(timeout=30)
    assert json.loads(out)["rows"] == 0
    assert "reading" in shown.decode()
    assert "━" in shown.decode()


def test_a_schedule_without_a_place_stops_the_start(cli: Cli, servers: dict[str, str]) -> None:
    done = cli("serve", **servers, BACKUP_CRON="@daily", BACKUP_METHOD="OBJECT_STORAGE")
    assert done.returncode == 2
    assert "BACKUP_METHOD='OBJECT_STORAGE' can not be used: it needs" in done.stderr


@pytest.mark.parametrize("argument", ["latest", "isolane-20990101T000000.000Z.backup"])
def test_a_name_that_is_not_there_is_not_found(cli: Cli, argument: str) -> None:
    assert cli("backup", "verify", argument).returncode == 3
