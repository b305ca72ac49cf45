"""Admission: limits of a worker, a tenant and the whole, fair waiting, calls that can not block each other, places that come back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from runner.admission import Admission, AdmissionLimits, grades
from runner.errors import BusyError, OwnLimitError
from runner.events.context import MAX_HOPS

if TYPE_CHECKING:
    from collections.abc import Awaitable


def admission(**limits: int) -> Admission:
    return Admission(AdmissionLimits(**{"wait_timeout_ms": 60_000, **limits}))


class Queue:
    """Those who want to enter, by name, and the order in which they did."""

    def __init__(self, limits: Admission) -> None:
        self.limits = limits
        self.entered: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def wait(self, name: str, tenant: str, worker: str, depth: int = 0) -> None:
        """Let somebody wait."""

        async def enter() -> None:
            await self.limits.enter(tenant, worker, depth)
            self.entered.append(name)

        self.tasks[name] = asyncio.ensure_future(enter())
        await settle()

    async def leave(self, tenant: str, worker: str, depth: int = 0) -> list[str]:
        """Leave, and return who entered because of it."""
        before = len(self.entered)
        self.limits.leave(tenant, worker, depth)
        await settle()
        return self.entered[before:]


async def settle() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def refused(entering: Awaitable[None]) -> BusyError:
    with pytest.raises(BusyError) as caught:
        await entering
    return caught.value


async def test_a_workers_requests_wait_in_the_order_they_came() -> None:
    queue = Queue(admission(per_worker=1))
    assert queue.limits.try_enter("t", "a")
    await queue.wait("first", "t", "a")
    await queue.wait("second", "t", "a")
    assert (queue.limits.running, queue.limits.waiting, queue.limits.total) == (1, 2, 3)
    assert await queue.leave("t", "a") == ["first"]
    assert await queue.leave("t", "a") == ["second"]
    assert await queue.leave("t", "a") == []
    assert queue.limits.total == 0


async def test_a_full_worker_does_not_hinder_another() -> None:
    limits = admission(per_worker=1)
    assert limits.try_enter("t", "a")
    assert not limits.try_enter("t", "a")
    assert limits.try_enter("t", "b")


async def test_a_tenant_has_a_limit_over_all_its_workers() -> None:
    queue = Queue(admission(per_tenant=2))
    assert queue.limits.try_enter("t", "a")
    assert queue.limits.try_enter("t", "b")
    await queue.wait("third", "t", "c")
    assert queue.entered == []
    assert queue.limits.try_enter("u", "d")
    assert await queue.leave("u", "d") == []
    assert await queue.leave("t", "a") == ["third"]


async def test_a_tenants_workers_take_turns() -> None:
    queue = Queue(admission(per_tenant=1))
    assert queue.limits.try_enter("t", "a")
    for name in ("a1", "a2", "b1"):
        await queue.wait(name, "t", name[0])
    assert await queue.leave("t", "a") == ["a1"]
    assert await queue.leave("t", "a") == ["b1"]
    assert await queue.leave("t", "b") == ["a2"]


async def test_tenants_take_turns_when_the_whole_is_full() -> None:
    queue = Queue(admission(total=4, per_tenant=16))
    for tenant in ("t", "t", "u"):
        assert queue.limits.try_enter(tenant, "a")
    for name in ("t1", "t2", "t3", "u1"):
        await queue.wait(name, name[0], "b")
    entered = [(await queue.leave("t", "a"))[0]]
    entered.append((await queue.leave("t", "a"))[0])
    assert entered == ["t1", "u1"]


async def test_no_tenant_gets_all_places_there_are() -> None:
    limits = admission(total=10, per_tenant=100, isolates_per_tenant=100, per_worker=100)
    taken = 0
    while limits.try_enter("t", "a"):
        taken += 1
    assert taken == 8
    assert limits.try_enter("u", "b")


async def test_who_waited_too_long_for_its_own_is_told_so() -> None:
    limits = admission(per_worker=1, per_tenant=2, wait_timeout_ms=0)
    assert limits.try_enter("t", "a")
    error = await refused(limits.enter("t", "a"))
    assert isinstance(error, OwnLimitError)
    assert "waited 0 s" in error.reason
    assert error.retry_after_s >= 1
    assert limits.try_enter("t", "b")
    error = await refused(limits.enter("t", "c"))
    assert isinstance(error, OwnLimitError)
    assert "owner" in error.reason
    assert limits.total == 2


async def test_who_waited_too_long_for_the_whole_is_told_so() -> None:
    limits = admission(total=1, wait_timeout_ms=0)
    assert limits.try_enter("t", "a")
    assert not isinstance(await refused(limits.enter("u", "b")), OwnLimitError)


async def test_only_so_many_wait() -> None:
    queue = Queue(admission(per_worker=1, waiting=1))
    assert queue.limits.try_enter("t", "a")
    await queue.wait("first", "t", "a")
    error = await refused(queue.limits.enter("t", "a"))
    assert not isinstance(error, OwnLimitError)
    assert error.retry_after_s >= 1
    assert await queue.leave("t", "a") == ["first"]


async def test_a_refusal_takes_a_moment_in_which_nothing_is_held() -> None:
    limits = admission(per_worker=1, waiting=0, refusal_ms=20)
    assert limits.try_enter("t", "a")
    loop = asyncio.get_running_loop()
    began = loop.time()
    entering = asyncio.ensure_future(limits.enter("t", "a"))
    await settle()
    assert limits.total == 1
    await refused(entering)
    assert loop.time() - began >= 0.019


async def test_a_call_is_refused_without_delay() -> None:
    limits = admission(per_worker=1, waiting=0, refusal_ms=60_000)
    assert limits.try_enter("t", "a", 1)
    await refused(limits.enter("t", "a", 1))


async def test_a_full_waiting_room_has_room_for_a_tenant_with_less_than_its_share() -> None:
    queue = Queue(admission(per_worker=1, waiting=3))
    for tenant in "tu":
        assert queue.limits.try_enter(tenant, "a")
    for name in ("t1", "t2", "t3"):
        await queue.wait(name, "t", "a")
    await queue.wait("u1", "u", "a")
    with pytest.raises(BusyError):
        await queue.tasks["t3"]
    await refused(queue.limits.enter("t", "a"))
    await refused(queue.limits.enter("u", "a"))
    assert await queue.leave("u", "a") == ["u1"]
    assert await queue.leave("t", "a") == ["t1"]


async def test_a_place_given_to_somebody_who_left_goes_to_the_next() -> None:
    queue = Queue(admission(per_worker=1))
    assert queue.limits.try_enter("t", "a")
    await queue.wait("first", "t", "a")
    await queue.wait("second", "t", "a")
    queue.limits.leave("t", "a")
    queue.tasks["first"].cancel()
    await settle()
    assert queue.entered == ["second"]
    await queue.leave("t", "a")
    assert queue.limits.total == 0


async def test_somebody_who_leaves_the_line_is_passed_over() -> None:
    queue = Queue(admission(per_worker=1))
    assert queue.limits.try_enter("t", "a")
    await queue.wait("first", "t", "a")
    await queue.wait("second", "t", "a")
    queue.tasks["first"].cancel()
    # In the same moment: it has not left yet.
    assert await queue.leave("t", "a") == ["second"]
    assert await queue.leave("t", "a") == []
    assert queue.limits.total == 0


# --- calls between workers ----------------------------------------------------------------------------------------------


def test_every_depth_has_places_that_none_above_it_takes() -> None:
    assert grades(16, 20)[:5] == (16, 18, 19, 20, 20)
    assert grades(16, 20)[-1] == 20
    assert grades(1, 1) == (1,) * (MAX_HOPS + 1)


async def test_a_worker_that_calls_itself_finds_a_place() -> None:
    limits = admission(per_worker=1)
    for depth in range(4):
        assert limits.try_enter("t", "a", depth)


async def test_callers_that_have_all_places_of_their_tenant_are_served_one_after_the_other() -> (
    None
):
    queue = Queue(admission(per_tenant=3, isolates_per_tenant=4))
    for _ in range(3):
        assert queue.limits.try_enter("t", "a")
    assert queue.limits.try_enter("t", "b", 1)
    # With one place for all calls, the next depth has none of its own: nobody waits there.
    assert isinstance(await refused(queue.limits.enter("t", "c", 2)), OwnLimitError)
    await queue.wait("second", "t", "b", 1)
    assert await queue.leave("t", "b", 1) == ["second"]


async def test_calls_come_before_requests_from_outside() -> None:
    queue = Queue(admission(per_tenant=2, isolates_per_tenant=3))
    for worker in "ab":
        assert queue.limits.try_enter("t", worker)
    assert queue.limits.try_enter("t", "c", 1)
    await queue.wait("outside", "t", "d")
    await queue.wait("call", "t", "e", 1)
    assert await queue.leave("t", "c", 1) == ["call"]
    assert await queue.leave("t", "e", 1) == []
    assert await queue.leave("t", "a") == ["outside"]


async def test_with_one_isolate_a_call_is_refused_at_once() -> None:
    limits = admission(total=1)
    assert limits.try_enter("t", "a")
    await refused(limits.enter("t", "b", 1))
