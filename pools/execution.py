"""One event running in one context: a state machine of turns.

``waiting → loading → running → ended``. Each turn enters the isolate, lets JavaScript run, takes what it produced and leaves. The lane
decides when; the execution never waits.
"""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import msgspec

from pools.base import WarmRealm
from pools.errors import EngineError
from pools.protocol import MAX_TURN_BYTES, CodeCache, ErrorInfo, Outcome, OutcomeKind, Turn, Usage
from pools.v8.modules import ModuleGraph
from pools.v8.realm import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from pools.base import TenantIsolate
    from pools.protocol import Start
    from pools.v8.realm import Realm, Taken
    from pools.v8.sources import Program
    from pools.watchdog import TurnWatch

_OUTCOMES: Final = {
    "DO": OutcomeKind.OK,
    "DX": OutcomeKind.EXCEPTION,
    "DN": OutcomeKind.NO_HANDLER,
    "DL": OutcomeKind.OP_LIMIT,
}
_SAMPLED_ABOVE_NS: Final = 1_000_000
"""Looking at the heap takes some us, which a single short turn is not worth."""
_NEVER_SETTLES: Final = ErrorInfo(
    "Error",
    "The handler can never settle: it waits for something, but no operation, timer or stream is pending",
)
_TOO_MUCH_AT_ONCE: Final = ErrorInfo(
    "RangeError",
    f"The worker produced more than {MAX_TURN_BYTES >> 20} MiB at once. Stream it, or make it smaller",
)
_NEVER_LOADS: Final = ErrorInfo(
    "Error",
    "The module's top-level await can never settle: no operation, timer or stream is pending",
)


class Phase(Enum):
    """Where an execution is."""

    WAITING = auto()
    """For an isolate."""
    LOADING = auto()
    """Its module's top level awaits something."""
    RUNNING = auto()
    ENDED = auto()


class Execution:
    """An execution on its lane.

    Parameters
    ----------
    start
        What the runner asked for.
    program, env
        The deployment's code and environment.
    watch
        The lane's turn watch.

    """

    __slots__ = (
        "_cpu_ns",
        "_graph",
        "_held",
        "_kind",
        "_realm",
        "_started_ns",
        "_turns",
        "_verdict",
        "_wants_caches",
        "_watch",
        "arrived_ns",
        "env",
        "inbox",
        "phase",
        "program",
        "reused",
        "start",
        "wake_at_ns",
        "wall_deadline_ns",
    )

    def __init__(self, start: Start, program: Program, env: bytes, watch: TurnWatch) -> None:
        self.start = start
        self.program = program
        self.env = env
        self.phase = Phase.WAITING
        self.arrived_ns = time.monotonic_ns()
        wall_ms = start.limits.wall_ms
        self.wall_deadline_ns = self.arrived_ns + wall_ms * 1_000_000 if wall_ms else 0
        self.wake_at_ns = 0
        """When the lane must give it a turn without being asked to: the next timer or its deadline; 0 = never."""
        self.reused = False
        """It runs in a context that another execution has left warm."""
        self.inbox: list[tuple[bytes, list[bytes]]] = []
        """Records that came before it had an isolate."""
        self._watch = watch
        self._held: TenantIsolate | None = None
        self._realm: Realm | None = None
        self._graph: ModuleGraph | None = None
        self._cpu_ns = 0
        self._started_ns = 0
        self._turns = 0
        self._kind: OutcomeKind | None = None
        self._verdict: OutcomeKind | None = None
        self._wants_caches = False

    # -- turns --------------------------------------------------------------------------------------------------------

    def begin(self, held: TenantIsolate) -> Turn | None:
        """Run the first turn in an isolate that is the execution's alone until it has ended."""
        self._held = held
        self._started_ns = time.monotonic_ns()
        return self._turn(self._begin)

    def deliver(self, records: bytes, attachments: list[bytes]) -> Turn | None:
        """Hand in the runner's records."""
        return self._turn(lambda realm: realm.deliver(records, attachments))

    def tick(self) -> Turn | None:
        """Run due timers."""
        return self._turn(lambda realm: bool(realm.call(Code.TICK)))

    def expire(self) -> Turn:
        """End it between turns: its wall clock has run out."""
        return self.stop(OutcomeKind.WALL_CLOCK)

    def stop(self, kind: OutcomeKind, error: ErrorInfo | None = None) -> Turn:
        """End it between turns."""
        held = self._held
        if held is not None:
            held.isolate.enter()
            turn = self._end(kind, error, b"", [])
            self._close()
            held.isolate.leave()
            return turn
        return self._end(kind, error, b"", [])

    @property
    def healthy(self) -> bool:
        """Whether the isolate can run something else after it."""
        held = self._held
        return self._verdict is None and held is not None and not held.isolate.heap_exhausted

    def finish(self) -> list[CodeCache]:
        """Do what can wait until its last turn was sent; return the code caches that were made of its modules."""
        held, realm, graph = self._held, self._realm, self._graph
        if not self._wants_caches or held is None or realm is None or graph is None:
            return []
        held.isolate.enter()
        held.isolate.abi.context_enter(realm.context)
        caches = graph.code_caches()
        held.isolate.abi.context_exit(realm.context)
        self._close()
        held.isolate.leave()
        self.program.caches.update(caches)
        return [CodeCache(self.program.key, path, data) for path, data in caches.items()]

    # -- one turn -----------------------------------------------------------------------------------------------------

    def _turn(self, step: Callable[[Realm], bool]) -> Turn | None:
        held = self._held
        assert held is not None
        isolate = held.isolate
        isolate.enter()
        try:
            if self._realm is None:
                self._enter_realm(held)
            realm = self._realm
            assert realm is not None
            isolate.modules, isolate.realm = self._graph, realm
            isolate.abi.context_enter(realm.context)
            try:
                turn = self._watched(realm, step)
            finally:
                isolate.abi.context_exit(realm.context)
                isolate.modules = isolate.realm = None
            if self.phase is Phase.ENDED and not self._wants_caches:
                self._close()
            else:
                realm.keep()
                if self._graph is not None:
                    self._graph.keep()
        except EngineError as error:
            # Too big for V8's strings or its memory: the tenant's doing, and no reason to end the host.
            self._verdict = OutcomeKind.MEMORY_LIMIT
            return self._end(OutcomeKind.MEMORY_LIMIT, ErrorInfo("RangeError", str(error)), b"", [])
        finally:
            isolate.leave()
        return turn

    def _watched(self, realm: Realm, step: Callable[[Realm], bool]) -> Turn | None:
        isolate = realm.isolate
        limits = self.start.limits
        left_ns = max(1, limits.cpu_ms * 1_000_000 - self._cpu_ns) if limits.cpu_ms else 0
        self._turns += 1
        self._watch.begin(isolate, left_ns, self.wall_deadline_ns)
        error: ErrorInfo | None = None
        taken: Taken | None = None
        try:
            going = step(realm)
            if going and self.phase is Phase.LOADING:
                going, error = self._go_on_loading(realm)
            # Who is told of a rejection may handle it at once, or cause another.
            while going and isolate.rejections:
                going = realm.report_rejections()
            if going or error is not None:
                taken = realm.take()
        finally:
            cpu_ns, verdict = self._watch.end()
            self._cpu_ns += cpu_ns
        if isolate.heap_exhausted:
            verdict = OutcomeKind.MEMORY_LIMIT
        if verdict is not None or taken is None:
            self._verdict = verdict or OutcomeKind.EXCEPTION
            return self._end(self._verdict, error, b"", [])
        records, attachments = self._with_uncaught(realm, taken.records), taken.attachments
        if len(records) + sum(map(len, attachments)) > MAX_TURN_BYTES:
            return self._end(OutcomeKind.EXCEPTION, _TOO_MUCH_AT_ONCE, b"", [])
        if error is not None:
            return self._end(OutcomeKind.INIT_ERROR, error, records, attachments)
        return self._judge(realm, taken, records, attachments)

    def _judge(
        self, realm: Realm, taken: Taken, records: bytes, attachments: list[bytes]
    ) -> Turn | None:
        kind = _OUTCOMES.get(taken.state)
        if kind is not None:
            if kind is OutcomeKind.OK and not self.program.caches_made:
                self.program.caches_made = self._wants_caches = True
            return self._end(kind, None, records, attachments)
        if taken.state == "I":
            if self.phase is Phase.LOADING:
                return self._end(OutcomeKind.INIT_ERROR, _NEVER_LOADS, records, attachments)
            return self._end(OutcomeKind.EXCEPTION, _NEVER_SETTLES, records, attachments)
        usage = realm.isolate.heap_usage()
        if usage.external > realm.isolate.heap_max_bytes:
            realm.isolate.relieve()
            if realm.isolate.heap_usage().external > realm.isolate.heap_max_bytes:
                self._verdict = OutcomeKind.MEMORY_LIMIT
                return self._end(OutcomeKind.MEMORY_LIMIT, None, records, attachments)
        self._schedule(taken.next_timer_ms)
        if records or attachments:
            return Turn(self.start.execution, records, attachments)
        return None

    def _schedule(self, timer_ms: int | None) -> None:
        wake_ns = self.wall_deadline_ns
        if timer_ms is not None:
            timer_ns = time.monotonic_ns() + timer_ms * 1_000_000
            wake_ns = min(wake_ns, timer_ns) if wake_ns else timer_ns
        self.wake_at_ns = wake_ns

    def _with_uncaught(self, realm: Realm, records: bytes) -> bytes:
        uncaught = realm.isolate.uncaught
        if not uncaught:
            return records
        lines = msgspec.json.encode([["log", "ERROR", text] for text in uncaught])
        uncaught.clear()
        return lines if not records else records[:-1] + b"," + lines[1:]

    # -- loading ------------------------------------------------------------------------------------------------------

    def _enter_realm(self, held: TenantIsolate) -> None:
        warm = held.warm.pop(self.program.key, None) if self.start.warm else None
        if warm is not None:
            self._realm, self._graph = warm.realm, warm.modules
            self.reused = True
        else:
            self._realm = held.take_realm()
            self._graph = ModuleGraph(self._realm, self.program)

    def _begin(self, realm: Realm) -> bool:
        start = self.start
        if not realm.init(start.event, self.env, start.limits.ops, start.attachments):
            return False
        self.phase = Phase.LOADING
        return True

    def _go_on_loading(self, realm: Realm) -> tuple[bool, ErrorInfo | None]:
        graph = self._graph
        assert graph is not None
        if not graph.namespace:
            error = graph.load()
            if error is not None:
                self._drop_rejections(realm)
                return False, error
        evaluated = graph.evaluated()
        if isinstance(evaluated, ErrorInfo):
            self._drop_rejections(realm)
            return False, evaluated
        if not evaluated:
            return True, None
        self.phase = Phase.RUNNING
        going = bool(realm.call(Code.RUN, graph.namespace))
        for records, attachments in self.inbox:
            going = going and realm.deliver(records, attachments)
        self.inbox.clear()
        return going, None

    def _drop_rejections(self, realm: Realm) -> None:
        """The error is the outcome; it need not be reported as an unhandled rejection, too."""
        isolate = realm.isolate
        for promise, reason in isolate.rejections:
            isolate.drop(promise)
            if reason:
                isolate.drop(reason)
        isolate.rejections.clear()

    # -- the end ------------------------------------------------------------------------------------------------------

    def _end(
        self, kind: OutcomeKind, error: ErrorInfo | None, records: bytes, attachments: list[bytes]
    ) -> Turn:
        self.phase = Phase.ENDED
        self._kind = kind
        now_ns = time.monotonic_ns()
        heap = 0
        if self._held is not None and (self._turns > 1 or self._cpu_ns > _SAMPLED_ABOVE_NS):
            usage = self._held.isolate.heap_usage()
            heap = usage.used + usage.external
        usage_of_it = Usage(
            cpu_us=self._cpu_ns // 1000,
            wall_us=(now_ns - self.arrived_ns) // 1000,
            queue_us=((self._started_ns or now_ns) - self.arrived_ns) // 1000,
            heap_bytes=heap,
            turns=self._turns,
        )
        return Turn(self.start.execution, records, attachments, Outcome(kind, error, usage_of_it))

    def _close(self) -> None:
        """Give the context back, or keep it warm; the isolate is entered."""
        held, realm, graph = self._held, self._realm, self._graph
        self._realm = self._graph = None
        if held is None or realm is None or graph is None or not self.healthy:
            return
        self._drop_rejections(realm)
        if self.start.warm and self._kind is OutcomeKind.OK:
            realm.keep()
            graph.keep()
            realm.codecs = None
            if realm.call(Code.RESET):
                held.keep_warm(self.program.key, WarmRealm(realm, graph))
                return
        graph.close()
        realm.close()
