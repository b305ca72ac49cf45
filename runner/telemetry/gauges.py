"""What the runner's parts say of themselves when metrics are read: hosts and their pools, admission, code caches, PostgreSQL, NATS.

They count for themselves; here it gets names. Host names are few: as many as ``ISOLATE_HOSTS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from runner.telemetry.families import counter, gauge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from runner.admission import Admission
    from runner.code_cache import CodeCaches
    from runner.hosts import Host
    from runner.supervisor import Supervisor
    from runner.telemetry.families import Family, Labels

_COUNTED: Final = {
    "isolates_created": ("isolane.isolates.created", "{isolate}", "Isolates that were made."),
    "isolates_disposed": ("isolane.isolates.disposed", "{isolate}", "Isolates that are gone."),
    "isolates_evicted": (
        "isolane.isolates.evicted",
        "{isolate}",
        "Idle isolates that had to make room for others.",
    ),
    "pool_hits": ("isolane.pool.hits", "{acquisition}", "Isolates taken from the pool."),
    "pool_misses": ("isolane.pool.misses", "{acquisition}", "Isolates that were not in the pool."),
    "contexts_prepared": ("isolane.contexts.prepared", "{context}", "Contexts made in advance."),
    "contexts_reused": ("isolane.contexts.reused", "{context}", "Warm contexts used again."),
    "queue_full": (
        "isolane.lane.queue.full",
        "{execution}",
        "Executions refused by a lane: its queue was full.",
    ),
    "queue_timeouts": (
        "isolane.lane.queue.timeouts",
        "{execution}",
        "Executions that waited too long in their lane.",
    ),
}
_NOW: Final = {
    "executions_running": (
        "isolane.lane.executions.running",
        "{execution}",
        "Executions that have an isolate.",
    ),
    "executions_waiting": (
        "isolane.lane.executions.waiting",
        "{execution}",
        "Executions that wait for an isolate.",
    ),
}


class RunnerGauges:
    """Reads hosts, admission and code caches."""

    def __init__(self, supervisor: Supervisor, admission: Admission, caches: CodeCaches) -> None:
        self._supervisor = supervisor
        self._admission = admission
        self._caches = caches

    def __call__(self) -> Iterable[Family]:
        hosts = self._supervisor.hosts
        yield gauge(
            "isolane.hosts", "Isolate hosts that serve.", "{host}", (), {(): float(len(hosts))}
        )
        yield counter(
            "isolane.hosts.replaced",
            "Isolate hosts that died and were replaced.",
            "{host}",
            (),
            {(): self._supervisor.replaced},
        )
        yield gauge(
            "isolane.host.memory",
            "Resident size of an isolate host.",
            "By",
            ("host",),
            {(host.name,): host.rss_bytes for host in hosts},
        )
        yield from _pools(hosts)
        yield from self._admissions()
        yield gauge(
            "isolane.code_cache.size",
            "Code caches that are kept.",
            "By",
            (),
            {(): self._caches.size_bytes},
        )

    def _admissions(self) -> Iterable[Family]:
        waiting = self._admission.waiting
        running = self._admission.total - waiting
        yield gauge(
            "isolane.admission.events",
            "Events that were admitted and are not over, and those that wait for it.",
            "{event}",
            ("state",),
            {("admitted",): running, ("waiting",): waiting},
        )


def _pools(hosts: tuple[Host, ...]) -> Iterable[Family]:
    def totals(field: str) -> dict[Labels, float]:
        return {(host.name,): sum(getattr(lane, field) for lane in host.stats) for host in hosts}

    isolates: dict[Labels, float] = {}
    for (host,), idle in totals("isolates_idle").items():
        isolates[host, "idle"] = idle
    for (host,), alive in totals("isolates").items():
        isolates[host, "busy"] = alive - isolates[host, "idle"]
    yield gauge(
        "isolane.isolates", "Isolates of a host's pools.", "{isolate}", ("host", "state"), isolates
    )
    for field, (name, unit, what) in _NOW.items():
        yield gauge(name, what, unit, ("host",), totals(field))
    for field, (name, unit, what) in _COUNTED.items():
        yield counter(name, what, unit, ("host",), totals(field))


_POOL_GAUGES: Final = {
    "pool_min": "Connections at least.",
    "pool_max": "Connections at most.",
    "pool_size": "Connections, in whatever state.",
    "pool_available": "Connections that are idle.",
    "requests_waiting": "Requests that wait for a connection.",
}
_POOL_COUNTERS: Final = {
    "requests_num": "Connections asked for.",
    "requests_queued": "Requests that had to wait.",
    "requests_errors": "Requests that got no connection in time.",
    "connections_num": "Connections tried.",
    "connections_errors": "Connections that could not be made.",
    "connections_lost": "Connections that were found broken.",
}


class DatabaseGauges:
    """Reads ``get_stats`` of a connection pool of psycopg's."""

    def __init__(self, name: str, get_stats: Callable[[], Mapping[str, int]]) -> None:
        self._name = name
        self._get_stats = get_stats

    def __call__(self) -> Iterable[Family]:
        stats = self._get_stats()
        for make, fields in ((gauge, _POOL_GAUGES), (counter, _POOL_COUNTERS)):
            for field, what in fields.items():
                # The pool leaves out what is 0.
                series: dict[Labels, float] = {(self._name,): stats.get(field, 0)}
                yield make(f"isolane.postgresql.{field}", what, "1", ("pool",), series)


class NatsConnection(Protocol):
    """What is asked of the connection to NATS."""

    on_disconnect: list[Callable[[], None]]

    @property
    def connected(self) -> bool: ...


class NatsGauges:
    """Reads a connection to NATS, and counts how often it is lost."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection
        self._lost = 0
        connection.on_disconnect.append(self._lose)

    def _lose(self) -> None:
        self._lost += 1

    def __call__(self) -> Iterable[Family]:
        connected = float(self._connection.connected)
        yield gauge("isolane.nats.connected", "1 while NATS is there.", "1", (), {(): connected})
        yield counter(
            "isolane.nats.disconnects",
            "Connections to NATS that were lost.",
            "{connection}",
            (),
            {(): self._lost},
        )
