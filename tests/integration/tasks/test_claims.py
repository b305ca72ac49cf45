"""Who is claimed, in which order, and what limits hold back."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from runner.tasks.globs import like_patterns
from runner.tasks.policy import RetryPolicy
from runner.tasks.rules import QueueRules, TenantRules
from runner.tasks.task import Completed, NewTask
from tests.integration.tasks.conftest import ALICE, BOB, CAROL, new_task

if TYPE_CHECKING:
    from runner.tasks.task import ClaimedTask
    from tests.integration.store.scheduling import HandClock
    from tests.integration.tasks.conftest import Queue


async def test_the_higher_priority_comes_first_then_the_older(
    queue: Queue, clock: HandClock
) -> None:
    for script, priority in (("old", 5), ("older", 5), ("urgent", 10), ("late", -1)):
        await queue.add(script, priority=priority)
        clock.advance(1)
    assert [(await queue.claim())[0].script for _ in range(4)] == ["urgent", "old", "older", "late"]


async def test_a_batch_comes_in_the_order_of_urgency(queue: Queue, clock: HandClock) -> None:
    for script, priority in (("b", 5), ("c", 0), ("a", 10)):
        await queue.add(script, priority=priority)
    assert [task.script for task in await queue.claim(3)] == ["a", "b", "c"]


async def test_nothing_is_claimed_before_its_time(queue: Queue, clock: HandClock) -> None:
    """To the microsecond; what is due comes at once, however urgent the other is."""
    later = clock.now() + timedelta(seconds=10)
    await queue.add("later", scheduled_at=later, priority=100)
    await queue.add("now")
    assert [task.script for task in await queue.claim(5)] == ["now"]
    clock.advance(9.999999)
    assert await queue.claim(5) == []
    clock.advance(0.000001)
    assert [task.script for task in await queue.claim(5)] == ["later"]


async def test_no_task_is_claimed_twice_at_once(queue: Queue) -> None:
    """Eight claim at the same time, in small batches, until there is nothing: each task went to one of them."""
    await queue.engine.enqueue_many([new_task(tenant=UUID(int=n % 5)) for n in range(400)])

    async def claim_all(executor: str) -> list[UUID]:
        mine: list[UUID] = []
        while some := await queue.claim(7, executor=executor):
            mine += [task.id for task in some]
        return mine

    shares = await asyncio.gather(*(claim_all(f"e{number}") for number in range(8)))
    claimed = [task for share in shares for task in share]
    assert len(claimed) == len(set(claimed)) == 400


async def test_tenants_have_their_turn_whatever_others_have_waiting(queue: Queue) -> None:
    """A flood does not delay another's first task, in batches as one by one, and priorities count among one's own."""
    await queue.engine.enqueue_many([new_task(tenant=ALICE, priority=100) for _ in range(500)])
    await queue.engine.enqueue_many([new_task(tenant=BOB) for _ in range(3)])
    await queue.engine.enqueue_many([new_task(tenant=CAROL, priority=-5) for _ in range(3)])

    one_by_one = [(await queue.claim())[0].tenant for _ in range(6)]
    assert Counter(one_by_one) == {ALICE: 2, BOB: 2, CAROL: 2}
    batch = Counter(task.tenant for task in await queue.claim(9))
    assert batch[BOB] == batch[CAROL] == 1


async def test_a_batch_is_filled_when_one_tenant_has_enough(queue: Queue) -> None:
    await queue.engine.enqueue_many([new_task(tenant=ALICE) for _ in range(50)])
    assert len(await queue.claim(50)) == 50


async def test_more_tenants_than_a_claim_walks_through_are_all_served(queue: Queue) -> None:
    """Also when those that come first have nothing that is due."""
    later = queue.engine.clock.now() + timedelta(days=1)
    tenants = [UUID(int=number + 10) for number in range(200)]
    await queue.engine.enqueue_many([new_task(tenant=one, scheduled_at=later) for one in tenants])
    await queue.engine.enqueue_many([new_task(tenant=one) for one in tenants[150:]])
    served = [(await queue.claim())[0].tenant for _ in range(50)]
    assert sorted(served) == tenants[150:]
    assert await queue.claim() == []


async def test_an_executor_serves_its_queues_and_kinds_only(queue: Queue) -> None:
    await queue.add("a", queue="one")
    await queue.add("b", queue="two", tenant=ALICE)
    await queue.add("b", queue="two", tenant=BOB)
    await queue.add("c", queue="three")
    await queue.add(kind="http", script=None, queue="three")
    assert [task.script for task in await queue.claim(9, queues=["three"])] == ["c"]
    assert [task.script for task in await queue.claim(9, queues=["one"])] == ["a"]
    assert [task.kind for task in await queue.claim(9, kind="http")] == ["http"]
    assert len(await queue.claim(9)) == 2


async def test_globs_choose_types(queue: Queue, clock: HandClock) -> None:
    """The most urgent of all types that match come first; what has no type matches none."""
    for type_, priority in (
        ("email:send", 0),
        ("email:bulk", 5),
        ("emails", 9),
        ("report:x", 1),
        (None, 9),
    ):
        await queue.add(type=type_, priority=priority)
        clock.advance(1)
    await queue.add(type="email:keyed", concurrency_key="k")
    globs = like_patterns(["email:*", "report:?"])
    assert [task.type for task in await queue.claim(2, types=globs)] == ["email:bulk", "report:x"]
    assert [task.type for task in await queue.claim(9, types=globs)] == [
        "email:send",
        "email:keyed",
    ]
    assert await queue.claim(9, types=globs) == []
    assert sorted(str(task.type) for task in await queue.claim(9)) == ["None", "emails"]


async def test_more_types_than_a_claim_walks_through_are_all_served(queue: Queue) -> None:
    await queue.engine.enqueue_many([new_task(type=f"t{n:04}") for n in range(600)])
    await queue.add(type="z:1")
    found = [await queue.claim(types=["z:%"]) for _ in range(4)]
    assert sum(map(len, found)) == 1


async def test_a_queue_runs_no_more_than_it_may(queue: Queue) -> None:
    """However many claim at once, and again as soon as one has ended."""
    await queue.engine.rules.set_queue(QueueRules(queue="few", max_running=3))
    await queue.engine.enqueue_many([new_task(queue="few", tenant=UUID(int=n)) for n in range(9)])

    assert await queue.claim(9) == []
    claims = await asyncio.gather(*(queue.claim(2, executor=f"e{n}", ruled=True) for n in range(5)))
    running = [task for some in claims for task in some]

    assert len(running) == 3
    await queue.settle(running[0], Completed())
    assert len(await queue.claim(9, ruled=True)) == 1


async def test_a_tenant_runs_no_more_than_it_may_over_all_queues(queue: Queue) -> None:
    await queue.engine.rules.set_tenant(TenantRules(tenant=ALICE, max_running=2))
    await queue.engine.enqueue_many(
        [new_task(tenant=ALICE, queue=name) for name in ("a", "b", "c") for _ in range(2)]
    )
    await queue.add("bob", tenant=BOB)
    assert len(await queue.claim(9, ruled=True)) == 2
    assert await queue.claim(9, ruled=True) == []
    assert [task.script for task in await queue.claim(9)] == ["bob"]


async def test_tasks_that_share_a_key_run_one_after_the_other(queue: Queue) -> None:
    """By default one; the queue may allow more."""
    for key in ("x", "x", "y"):
        await queue.add(concurrency_key=key)
    assert await queue.claim(9) == []
    running = await queue.claim(9, ruled=True)
    assert sorted(str(task.concurrency_key) for task in running) == ["x", "y"]
    assert await queue.claim(9, ruled=True) == []
    await queue.settle(*(part for task in running for part in (task, Completed())))
    assert len(await queue.claim(9, ruled=True)) == 1
    await queue.engine.rules.set_queue(QueueRules(queue="default", max_running_per_key=2))
    for _ in range(3):
        await queue.add(concurrency_key="x")
    assert len(await queue.claim(9, ruled=True)) == 1


async def test_more_blocked_keys_than_a_claim_walks_through_do_not_hide_a_free_one(
    queue: Queue,
) -> None:
    await queue.engine.enqueue_many(
        [new_task(concurrency_key=f"{n % 400:04}", tenant=ALICE) for n in range(800)]
    )
    first: list[UUID] = []
    for _ in range(8):
        first += [task.id for task in await queue.claim(400, ruled=True)]
    assert len(first) == 400
    await queue.add("free", concurrency_key="zzz", tenant=ALICE)
    found = [await queue.claim(5, ruled=True) for _ in range(3)]
    assert sum(map(len, found)) == 1


async def test_limits_share_fairly_between_tenants(queue: Queue) -> None:
    await queue.engine.rules.set_queue(QueueRules(queue="few", max_running=4))
    await queue.engine.enqueue_many([new_task(queue="few", tenant=ALICE) for _ in range(20)])
    await queue.engine.enqueue_many([new_task(queue="few", tenant=BOB) for _ in range(20)])
    running = await queue.claim(9, ruled=True)
    assert Counter(task.tenant for task in running) == {ALICE: 2, BOB: 2}


async def test_a_queue_starts_no_more_than_its_rate(queue: Queue, clock: HandClock) -> None:
    """All of it at first, then as time goes by; what was not used is not saved beyond that."""
    await queue.engine.rules.set_queue(QueueRules(queue="slow", rate_limit=4, rate_period_ms=2000))
    await queue.engine.enqueue_many([new_task(queue="slow") for _ in range(50)])
    starts = [len(await queue.claim(9, ruled=True)), len(await queue.claim(9, ruled=True))]
    for seconds in (0.5, 0.25, 0.25, 60):
        clock.advance(seconds)
        starts.append(len(await queue.claim(9, ruled=True)))
    assert starts == [4, 0, 1, 0, 1, 4]


async def test_a_paused_queue_starts_nothing_and_its_tasks_stay_pending(queue: Queue) -> None:
    added = await queue.add(queue="q")
    rules = queue.engine.rules
    await rules.pause_queue("q")
    assert await queue.claim() == await queue.claim(ruled=True) == []
    assert await queue.status(added) == "pending"
    await rules.resume_queue("q")
    assert len(await queue.claim()) == 1


async def test_a_pause_keeps_the_other_rules(queue: Queue) -> None:
    rules = queue.engine.rules
    await rules.set_queue(QueueRules(queue="q", max_running=2, retry=RetryPolicy(kind="linear")))
    await rules.pause_queue("q")
    assert await rules.queue("q") == QueueRules(
        queue="q", paused=True, max_running=2, retry=RetryPolicy(kind="linear")
    )
    await rules.forget_queue("q")
    assert await rules.queues() == []


async def test_a_paused_tenant_does_not_hold_up_others(queue: Queue) -> None:
    await queue.add("alice", tenant=ALICE)
    await queue.add("keyed", tenant=ALICE, concurrency_key="k")
    await queue.add("bob", tenant=BOB)
    await queue.engine.rules.set_tenant(TenantRules(tenant=ALICE, paused=True))
    assert [task.script for task in await queue.claim(9)] == ["bob"]
    assert await queue.claim(9, ruled=True) == []
    await queue.engine.rules.set_tenant(TenantRules(tenant=ALICE))
    assert [task.script for task in await queue.claim(9)] == ["alice"]
    assert [task.script for task in await queue.claim(9, ruled=True)] == ["keyed"]


async def test_a_task_has_what_its_queue_says_unless_it_says_so_itself(queue: Queue) -> None:
    policy = RetryPolicy(kind="fixed", delay_ms=7)
    await queue.engine.rules.set_queue(
        QueueRules(queue="q", max_attempts=7, timeout_ms=1234, retry=policy)
    )
    await queue.add("silent", queue="q")
    await queue.add("own", queue="q", max_attempts=2, timeout_ms=5)
    claimed = {task.script: task for task in await queue.claim(2)}
    assert (claimed["silent"].max_attempts, claimed["silent"].timeout_ms) == (7, 1234)
    assert claimed["silent"].retry is not None
    assert '"fixed"' in claimed["silent"].retry
    assert (claimed["own"].max_attempts, claimed["own"].timeout_ms) == (2, 5)


async def test_the_outlook_says_when_the_next_is_due_and_whether_rules_matter(
    queue: Queue, clock: HandClock
) -> None:
    from runner.tasks.claims import Claimer, Wanted

    claimer = Claimer(queue.engine.lines, Wanted(kinds=("script",)), "one", 60)
    assert await claimer.look(clock.now()) == (None, False)
    await queue.add(scheduled_at=clock.now() + timedelta(seconds=30))
    await queue.add(scheduled_at=clock.now() + timedelta(seconds=20))
    assert await claimer.look(clock.now()) == (20, False)
    await queue.add(concurrency_key="k", kind="http", script=None)
    assert await claimer.look(clock.now()) == (20, False)
    await queue.add(concurrency_key="k")
    assert await claimer.look(clock.now()) == (20, True)


async def test_what_came_due_a_moment_ago_counts_as_to_come(queue: Queue, clock: HandClock) -> None:
    """A claim may have been too early for it, and a look for what is to come too late."""
    from runner.tasks.claims import Claimer, Wanted

    claimer = Claimer(queue.engine.lines, Wanted(kinds=("script",)), "one", 60)
    await queue.add(scheduled_at=clock.now() + timedelta(seconds=20))
    clock.advance(21)
    assert await claimer.look(clock.now()) == (None, False)
    assert await claimer.look(clock.now(), 2.0) == (-1, False)


async def test_successes_ride_along_with_a_claim_unless_their_lease_is_gone(queue: Queue) -> None:
    from runner.tasks.claims import Claimer, Wanted

    engine = queue.engine
    await engine.enqueue_many([new_task() for _ in range(3)])
    claimer = Claimer(engine.lines, Wanted(kinds=("script",)), "one", 60)
    (first, second), _ = await claimer.claim(2, engine.now())
    await engine.cancel(second.id)
    riders = [engine.settlements.rider(task, Completed({"n": 1})) for task in (first, second)]
    (third,), written = await claimer.claim(
        5, engine.now(), [rider for rider in riders if rider is not None]
    )
    assert written == {first.lease_id}
    assert third.id not in {first.id, second.id}
    assert await queue.status(first.id) == "completed"
    assert await queue.status(second.id) == "cancelled"


async def test_a_worker_task_keeps_its_worker_and_type(queue: Queue) -> None:
    worker = uuid4()
    task = NewTask(kind="worker", worker=worker, type="email:send", options={"o": 1}, trace="00-x")
    await queue.engine.enqueue(task)
    (claimed,) = await queue.claim(kind="worker")
    assert (claimed.worker, claimed.type, claimed.options, claimed.trace) == (
        worker, "email:send", '{"o": 1}', "00-x",
    )  # fmt: skip


async def test_a_streak_keeps_the_order_and_is_over_when_nothing_is_left(queue: Queue) -> None:
    """What is more urgent comes first even if it came last; what was put back behind it comes at the end."""
    from runner.tasks.claims import Claimer, Wanted
    from runner.tasks.streak import Streak
    from runner.tasks.task import Released

    engine = queue.engine
    await engine.enqueue_many([new_task(f"{n}", priority=n % 2) for n in range(8)])
    claimer = Claimer(
        engine.lines, Wanted(kinds=("script",)), "one", 60, streak=lambda: Streak(60, busy=0)
    )

    async def claim(most: int) -> list[str | None]:
        tasks, _ = await claimer.claim(most, engine.now())
        held.extend(tasks)
        return [task.script for task in tasks]

    held: list[ClaimedTask] = []
    assert await claim(3) == ["1", "3", "5"]
    await queue.settle(held[0], Released())
    await queue.add("urgent", priority=9)
    await queue.add("bob", tenant=BOB, priority=9)
    assert await claim(3) == ["urgent", "7", "0"]
    assert await claim(3) == ["1", "2", "4"]
    await queue.settle(held[-2], Released())
    assert sorted(map(str, await claim(3))) == ["2", "6", "bob"]
    assert await claim(3) == []
