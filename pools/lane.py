"""A lane: one thread, one socket, one V8 at a time. Reads frames, gives turns, writes frames; never waits inside JavaScript.

While an execution waits for an op or a timer, the lane gives turns to the others. When nobody wants one it works ahead: it makes
the next context of an isolate, or collects garbage of idle ones.
"""

from __future__ import annotations

import heapq
import os
import select
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from pools.errors import EngineError
from pools.execution import Execution, Phase
from pools.protocol import (
    Deliver,
    Deploy,
    ErrorInfo,
    Forget,
    FrameReader,
    LaneStats,
    Message,
    Outcome,
    OutcomeKind,
    Start,
    Terminate,
    ToLane,
    Turn,
    Usage,
    encode_frame,
)
from pools.v8.sources import Program

if TYPE_CHECKING:
    from pools.base import IsolatePool, TenantIsolate
    from pools.protocol import HostConfig
    from pools.watchdog import TurnWatch, Watchdog

_RECEIVE_BYTES: Final = 1 << 18
_RELIEF_EVERY_NS: Final = 100_000_000
_RELIEF_AFTER_NS: Final = 2_000_000_000


class ProgramStore:
    """Deployments of a host, shared by its lanes as long as one of them keeps one."""

    def __init__(self) -> None:
        self._programs: WeakValueDictionary[str, Program] = WeakValueDictionary()

    def intern(self, deploy: Deploy) -> Program:
        """Return the program of a deployment."""
        program = self._programs.get(deploy.key)
        if program is None:
            program = Program(deploy.key, deploy.main, deploy.files, deploy.caches)
            self._programs[deploy.key] = program
        return program


class Lane:
    """A lane of a host; :meth:`run` is its thread."""

    def __init__(
        self,
        sock: socket.socket,
        pool: IsolatePool,
        store: ProgramStore,
        config: HostConfig,
        watch: TurnWatch,
        watchdog: Watchdog,
    ) -> None:
        self._socket = sock
        self._pool = pool
        self._store = store
        self._queue_size = config.queue_size
        self._queue_timeout_ns = config.queue_timeout_ms * 1_000_000
        self._watch = watch
        self._watchdog = watchdog
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._reader: FrameReader[ToLane] = FrameReader(ToLane)
        self._programs: dict[str, tuple[Program, bytes]] = {}
        self._executions: dict[int, Execution] = {}
        self._held: dict[int, TenantIsolate] = {}
        self._queue: deque[Execution] = deque()
        self._wakes: list[tuple[int, int]] = []
        self._relieved_ns = 0
        self._relieving = False
        self._contexts_reused = 0
        self._total = 0
        self._queue_full = 0
        self._queue_timeouts = 0

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until the runner closes the socket."""
        self._watch.bind()
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        receive, at_once = self._socket.recv, socket.MSG_DONTWAIT
        while True:
            try:
                data = receive(_RECEIVE_BYTES, at_once)
            except BlockingIOError:
                if not self._work_ahead():
                    self._rest(poll)
            else:
                if not data:
                    return
                for message in self._reader.feed(data):
                    self._handle(message)
            self._give_due_turns()
            if self._queue:
                self._serve_queue()

    def isolate_freed(self) -> None:
        """Try the queue again: another lane has released an isolate."""
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:  # pragma: no cover - the pipe is full: the lane will wake anyway
            return

    def _rest(self, poll: select.poll) -> None:
        """Wait for a frame, a freed isolate or the time of the next turn."""
        for fd, _events in poll.poll(self._rest_ms()):
            if fd == self._wake_read:
                os.read(self._wake_read, 4096)

    def _rest_ms(self) -> int | None:
        """How long nothing needs to be done; None: until a frame comes."""
        now = time.monotonic_ns()
        until = self._wakes[0][0] if self._wakes else 0
        if self._queue:
            expiry = self._queue[0].arrived_ns + self._queue_timeout_ns
            until = min(until, expiry) if until else expiry
        most = 100 if self._relieving else 1000
        if not until:
            return most
        return min(most, max(0, (until - now + 999_999) // 1_000_000))

    def _work_ahead(self) -> bool:
        if self._pool.prepare_one():
            return True
        now = time.monotonic_ns()
        if now - self._relieved_ns < _RELIEF_EVERY_NS:
            return False
        self._relieved_ns = now
        self._relieving = self._pool.relieve_one(now - _RELIEF_AFTER_NS)
        return self._relieving

    # -- frames -------------------------------------------------------------------------------------------------------

    def _handle(self, message: ToLane) -> None:
        if type(message) is Start:
            self._start(message)
        elif type(message) is Deliver:
            self._deliver(message)
        elif type(message) is Terminate:
            execution = self._executions.get(message.execution)
            if execution is not None:
                self._ended(execution, execution.stop(message.kind))
        elif type(message) is Deploy:
            self._programs[message.key] = (self._store.intern(message), message.env)
        elif type(message) is Forget:
            self._programs.pop(message.key, None)

    def _send(self, message: Message) -> None:
        self._socket.sendall(encode_frame(message))

    def _start(self, start: Start) -> None:
        self._watchdog.wake()
        self._total += 1
        deployed = self._programs.get(start.deployment)
        if deployed is None:
            self._refuse(
                start, OutcomeKind.INIT_ERROR, f"deployment {start.deployment} is not on this lane"
            )
            return
        execution = Execution(start, *deployed, self._watch)
        # First come, first served within a tenant; nobody waits for another tenant's limit.
        behind_its_own = self._queue and any(
            other.start.tenant == start.tenant for other in self._queue
        )
        if not behind_its_own and self._begin(execution):
            return
        if len(self._queue) >= self._queue_size:
            self._queue_full += 1
            self._refuse(start, OutcomeKind.BUSY, "The queue for an isolate is full")
            return
        self._executions[start.execution] = execution
        self._queue.append(execution)
        self._serve_queue()

    def _refuse(self, start: Start, kind: OutcomeKind, reason: str) -> None:
        outcome = Outcome(kind, ErrorInfo("Error", reason), Usage())
        self._send(Turn(start.execution, b"", [], outcome))

    def _deliver(self, message: Deliver) -> None:
        execution = self._executions.get(message.execution)
        if execution is None:
            return
        if execution.phase is Phase.WAITING:
            execution.inbox.append((message.records, message.attachments))
        else:
            self._after(execution, execution.deliver(message.records, message.attachments))

    # -- turns --------------------------------------------------------------------------------------------------------

    def _begin(self, execution: Execution) -> bool:
        """Run an execution's first turn; False when there is no isolate for it now."""
        start = execution.start
        try:
            held = self._pool.acquire(start.tenant, start.worker, self)
        except EngineError as error:
            self._executions.pop(start.execution, None)
            self._refuse(start, OutcomeKind.BUSY, str(error))
            return True
        if held is None:
            return False
        key = start.execution
        self._executions[key] = execution
        self._held[key] = held
        turn = execution.begin(held)
        self._contexts_reused += execution.reused
        self._after(execution, turn)
        return True

    def _after(self, execution: Execution, turn: Turn | None) -> None:
        if execution.phase is Phase.ENDED:
            if turn is not None:
                self._ended(execution, turn)
            return
        if turn is not None:
            self._send(turn)
        if execution.wake_at_ns:
            heapq.heappush(self._wakes, (execution.wake_at_ns, execution.start.execution))

    def _ended(self, execution: Execution, turn: Turn) -> None:
        self._send(turn)
        key = execution.start.execution
        self._executions.pop(key, None)
        held = self._held.pop(key, None)
        if held is None:
            if execution in self._queue:
                self._queue.remove(execution)
            return
        for cache in execution.finish():
            self._send(cache)
        self._pool.release(held, healthy=execution.healthy)
        if self._queue:
            self._serve_queue()

    def _give_due_turns(self) -> None:
        wakes = self._wakes
        if not wakes:
            return
        now = time.monotonic_ns()
        while wakes and wakes[0][0] <= now:
            wake_at, key = heapq.heappop(wakes)
            execution = self._executions.get(key)
            if execution is None or execution.wake_at_ns != wake_at:
                continue
            if execution.wall_deadline_ns and now >= execution.wall_deadline_ns:
                self._ended(execution, execution.expire())
            else:
                self._after(execution, execution.tick())
        if len(wakes) > 64 + 8 * len(self._executions):
            # Mostly deadlines of executions that have ended.
            wakes[:] = {
                (execution.wake_at_ns, key)
                for key, execution in self._executions.items()
                if execution.wake_at_ns
            }
            heapq.heapify(wakes)

    # -- the queue for an isolate ----------------------------------------------------------------------------------------

    def _serve_queue(self) -> None:
        now = time.monotonic_ns()
        for execution in list(self._queue):
            if execution not in self._queue:
                continue  # served by a release within this loop
            deadline = execution.arrived_ns + self._queue_timeout_ns
            if now >= deadline or (
                execution.wall_deadline_ns and now >= execution.wall_deadline_ns
            ):
                self._queue_timeouts += 1
                error = ErrorInfo("Error", "No isolate became free in time")
                self._ended(execution, execution.stop(OutcomeKind.BUSY, error))
                continue
            place = self._queue.index(execution)
            del self._queue[place]
            if not self._begin(execution):
                self._queue.insert(place, execution)

    # -- statistics ---------------------------------------------------------------------------------------------------

    def stats(self) -> LaneStats:
        """Return the lane's counters; from any thread."""
        counters = self._pool.counters
        isolates, idle = self._pool.size()
        waiting = len(self._queue)
        return LaneStats(
            executions=self._total,
            isolates=isolates,
            isolates_idle=idle,
            isolates_created=counters.created,
            isolates_disposed=counters.disposed,
            isolates_evicted=counters.evicted,
            pool_hits=counters.hits,
            pool_misses=counters.misses,
            contexts_prepared=counters.prepared,
            contexts_reused=self._contexts_reused,
            executions_running=len(self._executions) - waiting,
            executions_waiting=waiting,
            queue_full=self._queue_full,
            queue_timeouts=self._queue_timeouts,
        )
