"""What is counted, and how many series there can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pools.protocol import Mode, Outcome, OutcomeKind, Usage
from runner.errors import OpError
from runner.events.context import NO_CONTEXT, EventContext
from runner.journal import EventLine
from runner.telemetry.counting import Counting
from runner.telemetry.families import Distribution
from runner.telemetry.gauges import DatabaseGauges, NatsGauges
from tests.unit.runner.fake_lane import OK, connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.ops.registry import OpCall


def counted(observer: Counting) -> dict[str, Any]:
    """Return series by family, distributions as their number of values."""
    return {
        family.name: {
            labels: value.count if isinstance(value, Distribution) else value
            for labels, value in family.series.items()
        }
        for family in observer.collect()
    }


def line(method: str = "GET", status: int = 200) -> EventLine:
    return EventLine(
        method=method, url="", status=status, worker="w", request_id="", duration_ms=1, outcome=None
    )


async def test_executions_are_counted_by_kind_outcome_and_mode() -> None:
    observer = Counting(Mode.PINNED)
    bench = await connect(observer=observer)
    usage = Usage(cpu_us=1000, wall_us=3000, queue_us=500, turns=1)
    bench.lane.on_start = lambda lane, start: lane.turn(
        start.execution, outcome=Outcome(OutcomeKind.OK, None, usage)
    )
    await bench.start().ended()
    await bench.start(context=EventContext(kind="task")).ended()
    bench.client.close()

    found = counted(observer)
    assert found["isolane.executions"] == {
        ("fetch", "ok", "PINNED"): 1,
        ("task", "ok", "PINNED"): 1,
    }
    assert found["isolane.execution.duration"]["fetch", "PINNED"] == 1
    assert found["isolane.execution.cpu_time"]["task", "PINNED"] == 1
    assert found["isolane.isolate.acquire.duration"]["task", "PINNED"] == 1
    assert found["isolane.executions.cold"] == {("fetch", "PINNED"): 1, ("task", "PINNED"): 0}


async def test_executions_that_are_lost_with_their_host_are_counted() -> None:
    observer = Counting(Mode.ONESHOT)
    bench = await connect(observer=observer)
    bench.lane.on_start = lambda lane, start: None
    bench.start()
    bench.client.close()

    assert counted(observer)["isolane.executions"] == {("fetch", "host_lost", "ONESHOT"): 1}


async def test_ops_are_counted_by_name_and_end() -> None:
    async def get(call: OpCall) -> None:
        if call.id == 1:
            raise OpError("Error", "no")
        call.resolve(None)

    observer = Counting(Mode.POOLED)
    bench = await connect({"kv.get": get}, observer=observer)
    execution = bench.start()
    bench.lane.turn(1, [["op", 1, "kv.get", {}], ["op", 2, "kv.get", {}]])
    await bench.lane.wait_for(lambda: len(bench.lane.records()) == 2)
    bench.lane.turn(1, outcome=OK)
    await execution.ended()

    found = counted(observer)
    assert found["isolane.ops"] == {("kv.get", "error"): 1, ("kv.get", "ok"): 1}
    assert found["isolane.op.duration"] == {("kv.get",): 2}


def test_clients_and_workers_can_not_make_more_and_more_series() -> None:
    """Methods and statuses that nobody registered are counted together."""
    observer = Counting(Mode.POOLED)
    for number in range(5000):
        observer.ended(NO_CONTEXT, line(f"M{number}", number % 700), None)

    assert len(counted(observer)["http.server.request.duration"]) < 100
    assert sum(counted(observer)["http.server.request.duration"].values()) == 5000


def test_requests_are_counted_by_method_and_status() -> None:
    observer = Counting(Mode.POOLED)
    observer.ended(NO_CONTEXT, line(), None)
    observer.ended(NO_CONTEXT, line(), None)
    observer.ended(NO_CONTEXT, line("BREW", 418), None)
    observer.ended(NO_CONTEXT, line("GET", 299), None)
    observer.ended(EventContext(kind="scheduled"), line(""), None)

    assert counted(observer)["http.server.request.duration"] == {
        ("GET", "200"): 2,
        ("_OTHER", "418"): 1,
        ("GET", "2xx"): 1,
    }


def test_waiting_for_admission_is_measured() -> None:
    observer = Counting(Mode.POOLED)
    observer.waited(0.1)

    assert counted(observer)["isolane.admission.wait.duration"] == {(): 1}


def test_a_database_pool_says_how_it_is() -> None:
    """psycopg leaves out what is 0; a counter that comes and goes would be no counter."""
    families = {
        family.name: family
        for family in DatabaseGauges("store", lambda: {"pool_size": 4, "requests_num": 9})()
    }

    assert families["isolane.postgresql.pool_size"].series == {("store",): 4}
    assert families["isolane.postgresql.requests_num"].series == {("store",): 9}
    assert families["isolane.postgresql.requests_errors"].series == {("store",): 0}
    assert families["isolane.postgresql.requests_errors"].kind == "counter"


def test_the_connection_to_nats_says_how_it_is() -> None:
    class Connection:
        connected = True

        def __init__(self) -> None:
            self.on_disconnect: list[Callable[[], None]] = []

    connection = Connection()
    gauges = NatsGauges(connection)
    for call in connection.on_disconnect:
        call()

    assert {family.name: family.series for family in gauges()} == {
        "isolane.nats.connected": {(): 1.0},
        "isolane.nats.disconnects": {(): 1},
    }
