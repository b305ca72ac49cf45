"""The scenarios by name. Each is imported only when it runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.harness import Plan
    from benchmarks.report import Findings

SCENARIOS: Final = {
    "floor": "engine time of a fresh-context execution against V8's own bare Context::New; cold starts",
    "dispatch": "runner → host → fresh context → runner: 2 lanes, 8 in flight",
    "modes": "PINNED, POOLED, ONESHOT and warm contexts on the same load, 4 lanes",
    "memory": "resident size over 100,000 executions in each mode, and of an idle isolate",
    "http": "requests through the front door: CPU time of the whole process tree, rate, latency",
    "nats": "request-reply over NATS, 200 bytes each way, against direct dispatch and a bare echo",
    "tasks": "the durable queue: no-op tasks against bare claims, enqueueing, latency, JavaScript, a backlog",
    "http-tasks": "HTTP tasks: due ones drained by fetch and by curl, lateness of due times and of crons",
    "tasks-server": "the tasks server's API: a task looked at, registered, listed, with a million in the table",
    "telemetry": "dispatch with metrics and traces, and without",
    "resolution": "from a request to its worker, when that is known",
    "routing": "a worker that asks another: in the runner, and over loopback HTTP",
    "fairness": "one tenant's latency, alone and beside another that floods the runner",
    "bodies": "bodies of 1 GB through a TransformStream, compression and unread: memory and rate",
    "webapi": "text to bytes and back, URLs, patterns and digests, in an execution",
    "run": "wall time of `isolane run` with a trivial task",
}
"""What each one measures."""


def module_of(name: str) -> str:
    """Return the name of a scenario's module."""
    return f"benchmarks.scenarios.{name.replace('-', '_')}"


def find_scenario(name: str) -> Callable[[Plan], Awaitable[Findings]]:
    """Return a scenario's function.

    Raises
    ------
    KeyError
        There is none of this name.

    """
    if name not in SCENARIOS:
        raise KeyError(name)
    module = import_module(module_of(name))
    scenario: Callable[[Plan], Awaitable[Findings]] = module.run
    return scenario
