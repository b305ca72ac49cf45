"""Isolate hosts as processes: their start, their statistics, their queue, their end."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pools.protocol import Failed, Limits, Mode, OutcomeKind, Ready
from tests.conformance.driver import DEFAULT_OPS, HostUnderTest, running_host

SLEEP = (
    "export default { async task(ms) { await new Promise((r) => setTimeout(r, ms)); return 1 } }"
)


def test_host_ends_when_the_runner_closes_the_control_socket(blob: bytes) -> None:
    """A host without a runner has no task."""
    host = HostUnderTest.spawn(blob, Mode.PINNED)
    assert isinstance(host.hear(), Ready)
    assert host.close() == 0


def test_host_in_a_loop_ends_with_its_runner_too(blob: bytes) -> None:
    """Not even JavaScript that never returns keeps it."""
    host = HostUnderTest.spawn(blob, Mode.PINNED)
    assert isinstance(host.hear(), Ready)
    key = host.lane.deploy("export default { task() { console.log(1); for (;;) {} } }")
    host.lane.start(key, limits=Limits(cpu_ms=0, wall_ms=0, ops=DEFAULT_OPS))
    assert host.close() == 0


def test_hosts_die_with_a_runner_that_is_killed(blob: bytes, tmp_path: Path) -> None:
    """kill -9 of the runner leaves no process behind."""
    (tmp_path / "blob").write_bytes(blob)
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from pools.protocol import Mode, Limits
        from tests.conformance.driver import HostUnderTest
        host = HostUnderTest.spawn(Path(sys.argv[1]).read_bytes(), Mode.PINNED)
        host.hear()
        key = host.lane.deploy("export default { task() { for (;;) {} } }")
        host.lane.start(key, limits=Limits(cpu_ms=0, wall_ms=0))
        print(host.process.pid, flush=True)
        time.sleep(60)
    """)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", script, str(tmp_path / "blob")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as runner:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        runner.kill()
    deadline = time.monotonic() + 2
    while (
        Path(f"/proc/{pid}").exists()
        and b"State:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    ):
        assert time.monotonic() < deadline, "the host outlived its runner"
        time.sleep(0.01)


def test_a_foreign_snapshot_is_refused(blob: bytes) -> None:
    """A blob without our core is no blob to serve tenants from."""
    host = HostUnderTest.spawn(b"", Mode.PINNED)
    message = host.hear()
    assert isinstance(message, Failed)
    assert "does not hold Isolane's core" in message.reason
    host.close()


def test_an_unknown_flag_is_refused_by_name(blob: bytes) -> None:
    """V8 would ignore it in silence."""
    host = HostUnderTest.spawn(blob, Mode.PINNED, v8_flags="--no-such-flag")
    message = host.hear()
    assert isinstance(message, Failed)
    assert "--no-such-flag" in message.reason
    host.close()


def test_two_lanes_of_a_host_share_pooled_isolates(blob: bytes) -> None:
    """An isolate that one lane has released serves the same worker on another."""
    with running_host(blob, Mode.POOLED, lanes=2) as host:
        for lane in host.lanes * 5:
            assert lane.evaluate("1 + 1") == 2
        stats = host.hear_heartbeat().lanes[1]
        # A second one is made when the first is just being given its next context.
        assert stats.isolates_created <= 2
        assert stats.pool_hits >= 8


@pytest.mark.parametrize("mode", list(Mode))
def test_the_queue_for_an_isolate_has_a_size_and_a_timeout(blob: bytes, mode: Mode) -> None:
    """Beyond the isolates it waits, beyond the queue it is refused, and not for ever."""
    config = {"max_isolates_per_tenant": 2, "queue_size": 3, "queue_timeout_ms": 300}
    with running_host(blob, mode, **config) as host:
        lane = host.lane
        key = lane.deploy(SLEEP)
        held = [lane.start(key, {"type": "task", "payload": 150}) for _ in range(2)]
        queued = [lane.start(key, {"type": "task", "payload": 1000}) for _ in range(3)]
        refused = lane.start(key, {"type": "task", "payload": 1})
        assert lane.until(refused).kind is OutcomeKind.BUSY
        assert lane.evaluate("'another tenant'", tenant="other") == "another tenant"
        assert [lane.until(execution).kind for execution in held] == [OutcomeKind.OK] * 2
        kinds = sorted(lane.until(execution).kind for execution in queued)
        assert kinds == [OutcomeKind.BUSY, OutcomeKind.OK, OutcomeKind.OK]
        stats = host.hear_heartbeat().lanes[0]
        assert (stats.queue_full, stats.queue_timeouts) == (1, 1)


def test_pinned_evicts_the_least_recently_used(blob: bytes) -> None:
    """With all places taken, the isolate of whoever was served longest ago makes room."""
    with running_host(blob, Mode.PINNED, isolate_pool_size=3) as host:
        lane = host.lane
        for tenant in ("a", "b", "c", "a", "d"):
            assert lane.evaluate("1", tenant=tenant) == 1
        stats = host.hear_heartbeat().lanes[0]
        assert (stats.isolates, stats.isolates_evicted, stats.pool_hits) == (3, 1, 1)
        assert lane.evaluate("1", tenant="a") == 1
        assert host.hear_heartbeat().lanes[0].pool_hits == 2


def test_contexts_are_prepared_while_the_lane_is_idle(blob: bytes) -> None:
    """The next execution does not pay for its context."""
    with running_host(blob, Mode.PINNED) as host:
        assert host.lane.evaluate("1") == 1
        assert host.hear_heartbeat().lanes[0].contexts_prepared == 1


def test_a_stopped_lane_does_not_stop_the_heartbeat(blob: bytes) -> None:
    """The runner can tell a busy host from a dead one."""
    with running_host(blob, Mode.PINNED) as host:
        key = host.lane.deploy("export default { task() { for (;;) {} } }")
        host.lane.start(key, limits=Limits(cpu_ms=0, wall_ms=0, ops=DEFAULT_OPS))
        # One may have been on its way before the execution began.
        while not host.hear_heartbeat().lanes[0].executions_running:
            pass
        assert host.hear_heartbeat().lanes[0].executions_running == 1
        os.kill(host.process.pid, signal.SIGKILL)


def test_malformed_frames_end_the_host(blob: bytes) -> None:
    """What is no message of the protocol is never guessed at."""
    with running_host(blob, Mode.PINNED) as host:
        host.lane._socket.sendall(b"\x02\0\0\0\xc1\xc1")
        message = host.hear()
        while not isinstance(message, Failed):
            message = host.hear()
        assert "no known message" in message.reason
        assert host.process.wait(5) == 1
