"""Backups that runners make by themselves: each instant once, whoever is there."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from runner.backup.child import Job, Made
from runner.backup.errors import BackupError
from runner.backup.ledger import MOST_ATTEMPTS, BackupLedger
from runner.backup.places import PlaceSettings
from runner.backup.process import make_in_process
from runner.backup.schedule import BackupSchedule
from runner.schedules.cron import parse_cron
from runner.telemetry.exposition import render
from tests.integration.backup.keeping import NAME, look, query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.integration.conftest import Cli, Running

START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
RUNS = "SELECT due_at, name, error, attempts, ended_at IS NOT NULL FROM backup_runs ORDER BY due_at"


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        raise AssertionError("turns are taken by hand")


class Maker:
    """Makes nothing, or fails, or takes its time."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.error = ""
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def __call__(self, name: str) -> Made:
        self.begun.set()
        await self.gate.wait()
        if self.error:
            raise BackupError(self.error)
        self.names.append(name)
        return Made(place="here", rows=2, bytes=1000, pruned=[])


@asynccontextmanager
async def duty(
    url: str, clock: Hands, make: Maker, cron: str = "* * * * *", zone: str = "UTC"
) -> AsyncIterator[BackupSchedule]:
    async with BackupLedger(url, "test") as ledger:
        schedule = BackupSchedule(ledger, parse_cron(cron, zone), make, clock)
        yield schedule
        await schedule.stop()


async def test_two_runners_make_each_backup_once(source: str) -> None:
    """What was due before the first of them was there is nobody's."""
    clock, make = Hands(), Maker()
    async with duty(source, clock, make) as one, duty(source, clock, make) as other:
        await asyncio.gather(one.turn(), other.turn())
        assert make.names == []
        for _ in range(3):
            clock.time += timedelta(minutes=1)
            await asyncio.gather(one.turn(), other.turn())
            await asyncio.gather(one.turn(), other.turn())
    assert len(make.names) == 3
    rows = query(source, RUNS)
    assert [row[0] for row in rows] == [
        START.replace(second=0) + timedelta(minutes=minute) for minute in (1, 2, 3)
    ]
    assert [row[1] for row in rows] == make.names


async def test_what_was_missed_is_made_up_for_once(source: str) -> None:
    """Of the nights that no runner was there for, the last."""
    clock, make = Hands(), Maker()
    async with duty(source, clock, make, "0 0 * * *") as first:
        clock.time += timedelta(days=1)
        await first.turn()
    clock.time += timedelta(days=3)
    async with duty(source, clock, make, "0 0 * * *") as later:
        await later.turn()
        await later.turn()
    assert [row[0].day for row in query(source, RUNS)] == [2, 5]
    assert len(make.names) == 2


async def test_midnight_is_that_of_the_time_zone(source: str) -> None:
    clock, make = Hands(), Maker()
    async with duty(source, clock, make, "0 0 * * *", "Asia/Tokyo") as schedule:
        assert await schedule.turn() == 60
        clock.time = START.replace(hour=15, minute=0, second=1)
        await schedule.turn()
    assert [row[0] for row in query(source, RUNS)] == [START.replace(hour=15, minute=0, second=0)]


async def test_one_that_fails_is_tried_again_and_then_given_up(
    source: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure is logged and counted."""
    clock, make = Hands(), Maker()
    make.error = "the disk is full"
    async with duty(source, clock, make, "0 * * * *") as schedule:
        clock.time += timedelta(hours=1)
        for attempt in range(MOST_ATTEMPTS + 1):
            await schedule.turn()
            await schedule.turn()
            ((_, name, error, attempts, ended),) = query(source, RUNS)
            assert (name, error) == (None, "the disk is full")
            assert attempts == min(attempt + 1, MOST_ATTEMPTS)
            assert ended is (attempt + 1 >= MOST_ATTEMPTS)
            query(source, "UPDATE backup_runs SET leased_until = now() WHERE ended_at IS NULL")
        metrics = render(schedule()).decode()
    assert caplog.text.count("failed: the disk is full") == MOST_ATTEMPTS
    assert f'isolane_backups_total{{outcome="failed"}} {MOST_ATTEMPTS}' in metrics
    assert 'isolane_backups_total{outcome="ok"} 0' in metrics


async def test_one_whose_runner_is_gone_is_made_by_another(source: str) -> None:
    clock, make, slow = Hands(), Maker(), Maker()
    slow.gate.clear()
    async with duty(source, clock, slow) as gone, duty(source, clock, make) as other:
        clock.time += timedelta(minutes=1)
        turn = asyncio.create_task(gone.turn())
        await slow.begun.wait()
        await other.turn()
        assert make.names == []
        query(source, "UPDATE backup_runs SET leased_until = now() - interval '1 s'")
        await other.turn()
        assert len(make.names) == 1
        slow.gate.set()
        await turn
    # What the first says afterwards counts for nothing.
    ((_, name, _, attempts, _),) = query(source, RUNS)
    assert (name, attempts) == (make.names[0], 2)


async def test_a_runner_that_ends_lets_go_of_its_backup(source: str) -> None:
    """The next one makes it at once, and no attempt is lost."""

    class Real(Hands):
        async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
            await event.wait()

    clock, make, slow = Real(), Maker(), Maker()
    slow.gate.clear()
    async with duty(source, clock, slow) as ending, duty(source, clock, make) as other:
        clock.time += timedelta(minutes=1)
        ending.start()
        await slow.begun.wait()
        await ending.stop()
        await other.turn()
    ((_, name, _, attempts, _),) = query(source, RUNS)
    assert (name, attempts) == (make.names[0], 1)


def job(url: str, folder: Path, name: str = NAME, keep: int = 0) -> Job:
    return Job(database_url=url, place=PlaceSettings(folder=str(folder)), name=name, keep=keep)


async def test_a_process_of_its_own_makes_it_and_keeps_so_many(source: str, tmp_path: Path) -> None:
    query(source, "INSERT INTO users (username) VALUES ('u')")
    first = await make_in_process(job(source, tmp_path))
    assert (first.place, first.pruned) == (str(tmp_path), [])
    assert (await look(tmp_path / NAME)).rows == first.rows == 1
    later = NAME.replace("2026", "2027")
    assert (await make_in_process(job(source, tmp_path, later, keep=1))).pruned == [NAME]
    assert [path.name for path in tmp_path.iterdir()] == [later]
    with pytest.raises(BackupError, match="can not connect to nothing"):
        await make_in_process(job(f"{source.rpartition('/')[0]}/nothing", tmp_path))


async def test_a_process_whose_runner_leaves_ends_and_leaves_nothing(
    source: str, tmp_path: Path
) -> None:
    """A lock on a table has it wait; then nobody wants it any more."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(source) as blocker:
        await blocker.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        making = asyncio.create_task(make_in_process(job(source, tmp_path)))
        while not list(tmp_path.glob(".*.part")):
            await asyncio.sleep(0)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
    assert list(tmp_path.iterdir()) == []


def wait_for_backups(cli: Cli, count: int, runner: Running, folder: str = "backups") -> list[Path]:
    """Wait until so many are there; a runner that has ended makes none."""
    while True:
        found = sorted((cli.folder / folder).glob("isolane-*.backup"))
        if len(found) >= count:
            return found
        assert runner.process.poll() is None, runner.lines
        with runner._changed:
            runner._changed.wait(0.2)


def test_runners_make_backups_by_themselves(
    cli: Cli, serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """Two of them, each second, each instant once; metrics say so, and none is left half done at the end."""
    environ = {
        "BACKUP_CRON": "* * * * * *",
        "BACKUP_CRON_TZ": "Europe/Berlin",
        "BACKUP_KEEP": "0",
        "CONTROL_TOKEN": "0123456789abcdef",
    }
    runners = [serve(**environ), serve(**environ)]
    for runner in runners:
        runner.reach()
    wait_for_backups(cli, 4, runners[0])
    url = servers["DATABASE_URL"]
    control = runners[0].wait_for("Control ").removeprefix("Control ")
    metrics = httpx.get(
        f"{control}/metrics", headers={"authorization": "Bearer 0123456789abcdef"}, trust_env=False
    ).text
    assert 'isolane_backups_total{outcome="ok"}' in metrics
    runners[1].stop(signal.SIGKILL)
    before = len(list((cli.folder / "backups").glob("isolane-*")))
    wait_for_backups(cli, before + 2, runners[0])
    assert runners[0].stop() == 0
    noted = [row[1] for row in query(url, RUNS) if row[1]]
    files = {path.name for path in (cli.folder / "backups").glob("isolane-*.backup")}
    assert len(noted) == len(set(noted))
    assert set(noted) <= files
    listed = cli("backup", "ls")
    assert "damaged" not in listed.stdout


def test_the_seeds_names_set_the_schedule_and_so_many_are_kept(
    cli: Cli, serve: Callable[..., Running]
) -> None:
    runner = serve(
        BACKUP_CRON_PATTERN_SQLITE="* * * * * *", BACKUP_CRON_TZ_SQLITE="UTC", BACKUP_KEEP="2"
    )
    runner.reach()
    runner.wait_for("was deleted, as newer ones are enough", 40)
    runner.stop()
    assert len(list((cli.folder / "backups").glob("isolane-*.backup"))) in {2, 3}


async def test_what_the_process_says_may_be_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names each backup that it deleted, and there may have been thousands."""
    gone = [NAME] * 5000
    said = msgspec.json.encode(Made(place="p", rows=1, bytes=1, pruned=gone)).decode()
    (tmp_path / "said").write_text(said + "\n")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec cat {tmp_path}/said\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    made = await make_in_process(Job(database_url="", place=PlaceSettings(), name="n", keep=1))
    assert made.pruned == gone
