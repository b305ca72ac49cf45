"""Measures V8 alone, in a process of its own: ``python -m benchmarks.engine_bench SNAPSHOT FLAGS``.

SNAPSHOT is a blob, or ``-`` for V8's own startup data; FLAGS is the text of ``V8_FLAGS``. Each line on stdin names something to measure and how often; the answer
is a line with the times of all repetitions, in ns.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

import msgspec

from benchmarks.bundle import make_bundle
from benchmarks.work import HELLO, SUM
from pools.execution import Execution
from pools.pinned import PinnedPool
from pools.protocol import Limits, OutcomeKind, Start
from pools.v8 import abi as v8
from pools.v8 import engine as v8_engine
from pools.v8.isolate import Isolate
from pools.v8.sources import Program
from pools.watchdog import TurnWatch
from runner.config import Settings
from runner.deployments import make_limits

if TYPE_CHECKING:
    from collections.abc import Callable

_ENV = b'{"vars":{}}'
_RECORDS = {"task": b'"sum', "hello": b"hello GET", "bundle": b'finite\\":true'}
"""What must be in the answer."""


class EngineBench:
    """V8 as a host has it, without the host: no socket, no other thread."""

    def __init__(self, blob: bytes | None, flags: str) -> None:
        self._settings = Settings()
        self._engine = v8_engine.start(v8_engine.flags_for(flags), blob)
        self._pool = PinnedPool(self._make_isolate, 100, 10)
        self._watch = TurnWatch()
        self._watch.bind()
        self._numbers = count(1)
        limits = self._settings.op_limits
        self._limits: Limits = make_limits(
            cpu_ms=self._settings.cpu_time_limit_ms,
            wall_ms=self._settings.wall_clock_timeout_ms,
            ops=limits,
        )
        self._bare: Isolate | None = None
        self._programs = {"task": _program(SUM.source), "hello": _program(HELLO.source)}
        self._bundle = make_bundle()
        self._bundle_caches: dict[str, bytes] = {}
        self.contenders: dict[str, Callable[[], int]] = {
            "context": self._context,
            "task": lambda: self._execution("task"),
            "hello": lambda: self._execution("hello"),
            "isolate": self._cold_isolate,
            "cold": lambda: self._cold_bundle({}, made=True),
            "cold cached": lambda: self._cold_bundle(self._caches(), made=True),
            "cold caching": lambda: self._cold_bundle({}, made=False),
        }

    def measure(self, name: str, times: int) -> list[int]:
        """Return how long each repetition took, in ns."""
        contender = self.contenders[name]
        return [contender() for _ in range(times)]

    def _make_isolate(self) -> Isolate:
        settings = self._settings
        return Isolate(self._engine, settings.heap_initial_mb, settings.heap_max_mb)

    def _context(self) -> int:
        """``Context::New`` and nothing else, in an isolate that is entered."""
        if self._bare is None:
            self._bare = self._make_isolate()
        isolate, none = self._bare, v8.NO_CALLBACK
        isolate.enter()
        make, pointer = isolate.abi.context_new, isolate.pointer
        started = perf_counter_ns()
        context = make(pointer, None, None, None, none, None, none, none)
        ended = perf_counter_ns()
        isolate.leave()
        assert context
        return ended - started

    def _execution(self, name: str) -> int:
        """All that a lane does for an execution but reading and writing frames."""
        return self._run(self._pool, self._programs[name], name)

    def _cold_isolate(self) -> int:
        """A new isolate with its first context."""
        started = perf_counter_ns()
        isolate = self._make_isolate()
        isolate.enter()
        none = v8.NO_CALLBACK
        isolate.abi.context_new(isolate.pointer, None, None, None, none, None, none, none)
        ended = perf_counter_ns()
        isolate.leave()
        isolate.dispose()
        return ended - started

    def _cold_bundle(self, caches: dict[str, bytes], *, made: bool) -> int:
        """The first execution of a big worker on this host; ``made``: it need not make a code cache."""
        program = Program("bundle", "main.js", {"main.js": self._bundle}, caches)
        program.caches_made = made
        pool = PinnedPool(self._make_isolate, 1, 1)
        duration = self._run(pool, program, "bundle")
        held = pool.acquire("tenant", "worker", _Nobody())
        assert held is not None
        held.dispose()
        return duration

    def _caches(self) -> dict[str, bytes]:
        if not self._bundle_caches:
            program = Program("bundle", "main.js", {"main.js": self._bundle}, {})
            self._run(PinnedPool(self._make_isolate, 1, 1), program, "bundle")
            self._bundle_caches = dict(program.caches)
        return self._bundle_caches

    def _run(self, pool: PinnedPool, program: Program, name: str) -> int:
        number = next(self._numbers)
        event = HELLO.event(number) if name == "hello" else SUM.event(number)
        start = Start(number, program.key, "tenant", "worker", event, [], self._limits)
        started = perf_counter_ns()
        execution = Execution(start, program, _ENV, self._watch)
        held = pool.acquire(start.tenant, start.worker, _Nobody())
        assert held is not None
        turn = execution.begin(held)
        execution.finish()
        pool.release(held, healthy=execution.healthy)
        ended = perf_counter_ns()
        assert turn is not None, name
        assert turn.outcome is not None, name
        assert turn.outcome.kind is OutcomeKind.OK, turn
        assert _RECORDS[name] in turn.records, turn
        return ended - started


class _Nobody:
    """A lane that never has to wait."""

    def isolate_freed(self) -> None:
        raise AssertionError


def _program(source: str) -> Program:
    return Program(f"{hash(source)}", "main.js", {"main.js": source}, {})


def main(arguments: list[str]) -> None:
    """Answer each line on stdin until there is none."""
    blob, flags = arguments
    bench = EngineBench(None if blob == "-" else Path(blob).read_bytes(), flags)
    for line in sys.stdin:
        name, times = msgspec.json.decode(line, type=tuple[str, int])
        sys.stdout.write(msgspec.json.encode(bench.measure(name, times)).decode() + "\n")
        sys.stdout.flush()
    sys.stdout.flush()
    # V8 is not taken down in order.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
