"""The servers that `dev` and the tests bring along: real ones, that keep their data and leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import nats
import psycopg
import pytest

from runner.embedded import postgres as postgres_module
from runner.embedded import process as process_module
from runner.embedded.nats import open_nats
from runner.embedded.postgres import open_postgres
from runner.embedded.process import find_program
from runner.embedded.service import open_together
from runner.errors import EmbeddedServiceError

PARENT = """
import asyncio, json, sys
from pathlib import Path
from runner.embedded.nats import open_nats
from runner.embedded.postgres import open_postgres
from runner.embedded.process import find_program
from runner.embedded.service import open_together

async def main():
    folder = Path(sys.argv[1])
    both = open_together(open_postgres(folder / "postgres"), open_nats(folder / "nats"))
    async with both as services:
        print(json.dumps([[one.url, one.process.pid] for one in services]), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement)
        return await cursor.fetchall() if cursor.description else []


def wait_for_end(pid: int) -> None:
    """Wait until a process has ended that is not our child."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([pidfd], [], [], 20)[0], f"{pid} still runs"
    finally:
        os.close(pidfd)


async def test_both_keep_their_data_from_one_run_to_the_next(tmp_path: Path) -> None:
    """A row and a message of a stream are there again, and each run has a clean end."""
    for run in range(2):
        both = open_together(open_postgres(tmp_path / "postgres"), open_nats(tmp_path / "nats"))
        async with both as (postgres, broker):
            connection = await nats.connect(broker.url)
            stream = connection.jetstream()
            if run == 0:
                await execute(postgres.url, "CREATE TABLE kept AS SELECT 'a row' AS text")
                await stream.add_stream(name="kept", subjects=["kept"])
                await stream.publish("kept", b"a message")
            assert await execute(postgres.url, "SELECT text FROM kept") == [("a row",)]
            assert (await stream.get_last_msg("kept", "kept")).data == b"a message"
            await connection.close()
        assert await postgres.process.wait() == 0


async def test_they_are_on_loopback_and_ask_who_one_is(tmp_path: Path) -> None:
    """Other users of the machine find a port, and no way in."""
    both = open_together(open_postgres(tmp_path / "postgres"), open_nats(tmp_path / "nats"))
    async with both as (postgres, broker):
        host, _, port = postgres.url.rpartition("@")[2].partition("/")[0].partition(":")
        assert host == "127.0.0.1"
        with pytest.raises(psycopg.OperationalError, match="password"):
            await execute(f"postgresql://isolane:wrong@{host}:{port}/postgres", "SELECT 1")
        address = broker.url.rpartition("@")[2]
        assert address.startswith("127.0.0.1:")
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(b"CONNECT {}\r\nPING\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert b"Authorization Violation" in answer


async def test_nothing_is_left_when_the_parent_is_killed_and_the_next_run_recovers(
    tmp_path: Path,
) -> None:
    """Whatever kills `isolane dev` ends its servers, too; what was committed is there afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        (url, postgres_pid), (_, nats_pid) = json.loads(parent.stdout.readline())
        await execute(url, "CREATE TABLE kept ()")
        children = Path(f"/proc/{postgres_pid}/task/{postgres_pid}/children").read_text().split()
        assert children
        parent.kill()
    # At once, as an impatient user would: it waits for the end of what is still ending.
    async with open_postgres(tmp_path / "postgres") as again:
        assert await execute(again.url, "SELECT count(*) FROM kept") == [(0,)]
    for pid in (postgres_pid, nats_pid, *map(int, children)):
        wait_for_end(pid)


async def test_a_killed_server_leaves_a_lock_file_that_stops_nobody(tmp_path: Path) -> None:
    """Even when the process id in it belongs to another process by now, as in a restarted container."""
    async with open_postgres(tmp_path) as first:
        os.kill(first.process.pid, signal.SIGKILL)
        await first.process.wait()
    lock = tmp_path / "data" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    async with open_postgres(tmp_path) as second:
        assert await execute(second.url, "SELECT 1") == [(1,)]


async def test_two_at_a_time_in_one_folder_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second does not touch the files of the first."""
    monkeypatch.setattr(process_module, "_LOCK_WAIT_S", 0.05)
    async with open_nats(tmp_path):
        with pytest.raises(EmbeddedServiceError, match="in use by another process"):
            async with open_nats(tmp_path):
                pass


async def test_what_keeps_a_server_from_starting_is_said_with_its_log(tmp_path: Path) -> None:
    """The message names the file in which the server's own words are; the other server is stopped."""
    async with open_postgres(tmp_path / "postgres"):
        pass
    (tmp_path / "postgres/data/postgresql.conf").write_text("no_such_setting = 1\n")
    started: list[object] = []

    async def watch() -> None:
        both = open_together(open_postgres(tmp_path / "postgres"), open_nats(tmp_path / "nats"))
        async with both as services:
            started.extend(services)

    with pytest.raises(EmbeddedServiceError, match="embedded PostgreSQL does not run") as caught:
        await watch()
    assert not started
    assert caught.value.log == tmp_path / "postgres" / "log"
    assert "no_such_setting" in caught.value.log.read_text()
    assert "exit code 1 (" in str(caught.value)
    assert str(caught.value.log) in str(caught.value)
    async with asyncio.timeout(10), open_nats(tmp_path / "nats"):
        pass


async def test_data_of_another_version_are_left_alone(tmp_path: Path) -> None:
    """An upgrade of the package does not start on files it can not read."""
    async with open_postgres(tmp_path):
        pass
    (tmp_path / "data/PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedServiceError, match="data are of PostgreSQL 12"):
        async with open_postgres(tmp_path):
            pass


async def test_an_interrupted_making_of_the_data_is_begun_again(tmp_path: Path) -> None:
    """There are complete data or none."""
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    async with open_postgres(tmp_path) as service:
        assert await execute(service.url, "SELECT 1") == [(1,)]


async def test_a_port_that_somebody_takes_meanwhile_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment between choosing a port and listening on it belongs to everybody."""
    async with open_nats(tmp_path / "nats") as taken:
        ports = [int(taken.url.rpartition(":")[2]), postgres_module._free_port()]
        monkeypatch.setattr(postgres_module, "_free_port", lambda: ports.pop(0))
        async with open_postgres(tmp_path / "postgres") as service:
            assert await execute(service.url, "SELECT 1") == [(1,)]
    assert not ports


def test_a_package_that_is_missing_is_named_with_what_to_do_instead() -> None:
    with pytest.raises(EmbeddedServiceError, match=r"no-such-package.* DATABASE_URL"):
        find_program("no-such-package", "/program")
