"""Each arrow of the diagram in runner/tasks/README.md, and those that are not there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest

from runner.errors import ConflictError, NotFoundError
from runner.tasks.errors import TaskStateError
from runner.tasks.policy import RetryPolicy
from runner.tasks.task import Completed, Failed, Released
from tests.integration.tasks.conftest import ALICE, BOB

if TYPE_CHECKING:
    from tests.integration.store.scheduling import HandClock
    from tests.integration.tasks.conftest import Queue

SURE = RetryPolicy(kind="fixed", delay_ms=5000, jitter=0)


async def test_a_task_is_claimed_and_completed(queue: Queue, clock: HandClock) -> None:
    """pending → running → completed: the result, the times and who did it are kept."""
    added = await queue.add(payload={"n": 1})
    (task,) = await queue.claim()
    running = await queue.engine.get(added)
    assert (running.status, running.attempts, running.leased_by) == ("running", 1, "one")
    assert running.leased_until == clock.now() + timedelta(seconds=60)
    clock.advance(2)

    assert await queue.settle(task, Completed({"ok": True})) == ["completed"]

    done = await queue.engine.get(added)
    assert done.status == "completed"
    assert done.result is not None
    assert msgspec.json.decode(done.result) == {"ok": True}
    assert done.completed_at == clock.now()
    assert done.leased_until is None
    assert msgspec.json.decode(task.payload or "") == {"n": 1}


async def test_a_task_that_fails_waits_and_is_tried_again(queue: Queue, clock: HandClock) -> None:
    """running → pending: not before its delay is over, with one attempt less."""
    added = await queue.add(max_attempts=3, retry=SURE)
    (task,) = await queue.claim()

    assert await queue.settle(task, Failed(error="no luck")) == ["pending"]

    assert await queue.claim() == []
    clock.advance(5)
    (again,) = await queue.claim()
    assert (again.id, again.attempts) == (added, 2)
    assert again.lease_id != task.lease_id


async def test_a_task_without_attempts_left_has_failed_and_keeps_every_error(
    queue: Queue, clock: HandClock
) -> None:
    """running → failed: after the last attempt, with all that went wrong."""
    added = await queue.add(max_attempts=2, retry=SURE)
    for error in ("first", "second"):
        (task,) = await queue.claim()
        await queue.settle(task, Failed(error=error, reason="exception"))
        clock.advance(10)

    failed = await queue.engine.get(added)
    assert (failed.status, failed.error) == ("failed", "second")
    assert [(one.attempt, one.error, one.reason, one.by) for one in failed.errors] == [
        (1, "first", "exception", "one"),
        (2, "second", "exception", "one"),
    ]
    assert failed.completed_at is not None
    assert await queue.claim() == []


async def test_a_final_failure_is_not_tried_again(queue: Queue) -> None:
    added = await queue.add(max_attempts=9)
    (task,) = await queue.claim()
    assert await queue.settle(task, Failed(error="no such script", final=True)) == ["failed"]
    assert await queue.status(added) == "failed"


async def test_a_script_that_says_nothing_fails_at_once_as_the_seeds_do(queue: Queue) -> None:
    await queue.add()
    (task,) = await queue.claim()
    assert await queue.settle(task, Failed(error="x")) == ["failed"]


async def test_a_workers_task_that_says_nothing_has_three_attempts(
    queue: Queue, clock: HandClock
) -> None:
    await queue.add(kind="worker", worker=uuid4())
    ends = []
    for _ in range(3):
        (task,) = await queue.claim(kind="worker")
        ends += await queue.settle(task, Failed(error="x"))
        clock.advance(100)
    assert ends == ["pending", "pending", "failed"]


async def test_what_is_released_costs_no_attempt(queue: Queue) -> None:
    """running → pending at a shutdown: at once to be had by others, as if nothing had been."""
    added = await queue.add(max_attempts=1)
    (task,) = await queue.claim()

    assert await queue.settle(task, Released()) == ["pending"]

    (again,) = await queue.claim(executor="two")
    assert (again.id, again.attempts) == (added, 1)
    assert (await queue.engine.get(added)).errors == []


async def test_a_release_that_counts_is_a_failed_attempt(queue: Queue) -> None:
    await queue.add(max_attempts=1)
    (task,) = await queue.claim()
    end = Released(error="it took its host down", counted=True)
    assert await queue.settle(task, end) == ["failed"]


async def test_a_handler_may_say_when(queue: Queue, clock: HandClock) -> None:
    """A delay or an instant of the outcome comes before the policy."""
    for end in (
        Failed(error="x", retry_after_s=30),
        Failed(error="x", retry_at=clock.now() + timedelta(seconds=30)),
    ):
        added = await queue.add(max_attempts=3)
        (task,) = await queue.claim()
        await queue.settle(task, end)
        assert (await queue.engine.get(added)).scheduled_at == clock.now() + timedelta(seconds=30)


async def test_a_lost_executors_task_is_pending_again(queue: Queue, clock: HandClock) -> None:
    """running → pending by the rescuer: an ended lease counts as an attempt, one that goes on is left alone."""
    added = await queue.add(kind="worker", worker=uuid4())
    await queue.claim(kind="worker", lease_s=60)
    assert await queue.engine.rescue.rescue(10, clock.now()) == []
    clock.advance(61)

    (rescued,) = await queue.engine.rescue.rescue(10, clock.now())

    assert (rescued.id, rescued.status, rescued.attempts) == (added, "pending", 1)
    assert "its executor one was lost" in rescued.error
    (again,) = await queue.claim(executor="two", kind="worker")
    assert again.attempts == 2


async def test_what_keeps_killing_its_host_ends_failed(queue: Queue, clock: HandClock) -> None:
    """running → failed by the rescuer: with that as the reason."""
    added = await queue.add()
    statuses = []
    for _ in range(3):
        await queue.claim(lease_s=60)
        clock.advance(61)
        statuses += [one.status for one in await queue.engine.rescue.rescue(10, clock.now())]
    assert statuses == ["pending", "pending", "failed"]
    failed = await queue.engine.get(added)
    assert [error.reason for error in failed.errors] == ["lost"] * 3


async def test_one_attempt_that_is_said_is_one_even_for_a_lost_executor(
    queue: Queue, clock: HandClock
) -> None:
    await queue.add(max_attempts=1)
    await queue.claim(lease_s=60)
    clock.advance(61)
    (rescued,) = await queue.engine.rescue.rescue(10, clock.now())
    assert rescued.status == "failed"


async def test_an_http_task_loses_no_attempt_with_its_executor(
    queue: Queue, clock: HandClock
) -> None:
    """Who may try once has tried when it was answered, and not when somebody else was ended meanwhile."""
    added = await queue.add(None, kind="http", max_attempts=2)
    for _ in range(2):
        (task,) = await queue.claim(kind="http", lease_s=60)
        assert task.attempts == 1
        clock.advance(61)
        (rescued,) = await queue.engine.rescue.rescue(10, clock.now())
        assert rescued.status == "pending"
    (task,) = await queue.claim(kind="http")
    await queue.settle(task, Failed(error="no luck", retry_after_s=0))
    for _ in range(3):
        (task,) = await queue.claim(kind="http", lease_s=60)
        assert task.attempts == 2
        clock.advance(61)
        await queue.engine.rescue.rescue(10, clock.now())

    assert await queue.status(added) == "failed"
    errors = (await queue.engine.get(added)).errors
    assert [error.reason for error in errors] == ["lost", "lost", "exception", *["lost"] * 3]


async def test_what_an_attempt_gave_is_kept_between_attempts(
    queue: Queue, clock: HandClock
) -> None:
    """A failed attempt may have a result, which stays until the next one has one."""
    added = await queue.add(max_attempts=3, retry=SURE)

    async def kept() -> object:
        result = (await queue.engine.get(added)).result
        return None if result is None else msgspec.json.decode(result)

    for outcome, expected in (
        (Failed(error="no luck", result={"statusCode": 500}), {"statusCode": 500}),
        (Failed(error="none"), {"statusCode": 500}),
        (Failed(error="no luck", result={"statusCode": 404}), {"statusCode": 404}),
    ):
        (task,) = await queue.claim()
        await queue.settle(task, outcome)
        assert await kept() == expected
        clock.advance(10)
    assert await queue.status(added) == "failed"


async def test_a_failures_result_that_can_not_be_kept_ends_its_task(queue: Queue) -> None:
    added = await queue.add(max_attempts=3)
    (task,) = await queue.claim()

    assert await queue.settle(task, Failed(error="no luck", result="\0")) == ["failed"]

    assert "zero character" in str((await queue.engine.get(added)).error)


async def test_who_has_lost_its_lease_changes_nothing(queue: Queue, clock: HandClock) -> None:
    """The outcome is the one of the current holder, whatever the one before it says, and when."""
    added = await queue.add()
    (stale,) = await queue.claim(lease_s=60)
    clock.advance(61)
    await queue.engine.rescue.rescue(10, clock.now())
    (current,) = await queue.claim(executor="two")

    late = [Completed("stale"), Failed(error="stale"), Released()]
    assert [await queue.settle(stale, end) for end in late] == [[None], [None], [None]]
    assert await queue.engine.settlements.renew([stale, current], 60, clock.now()) == {
        current.lease_id
    }
    assert await queue.settle(current, Completed("mine")) == ["completed"]
    assert await queue.settle(current, Completed("twice")) == [None]

    done = await queue.engine.get(added)
    assert done.result is not None
    assert msgspec.json.decode(done.result) == "mine"


@pytest.mark.parametrize("status", ["pending", "paused", "running"])
async def test_what_has_not_ended_can_be_cancelled(queue: Queue, status: str) -> None:
    """pending, paused, running → cancelled: nobody writes an outcome any more."""
    added = await queue.add()
    if status == "paused":
        await queue.engine.pause(added)
    claimed = await queue.claim() if status == "running" else []

    cancelled = await queue.engine.cancel(added, reason="not needed")

    assert (cancelled.status, cancelled.error) == ("cancelled", "not needed")
    assert cancelled.completed_at is not None
    assert await queue.claim() == []
    for task in claimed:
        assert await queue.settle(task, Completed()) == [None]


async def test_what_failed_or_was_cancelled_can_run_again(queue: Queue) -> None:
    """failed, cancelled → pending: once more, or with all its attempts."""
    added = await queue.add(max_attempts=1)
    (task,) = await queue.claim()
    await queue.settle(task, Failed(error="x"))

    retried = await queue.engine.retry(added)
    assert (retried.status, retried.attempts, retried.error) == ("pending", 1, None)
    assert len(retried.errors) == 1
    await queue.engine.cancel(added)
    reset = await queue.engine.retry(added, reset_attempts=True)
    assert (reset.status, reset.attempts) == ("pending", 0)
    assert len(await queue.claim()) == 1


async def test_a_paused_task_waits_until_it_is_resumed(queue: Queue) -> None:
    """pending ⇄ paused."""
    added = await queue.add()
    assert (await queue.engine.pause(added)).status == "paused"
    assert await queue.claim() == []
    assert (await queue.engine.resume(added)).status == "pending"
    assert len(await queue.claim()) == 1


async def test_steps_that_are_not_in_the_diagram_are_refused_with_the_state(queue: Queue) -> None:
    """The words are the worker seed's."""
    added = await queue.add()
    (task,) = await queue.claim()
    engine = queue.engine
    with pytest.raises(TaskStateError, match="Cannot retry task in status: running"):
        await engine.retry(added)
    with pytest.raises(
        TaskStateError, match=r"Cannot pause task in status: running\. Only pending"
    ):
        await engine.pause(added)
    with pytest.raises(TaskStateError, match="Cannot resume"):
        await engine.resume(added)
    await queue.settle(task, Completed())
    with pytest.raises(TaskStateError, match="Cannot cancel task in status: completed"):
        await engine.cancel(added)
    with pytest.raises(TaskStateError, match="Only failed or cancelled tasks can be retried"):
        await engine.retry(added)


async def test_other_tenants_tasks_are_not_there(queue: Queue) -> None:
    added = await queue.add(tenant=ALICE)
    engine = queue.engine
    for ask in (engine.get, engine.cancel, engine.pause, engine.resume, engine.retry):
        with pytest.raises(NotFoundError):
            await ask(added, BOB)
    assert (await engine.get(added, ALICE)).status == "pending"


async def test_a_retry_gives_way_to_a_live_task_of_the_same_key(queue: Queue) -> None:
    first = await queue.add(key="k")
    await queue.engine.cancel(first)
    await queue.add(key="k")
    with pytest.raises(ConflictError):
        await queue.engine.retry(first)
    assert await queue.status(first) == "cancelled"
