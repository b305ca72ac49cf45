"""Hosts and their supervisor, with a host's process written in Python."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pools.protocol import Failed, Heartbeat, HostConfig, OutcomeKind, Ready, encode_frame
from runner import supervisor as supervising
from runner.code_cache import CodeCaches
from runner.config import Settings
from runner.errors import HostStartError
from runner.events.context import NO_CONTEXT
from runner.lane_client import LaneClient
from runner.ops.registry import Ops
from runner.spawn import spawn_host
from runner.supervisor import Supervisor, lanes_of_hosts
from tests.unit.runner.fake_lane import FakeConsole, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from runner.hosts import Host

# What a host does after its configuration: frames are handed in as hexadecimal digits.
FAKE = """
import os, socket, sys, time
control = socket.socket(fileno=int(sys.argv[1]))
how = os.environ["HOW"]
if how == "dies":
    print("last words", file=sys.stderr, flush=True)
    os._exit(3)
head = control.recv(4, socket.MSG_WAITALL)
control.recv(int.from_bytes(head, "little"), socket.MSG_WAITALL)
control.sendall(bytes.fromhex(os.environ["FIRST"]))
if how == "nonsense":
    control.sendall(b"\\xff" * 8)
if how == "talks":
    print("a\\x1b[31mb", file=sys.stderr, flush=True)
while control.recv(1):
    pass
if how == "stays":
    time.sleep(60)
"""

READY = encode_frame(Ready(1, "13.1", "off"))


class Fleet:
    """A supervisor over fake hosts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, count: int = 1) -> None:
        self.script = folder / "fake_host.py"
        self.script.write_text(FAKE)
        self.environ = {"HOW": "serves", "FIRST": READY.hex()}
        self.started: list[int] = []
        self.again: list[Any] = []
        monkeypatch.setattr(supervising, "spawn_host", self._spawn)
        self.settings = Settings(lanes=count, hosts=count, isolate_queue_timeout_ms=0)
        self.supervisor = Supervisor(
            self.settings, lambda: os.open(os.devnull, os.O_RDONLY), self._lane
        )

    def _spawn(self, environ: dict[str, str], lanes: int, fd: int) -> Any:
        if self.again and self.started:
            raise self.again.pop()
        # In place of `python -I -m pools.host`.
        shim = self.script.with_name("python")
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} {self.script} "$4"\n')
        shim.chmod(0o700)
        real, sys.executable = sys.executable, str(shim)
        try:
            process = spawn_host(self.environ, lanes, fd)
        finally:
            sys.executable = real
        self.started.append(process.pid)
        return process

    def _lane(self, name: str, host: Host) -> LaneClient:
        return LaneClient(name, host, Ops({}), FakeConsole(), CodeCaches(1, 1), 0)


@pytest.fixture
async def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fleet]:
    made = Fleet(tmp_path, monkeypatch)
    yield made
    await made.supervisor.close()
    for _ in range(3):
        await asyncio.sleep(0)
    for pid in made.started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def replaced(fleet: Fleet, count: int = 1) -> None:
    while fleet.supervisor.replaced < count:
        await asyncio.sleep(0.005)


async def test_a_host_that_is_ready_serves(fleet: Fleet) -> None:
    await fleet.supervisor.start()
    assert [lane.name for lane in fleet.supervisor.lanes] == ["0.0"]
    assert fleet.supervisor.about == Ready(1, "13.1", "off")
    assert await fleet.supervisor.serving(0)


async def test_a_host_that_can_not_serve_says_why(fleet: Fleet) -> None:
    fleet.environ["FIRST"] = encode_frame(Failed("no such flag")).hex()
    with pytest.raises(HostStartError, match="no such flag"):
        await fleet.supervisor.start()
    assert not await fleet.supervisor.serving(0)


async def test_a_host_that_dies_at_its_start_leaves_its_last_words(fleet: Fleet) -> None:
    fleet.environ["HOW"] = "dies"
    with pytest.raises(HostStartError, match="last words"):
        await fleet.supervisor.start()


async def test_a_host_that_dies_is_replaced_and_what_ran_on_it_is_lost(fleet: Fleet) -> None:
    await fleet.supervisor.start()
    execution = fleet.supervisor.lanes[0].start(
        deployment(), b"{}", [], streamed_body=False, context=NO_CONTEXT
    )
    os.kill(fleet.started[0], signal.SIGKILL)
    assert (await execution.ended()).kind is OutcomeKind.HOST_LOST
    await replaced(fleet)
    assert len(fleet.started) == 2
    assert [lane.name for lane in fleet.supervisor.lanes] == ["0.0"]


async def test_a_host_that_does_not_come_back_is_tried_again(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    await fleet.supervisor.start()
    fleet.again = [HostStartError("still ill"), OSError("no memory")]
    os.kill(fleet.started[0], signal.SIGKILL)
    await replaced(fleet)
    assert "no memory; next try in 0.1 s" in caplog.text
    assert "still ill; next try in 0.2 s" in caplog.text


async def test_a_silent_host_is_ended(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    await fleet.supervisor.start()
    (host,) = fleet.supervisor.hosts
    now = asyncio.get_running_loop().time()
    host.check(now + 4)
    assert fleet.supervisor.hosts == (host,)
    host.check(now + 6)
    await replaced(fleet)
    assert "no heartbeat for 5 s" in caplog.text
    assert "SIGKILL" in caplog.text


async def test_a_host_with_an_execution_beyond_all_limits_is_ended(fleet: Fleet) -> None:
    await fleet.supervisor.start()
    (host,) = fleet.supervisor.hosts
    execution = fleet.supervisor.lanes[0].start(
        deployment(), b"{}", [], streamed_body=False, context=NO_CONTEXT
    )
    host.check(asyncio.get_running_loop().time() + 3.5)
    assert (await execution.ended()).kind is OutcomeKind.HOST_LOST
    assert "does not come back" in (host.ended or "")
    await replaced(fleet)


async def test_heartbeats_are_heard(fleet: Fleet) -> None:
    beat = encode_frame(Heartbeat(7 << 20, []))
    fleet.environ["FIRST"] = (READY + beat).hex()
    await fleet.supervisor.start()
    (host,) = fleet.supervisor.hosts
    while not host.rss_bytes:
        await asyncio.sleep(0)
    assert host.rss_bytes == 7 << 20


@pytest.mark.parametrize("how", ["nonsense", "frame"])
async def test_a_host_that_breaks_the_protocol_is_ended(
    fleet: Fleet, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    if how == "frame":
        config = encode_frame(HostConfig(fleet.settings.mode, [], 0))
        fleet.environ["FIRST"] = (READY + config).hex()
    else:
        fleet.environ["HOW"] = how
    with contextlib.suppress(HostStartError):
        await fleet.supervisor.start()
    fleet.environ |= {"HOW": "serves", "FIRST": READY.hex()}
    while "it broke the protocol" not in caplog.text:
        await asyncio.sleep(0.005)


async def test_what_a_host_says_reaches_the_log_harmlessly(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.environ["HOW"] = "talks"
    await fleet.supervisor.start()
    while "a?[31mb" not in caplog.text:
        await asyncio.sleep(0.005)


async def test_a_host_that_stays_is_killed(fleet: Fleet) -> None:
    fleet.environ["HOW"] = "stays"
    await fleet.supervisor.start()
    (host,) = fleet.supervisor.hosts
    await host.close(grace_s=0)


def test_lanes_are_spread_over_the_hosts() -> None:
    settings = Settings()
    for lanes, hosts, spread in ((4, 4, [1, 1, 1, 1]), (5, 2, [3, 2]), (3, 1, [3])):
        assert lanes_of_hosts(msgspec.structs.replace(settings, lanes=lanes, hosts=hosts)) == spread


def test_code_caches_go_least_recently_used_first() -> None:
    caches = CodeCaches(max_entries=2, max_bytes=100)
    caches.put("a", "1", b"x")
    caches.put("b", "1", b"x")
    caches.of("a")
    caches.put("c", "1", b"x")
    assert (caches.of("a"), caches.of("b"), caches.of("c")) == ({"1": b"x"}, {}, {"1": b"x"})
    caches.put("d", "1", b"x" * 101)
    assert caches.size_bytes == 0
