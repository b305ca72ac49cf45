"""The choice of a lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pools.protocol import Mode
from runner.dispatch import Dispatcher
from runner.errors import BusyError
from runner.events.context import NO_CONTEXT
from tests.unit.runner.fake_lane import connect, deployment

if TYPE_CHECKING:
    from runner.lane_client import LaneClient


class FakeSupervisor:
    def __init__(self, *lanes: LaneClient) -> None:
        self.lanes = lanes

    async def serving(self, timeout_s: float) -> bool:
        return bool(self.lanes)


async def make(count: int, mode: Mode = Mode.PINNED) -> tuple[Dispatcher, list[LaneClient], Any]:
    benches = [await connect(name=f"{number}.0") for number in range(count)]
    for bench in benches:
        bench.lane.on_start = lambda _lane, _start: None
    lanes = [bench.client for bench in benches]
    supervisor = FakeSupervisor(*lanes)
    return Dispatcher(supervisor, mode, 0), lanes, supervisor  # type: ignore[arg-type]


def start(dispatcher: Dispatcher, tenant: str = "t", **options: Any) -> Any:
    return dispatcher.start(deployment(tenant=tenant), b"{}", **options)


async def test_a_tenant_keeps_its_lane() -> None:
    dispatcher, _, _ = await make(4)
    names = {start(dispatcher).lane_name for _ in range(3)}
    assert len(names) == 1


async def test_tenants_spread_over_the_lanes() -> None:
    dispatcher, lanes, _ = await make(4)
    homes = {dispatcher._home(f"tenant {number}", tuple(lanes)).name for number in range(100)}
    assert len(homes) == 4


async def test_a_busy_lane_spills_to_the_least_busy() -> None:
    dispatcher, lanes, _ = await make(2)
    for _ in range(8):
        start(dispatcher)
    assert sorted(len(lane.running) for lane in lanes) == [3, 5]


@pytest.mark.parametrize("mode", [Mode.POOLED, Mode.ONESHOT])
async def test_without_affinity_the_least_busy_lane_is_chosen(mode: Mode) -> None:
    dispatcher, lanes, _ = await make(4, mode)
    for _ in range(8):
        start(dispatcher)
    assert [len(lane.running) for lane in lanes] == [2, 2, 2, 2]


async def test_losing_a_lane_moves_only_its_tenants() -> None:
    dispatcher, lanes, supervisor = await make(4)
    tenants = [f"tenant {number}" for number in range(50)]
    before = {tenant: dispatcher._home(tenant, supervisor.lanes).name for tenant in tenants}
    supervisor.lanes = tuple(lanes[1:])
    for tenant in tenants:
        after = dispatcher._home(tenant, supervisor.lanes).name
        assert after == before[tenant] or before[tenant] == "0.0"


async def test_a_second_try_goes_elsewhere() -> None:
    dispatcher, _, _ = await make(2)
    first = start(dispatcher)
    assert start(dispatcher, avoid=first).lane_name != first.lane_name


async def test_without_a_lane_the_answer_is_busy() -> None:
    dispatcher, _, supervisor = await make(1)
    supervisor.lanes = ()
    with pytest.raises(BusyError):
        start(dispatcher)
    with pytest.raises(BusyError):
        await dispatcher.serving()


async def test_a_tenant_with_all_its_isolates_on_one_lane_gets_one_elsewhere() -> None:
    """In a lane it would wait for an isolate that its own caller may hold."""
    dispatcher, (first, second), _ = await make(2, Mode.POOLED)
    executions = [start(dispatcher) for _ in range(20)]
    for execution in executions:
        if execution.lane_name == second.name:
            second.running.pop(execution.number)
    for number in range(15):
        second.start(deployment(tenant="other"), b"{}", [], streamed_body=False, context=NO_CONTEXT)
        assert len(second.running) == number + 1
    assert len(first.running) == 10
    assert start(dispatcher).lane_name == second.name
    assert start(dispatcher, "other").lane_name == first.name
