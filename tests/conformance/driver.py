"""A runner without a service: starts a real isolate host and speaks the protocol with its lanes, over plain sockets."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pools.protocol import (
    CodeCache,
    Deliver,
    Deploy,
    Failed,
    FrameReader,
    FromHost,
    FromLane,
    Heartbeat,
    HostConfig,
    Limits,
    Mode,
    Outcome,
    OutcomeKind,
    Ready,
    Start,
    Terminate,
    Turn,
    encode_frame,
)

DEFAULT_OPS = b'{"ops":{"fetch":[50,6],"timer":[10000,0],"console":[10000,1048576]}}'


@dataclass
class Result:
    """What an execution has produced so far."""

    records: list[list[Any]] = field(default_factory=list)
    attachments: list[bytes] = field(default_factory=list)
    outcome: Outcome | None = None
    ended_at: float = 0.0

    @property
    def kind(self) -> OutcomeKind:
        assert self.outcome is not None
        return self.outcome.kind

    def of(self, kind: str) -> list[list[Any]]:
        """Return the records of a kind."""
        return [record for record in self.records if record[0] == kind]

    @property
    def data(self) -> Any:
        """The task's data; fails when it did not succeed."""
        assert self.kind is OutcomeKind.OK, (self.outcome, self.records)
        result = json.loads(self.of("result")[-1][1])
        assert result["success"] is True
        return result.get("data")

    @property
    def error(self) -> dict[str, Any]:
        """The handler's error."""
        found: dict[str, Any] = self.of("error")[-1][1]
        return found

    @property
    def attached(self) -> int:
        """How many bytes came as attachments."""
        return sum(map(len, self.attachments))

    @property
    def granted(self) -> int:
        """How many bytes of credit came."""
        return sum(record[2] for record in self.of("credit"))

    @property
    def logs(self) -> list[tuple[str, str]]:
        return [(record[1], record[2]) for record in self.of("log")]


class LaneUnderTest:
    """The runner's end of a lane's socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        sock.settimeout(30)
        self._reader: FrameReader[FromLane] = FrameReader(FromLane)
        self._next = 0
        self.results: dict[int, Result] = {}
        self.caches: list[CodeCache] = []

    def deploy(
        self,
        source: str | dict[str, str],
        *,
        main: str = "main.js",
        env: dict[str, Any] | None = None,
        bindings: dict[str, str] | None = None,
        caches: dict[str, bytes] | None = None,
    ) -> str:
        """Send a deployment; a text is its only module."""
        files = {main: source} if isinstance(source, str) else source
        key = f"deployment-{time.monotonic_ns()}"
        given = {"bindings": bindings} if bindings else {}
        values = json.dumps({"vars": env or {}, **given}).encode()
        self._send(Deploy(key, main, files, values, caches or {}))
        return key

    def start(
        self,
        deployment: str,
        event: dict[str, Any] | None = None,
        *,
        tenant: str = "tenant",
        worker: str = "worker",
        limits: Limits | None = None,
        warm: bool = False,
        attachments: list[bytes] | None = None,
    ) -> int:
        """Start an execution, and return its number."""
        self._next += 1
        event = {"type": "task", "payload": None} if event is None else event
        self._send(
            Start(
                self._next,
                deployment,
                tenant,
                worker,
                json.dumps(event).encode(),
                attachments or [],
                limits or Limits(cpu_ms=2000, wall_ms=20_000, ops=DEFAULT_OPS),
                warm,
            )
        )
        self.results[self._next] = Result()
        return self._next

    def deliver(
        self, execution: int, records: list[list[Any]], attachments: list[bytes] | None = None
    ) -> None:
        self._send(Deliver(execution, json.dumps(records).encode(), attachments or []))

    def terminate(self, execution: int, kind: OutcomeKind = OutcomeKind.TERMINATED) -> None:
        self._send(Terminate(execution, kind))

    def until(self, execution: int, done: Callable[[Result], object] | None = None) -> Result:
        """Read until the execution has ended, or ``done`` is true of what it produced."""
        result = self.results[execution]
        while not (done(result) if done else result.outcome):
            self._receive()
        return result

    def until_more(self, execution: int) -> Result:
        """Read until the execution has produced anything more."""
        before = len(self.results[execution].records)
        return self.until(execution, lambda result: result.outcome or len(result.records) > before)

    def run(self, source: str | dict[str, str], payload: Any = None, **options: Any) -> Result:
        """Deploy, run one task, and return its result."""
        deploy = {
            key: options.pop(key) for key in ("main", "env", "bindings", "caches") if key in options
        }
        key = self.deploy(source, **deploy)
        return self.until(self.start(key, {"type": "task", "payload": payload}, **options))

    def evaluate(self, expression: str, **options: Any) -> Any:
        """Return the value of an expression, which may await, in a fresh execution."""
        return self.run(
            f"export default {{ async task(payload) {{ return ({expression}) }} }}", **options
        ).data

    def close(self) -> None:
        self._socket.close()

    def _send(self, message: Start | Deploy | Deliver | Terminate) -> None:
        self._socket.sendall(encode_frame(message))

    def _receive(self) -> None:
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the host has closed the lane")
        for message in self._reader.feed(data):
            if isinstance(message, CodeCache):
                self.caches.append(message)
                continue
            self._add(message)

    def _add(self, turn: Turn) -> None:
        result = self.results[turn.execution]
        assert result.outcome is None, "a turn after the end"
        records = json.loads(turn.records) if turn.records else []
        result.records += records
        result.attachments += turn.attachments
        if turn.outcome is not None:
            result.outcome = turn.outcome
            result.ended_at = time.monotonic()


class HostUnderTest:
    """An isolate host and its lanes."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self.process = process
        self._control = control
        control.settimeout(30)
        self._reader: FrameReader[FromHost] = FrameReader(FromHost)
        self.lanes: list[LaneUnderTest] = []
        self._waiting: list[Ready | Heartbeat | Failed] = []

    @property
    def lane(self) -> LaneUnderTest:
        return self.lanes[0]

    @classmethod
    def spawn(cls, blob: bytes, mode: Mode, lanes: int = 1, **config: Any) -> Self:
        """Start a host as the runner does; raises AssertionError when it does not get ready."""
        snapshot_fd = os.memfd_create("snapshot")
        os.write(snapshot_fd, blob)
        ours, theirs = socket.socketpair()
        pairs = [socket.socketpair() for _ in range(lanes)]
        lane_fds = [pair[1].fileno() for pair in pairs]
        keep = {key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")}
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "pools.host", str(theirs.fileno())],
            pass_fds=[theirs.fileno(), snapshot_fd, *lane_fds],
            env={**keep, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        )
        host = cls(process, ours)
        if keep:  # coverage writes what it measured when the host ends
            config.setdefault("writable_folders", [str(Path(__file__).parents[2])])
        ours.sendall(encode_frame(HostConfig(mode, lane_fds, snapshot_fd, **config)))
        theirs.close()
        os.close(snapshot_fd)
        for _, theirs in pairs:
            theirs.close()
        host.lanes = [LaneUnderTest(pair[0]) for pair in pairs]
        return host

    def hear(self) -> Ready | Heartbeat | Failed:
        """Return the next message on the control socket."""
        while not self._waiting:
            data = self._control.recv(1 << 16)
            if not data:
                raise ConnectionError("the host has closed its control socket")
            self._waiting = self._reader.feed(data)
        return self._waiting.pop(0)

    def hear_heartbeat(self) -> Heartbeat:
        """Return the first heartbeat that is sent from now on."""
        self._control.setblocking(False)
        try:
            while self._control.recv(1 << 16):
                pass
        except BlockingIOError:
            self._control.settimeout(30)
        self._waiting.clear()
        while True:
            message = self.hear()
            if isinstance(message, Heartbeat):
                return message

    def close(self) -> int:
        """Close all sockets, and wait for the host's end."""
        self._control.close()
        for lane in self.lanes:
            lane.close()
        return self.process.wait(10)


@contextmanager
def running_host(blob: bytes, mode: Mode, lanes: int = 1, **config: Any) -> Iterator[HostUnderTest]:
    """Run a host for the duration of a block."""
    host = HostUnderTest.spawn(blob, mode, lanes, **config)
    try:
        first = host.hear()
        while isinstance(first, Heartbeat):
            first = host.hear()
        assert isinstance(first, Ready), first
        yield host
    finally:
        host.close()


def read_test_blob(folder: Path) -> bytes:
    """Build the snapshot into a folder, and return its blob."""
    from snapshot.build import ensure_snapshot, read_blob

    return read_blob(ensure_snapshot(folder))
