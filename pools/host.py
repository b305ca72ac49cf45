"""Main of an isolate host: ``python -m pools.host FD``.

Reads its configuration from the control socket, starts V8, closes the sandbox, runs one thread per lane and is itself the
watchdog. It ends when the runner closes the control socket or dies; it has no other task.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Final

from pools.errors import PoolError, ProtocolError
from pools.lane import Lane, ProgramStore
from pools.oneshot import OneshotPool
from pools.pinned import PinnedPool
from pools.pooled import PooledPool
from pools.protocol import (
    Failed,
    FrameReader,
    Heartbeat,
    HostConfig,
    Message,
    Mode,
    Ready,
    encode_frame,
)
from pools.sandbox import close_files, close_system
from pools.v8 import engine as v8_engine
from pools.v8.isolate import Isolate, SharedIsolate
from pools.watchdog import TurnWatch, Watchdog

if TYPE_CHECKING:
    from pools.base import IsolatePool
    from pools.v8.engine import Engine

_ending = threading.Lock()
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_GARBAGE_THRESHOLD: Final = 50_000


class Host:
    """The host's parts, wired; the control socket is its only tie to the runner."""

    def __init__(self, control: socket.socket, config: HostConfig) -> None:
        self._control = control
        self._config = config
        self._kind = SharedIsolate if config.mode is Mode.POOLED else Isolate
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._page_bytes = resource.getpagesize()
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def serve(self) -> None:
        """Run until the runner goes away."""
        config = self._config
        blob = _read_all(config.snapshot_fd)
        flags = v8_engine.flags_for(config.v8_flags, jitless=config.jitless)
        walls: list[str] = []

        def loaded() -> None:
            walls.append(close_files(config.sandbox, config.writable_folders))

        engine = v8_engine.start(flags, blob, loaded)
        self._check_snapshot(engine)
        watches = [TurnWatch() for _ in config.lane_fds]
        watchdog = Watchdog(watches, config.watch_ms, self._heartbeat)
        store = ProgramStore()
        pools = self._make_pools(engine)
        self._lanes = [
            Lane(socket.socket(fileno=fd), pool, store, config, watch, watchdog)
            for fd, pool, watch in zip(config.lane_fds, pools, watches, strict=True)
        ]
        for number, lane in enumerate(self._lanes):
            threading.Thread(
                target=self._run_lane, args=(lane,), name=f"lane-{number}", daemon=True
            ).start()
        threading.Thread(target=self._wait_for_runner, name="control", daemon=True).start()
        # What is alive now stays; what executions leave behind is freed by counting references, and rarely a cycle.
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD)
        walls.append(close_system(config.sandbox, may_write_files=bool(config.writable_folders)))
        sandbox = "+".join(filter(None, walls)) or "off"
        self.send(Ready(os.getpid(), engine.version, sandbox))
        watchdog.run()

    def send(self, message: Message) -> None:
        """Write a frame to the runner."""
        with self._lock:
            self._control.sendall(encode_frame(message))

    def _make_pools(self, engine: Engine) -> list[IsolatePool]:
        config = self._config

        def make_isolate() -> Isolate:
            return self._kind(engine, config.heap_initial_mb, config.heap_max_mb)

        size, per_tenant = config.isolate_pool_size, config.max_isolates_per_tenant
        lanes = len(config.lane_fds)
        if config.mode is Mode.POOLED:
            shared: IsolatePool = PooledPool(make_isolate, size, per_tenant * lanes)
            return [shared] * lanes
        if config.mode is Mode.PINNED:
            return [PinnedPool(make_isolate, size, per_tenant) for _ in range(lanes)]
        return [OneshotPool(make_isolate, size, per_tenant) for _ in range(lanes)]

    def _check_snapshot(self, engine: Engine) -> None:
        """Make the first isolate and look for our core in a context of it.

        It stays: V8 takes down what isolates share with the last of them, and would build it anew for the next (0.3 ms
        of each execution in ONESHOT).
        """
        isolate = self._kind(engine, self._config.heap_initial_mb, self._config.heap_max_mb)
        isolate.check_snapshot()

    # -- threads --------------------------------------------------------------------------------------------------------

    def _run_lane(self, lane: Lane) -> None:
        try:
            lane.run()
        except ConnectionError:
            end(0)  # the runner is gone
        except Exception:  # noqa: BLE001 - a lane that fails must take its host along
            self.fail(f"A lane failed:\n{traceback.format_exc()}")
        end(0)

    def _wait_for_runner(self) -> None:
        """The runner says nothing more on the control socket; its end is the host's."""
        with contextlib.suppress(ConnectionError):
            while self._control.recv(4096):
                pass
        end(0)

    def _heartbeat(self) -> None:
        try:
            self.send(Heartbeat(self._rss_bytes(), [lane.stats() for lane in self._lanes]))
        except ConnectionError:
            end(0)

    def _rss_bytes(self) -> int:
        return int(os.pread(self._statm, 256, 0).split()[1]) * self._page_bytes

    def fail(self, reason: str) -> None:
        """Tell the runner why the process ends, and end it."""
        try:
            self.send(Failed(reason))
        finally:
            end(1)


def end(code: int) -> None:
    """End the process at once: Python's shutdown would dispose isolates that threads are in, which V8 answers with an abort.

    Of several threads that want to, the first one does.
    """
    _ending.acquire()  # for ever
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _read_all(fd: int) -> bytes:
    """Read a file from its begin; other hosts share its offset, so that is left alone."""
    size, parts, offset = os.fstat(fd).st_size, [], 0
    while offset < size:
        part = os.pread(fd, size - offset, offset)
        parts.append(part)
        offset += len(part)
    os.close(fd)
    return b"".join(parts)


def die_with_parent() -> None:
    """Have the kernel kill this process when the runner dies, however it dies.

    A runner that died before this is noticed by the end of the control socket.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NAME, b"isolane-host", 0, 0, 0)


def schedule_normally() -> None:
    """Undo what the runner's loop may have set for itself (RUNNER_SCHEDULING) before this process was started."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def main(arguments: list[str]) -> None:
    """Serve as the host at the control socket whose descriptor is the argument."""
    (fd,) = (int(argument) for argument in arguments)
    die_with_parent()
    schedule_normally()
    # A terminal's Ctrl-C is the runner's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=fd)
    reader: FrameReader[HostConfig] = FrameReader(HostConfig)
    configs: list[HostConfig] = []
    while not configs:
        data = control.recv(1 << 16)
        if not data:
            end(0)
        configs = reader.feed(data)
    host = Host(control, configs[0])
    try:
        host.serve()
    except (PoolError, ProtocolError) as error:
        host.fail(str(error))
    except ConnectionError:
        end(0)


if __name__ == "__main__":
    main(sys.argv[1:])
