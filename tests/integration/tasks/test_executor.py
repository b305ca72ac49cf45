"""Executors: places, outcomes, ends that come from outside, and a database that goes away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from runner.tasks.duties import Rescuer
from runner.tasks.engine import open_engine
from runner.tasks.executor import Executor, ExecutorOptions
from runner.tasks.rules import QueueRules
from runner.tasks.task import Completed, Failed, Outcome, Released
from runner.tasks.wakes import TaskWakes
from tests.integration.store.line import open_line
from tests.integration.tasks.conftest import ALICE, BOB, CAROL, new_task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask
    from tests.integration.store.scheduling import HandClock
    from tests.integration.tasks.conftest import Queue


class Stage:
    """Executes tasks as the test says, by their script; tells what has begun and how it ended."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[tuple[ClaimedTask, Lease]] = asyncio.Queue()
        self.ends: dict[UUID, asyncio.Future[Outcome]] = {}
        self.cut: list[str] = []

    async def execute(self, task: ClaimedTask, lease: Lease) -> Outcome:
        if task.script == "ok":
            return Completed({"attempt": task.attempts})
        end = self.ends[task.lease_id] = asyncio.get_running_loop().create_future()
        self.begun.put_nowait((task, lease))
        try:
            outcome: Outcome = await end
            return outcome
        except asyncio.CancelledError:
            self.cut.append(lease.ended_by)
            raise

    async def next(self) -> tuple[ClaimedTask, Lease]:
        async with asyncio.timeout(10):
            return await self.begun.get()

    def end(self, task: ClaimedTask, outcome: Any) -> None:
        if isinstance(outcome, Exception):
            self.ends[task.lease_id].set_exception(outcome)
        else:
            self.ends[task.lease_id].set_result(outcome)


@asynccontextmanager
async def running(
    queue: Queue, wakes: TaskWakes, stage: Stage, **options: Any
) -> AsyncIterator[Executor]:
    values = {"kinds": ("script",), "name": "here", **options}
    executor = Executor(queue.engine, wakes, stage.execute, ExecutorOptions(**values))
    executor.start()
    try:
        yield executor
    finally:
        await executor.stop()


async def ended(queue: Queue, *tasks: UUID, status: str = "completed") -> None:
    """Wait until tasks have come to a state, with the events of this process as signals."""
    with queue.engine.events.subscribe() as events:
        async with asyncio.timeout(10):
            for task in tasks:
                while await queue.status(task) != status:
                    await anext(events)


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_what_is_enqueued_is_executed_at_once(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    """Nobody moves the clock: the executor is woken by the database."""
    async with running(queue, wakes, stage) as executor:
        task = await queue.add("ok")
        await ended(queue, task)
        done = await queue.engine.get(task)
        assert done.leased_by == "here"
        assert done.result is not None
        assert msgspec.json.decode(done.result) == {"attempt": 1}
        assert (executor.claimed, executor.writer.succeeded) == (1, 1)


async def test_tasks_that_sql_inserts_as_the_seed_does_are_executed(
    queue: Queue, wakes: TaskWakes, stage: Stage, clock: HandClock
) -> None:
    clock.advance(timedelta(days=3650).total_seconds())
    async with running(queue, wakes, stage):
        await queue.execute("""INSERT INTO tasks (script, payload) VALUES ('x', '{"n": 1}')""")
        task, _ = await stage.next()
        assert task.payload == '{"n": 1}'
        stage.end(task, Completed())


async def test_no_more_run_than_there_are_places(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    """A task that ends makes place for the next one."""
    await queue.engine.enqueue_many([new_task("held") for _ in range(5)])
    async with running(queue, wakes, stage, concurrency=2):
        first, _ = await stage.next()
        second, _ = await stage.next()
        assert (await queue.engine.stats()).running == 2
        stage.end(first, Completed())
        third, _ = await stage.next()
        for task in (second, third):
            stage.end(task, Completed())


async def test_many_tasks_are_all_executed_once(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    tasks = await queue.engine.enqueue_many([new_task("ok") for _ in range(500)])
    async with running(queue, wakes, stage, concurrency=20) as one:
        async with running(queue, wakes, stage, concurrency=3, name="two") as two:
            await ended(queue, *(task.id for task in tasks))
            assert one.claimed + two.claimed == 500
            assert one.writer.refused == two.writer.refused == 0


async def test_a_failure_is_tried_again_when_its_delay_is_over(
    queue: Queue, wakes: TaskWakes, stage: Stage, clock: HandClock
) -> None:
    task_id = await queue.add("x", max_attempts=2)
    async with running(queue, wakes, stage, poll_s=3600):
        task, _ = await stage.next()
        stage.end(task, Failed(error="no", retry_after_s=50))
        await ended(queue, task_id, status="pending")
        # It knows when the task is due, and does not wait for its poll.
        while stage.begun.empty():
            clock.advance(10)
            await asyncio.sleep(0)
        again, _ = await stage.next()
        assert again.attempts == 2
        stage.end(again, Completed())
        await ended(queue, task_id)


async def test_what_an_execution_raises_is_a_failed_attempt(
    queue: Queue, wakes: TaskWakes, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = await queue.add("x")
    async with running(queue, wakes, stage):
        task, _ = await stage.next()
        stage.end(task, ZeroDivisionError("oops"))
        await ended(queue, task_id, status="failed")
    assert (await queue.engine.get(task_id)).error == "ZeroDivisionError: oops"
    assert "failed by an error of ours" in caplog.text


async def test_a_result_that_can_not_be_kept_is_an_error_on_its_task_alone(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    """No JSON, too much, a zero character, deeper than the database goes: the others of the batch are not concerned."""
    deep = msgspec.Raw(b"[" * 20_000 + b"]" * 20_000)
    bad = [
        object(),
        "x" * (1 << 20),
        {"a": "\0"},
        msgspec.Raw(b"{nonsense"),
        deep,
        msgspec.Raw(b"\xff"),
    ]
    await queue.engine.enqueue_many([new_task("x") for _ in range(len(bad) + 1)])
    async with running(queue, wakes, stage, concurrency=20):
        tasks = [(await stage.next())[0] for _ in range(len(bad) + 1)]
        for task, result in zip(tasks, [*bad, "good"], strict=True):
            stage.end(task, Completed(result))
        await ended(queue, tasks[-1].id)
        await ended(queue, *(task.id for task in tasks[:-1]), status="failed")
    for task in tasks[:-1]:
        assert "the result" in str((await queue.engine.get(task.id)).error)


async def test_a_task_that_takes_too_long_is_ended(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    task_id = await queue.add("x", timeout_ms=20)
    async with running(queue, wakes, stage):
        await ended(queue, task_id, status="failed")
    assert stage.cut == ["timeout"]
    failed = await queue.engine.get(task_id)
    assert (failed.error, failed.errors[0].reason) == ("Task timeout after 20ms", "timeout")


async def test_a_running_task_that_is_cancelled_is_ended_at_once(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    """The database tells its executor, which has a place again."""
    task_id = await queue.add("x")
    async with running(queue, wakes, stage, concurrency=1):
        await stage.next()
        await queue.engine.cancel(task_id)
        other = await queue.add("ok")
        await ended(queue, other)
        assert stage.cut == ["cancelled"]
    assert await queue.status(task_id) == "cancelled"


async def test_without_being_told_an_executor_finds_out_when_it_renews(
    queue: Queue, wakes: TaskWakes, stage: Stage, clock: HandClock
) -> None:
    task_id = await queue.add("x")
    async with running(queue, wakes, stage) as executor:
        _, lease = await stage.next()
        wakes.remove(executor._hearer)
        await queue.engine.cancel(task_id)
        async with asyncio.timeout(10):
            while not lease.ended_by:
                clock.advance(2.1)
                await asyncio.sleep(0)
        assert lease.ended_by == "lost"
        wakes.add(executor._hearer)


async def test_leases_go_on_while_their_tasks_do(
    queue: Queue, wakes: TaskWakes, stage: Stage, clock: HandClock
) -> None:
    """Ten times its lease, renewed at a third: no rescuer finds it."""
    await queue.add("x")
    async with running(queue, wakes, stage, lease_s=6):
        task, lease = await stage.next()
        for _ in range(30):
            until = (await queue.engine.get(task.id)).leased_until
            clock.advance(2)
            async with asyncio.timeout(10):
                while (await queue.engine.get(task.id)).leased_until == until:
                    await asyncio.sleep(0)
            assert await queue.engine.rescue.rescue(9, clock.now()) == []
        assert not lease.ended_by
        stage.end(task, Completed())
        await ended(queue, task.id)


async def test_an_executor_that_slept_past_its_lease_writes_nothing(
    queue: Queue, wakes: TaskWakes, stage: Stage, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its task is another's by then: what it says late is refused and logged."""
    task_id = await queue.add("x")
    async with running(queue, wakes, stage) as executor:
        task, _ = await stage.next()
        await queue.execute("UPDATE tasks SET leased_until = '2000-01-01' WHERE id = %s", task_id)
        await queue.engine.rescue.rescue(9, clock.now())
        claimed = await queue.claim(executor="another")
        stage.end(task, Completed("late"))
        async with asyncio.timeout(10):
            while not executor.writer.refused:
                await asyncio.sleep(0)
        # This executor may not have been quicker.
        assert await queue.settle(claimed[0], Completed("right")) == ["completed"]
    assert "came to its end too late" in caplog.text
    done = await queue.engine.get(task_id)
    assert done.result is not None
    assert bytes(done.result) == b'"right"'


async def test_a_stop_lets_tasks_end_and_puts_the_others_back(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    """What ends in time is written; what does not is pending again, and was not tried."""
    ids = [await queue.add(name) for name in ("quick", "slow")]
    executor = Executor(
        queue.engine, wakes, stage.execute, ExecutorOptions(kinds=("script",), concurrency=2)
    )
    executor.start()
    leases = dict([await stage.next(), await stage.next()])
    tasks = {task.script: task for task in leases}
    stopping = asyncio.create_task(executor.stop(drain_s=0.2))
    await leases[tasks["quick"]].stopped()
    assert leases[tasks["slow"]].stopping
    stage.end(tasks["quick"], Completed())
    await stopping
    assert stage.cut == ["shutdown"]
    quick, slow = [await queue.engine.get(one) for one in ids]
    assert (quick.status, slow.status, slow.attempts) == ("completed", "pending", 0)


async def test_an_execution_may_put_its_task_back(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    await queue.add("x", max_attempts=1)
    async with running(queue, wakes, stage):
        task, _ = await stage.next()
        stage.end(task, Released())
        again, _ = await stage.next()
        assert (again.id, again.attempts) == (task.id, 1)
        stage.end(again, Completed())


async def test_limits_hold_for_executors_and_let_go_in_time(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    """Beside a queue without limits, which is not held up."""
    await queue.engine.rules.set_queue(QueueRules(queue="one", max_running=1))
    held = [await queue.add("x", queue="one") for _ in range(3)]
    free = [await queue.add("ok") for _ in range(30)]
    async with running(queue, wakes, stage, concurrency=4):
        for _ in held:
            task, _ = await stage.next()
            assert stage.begun.empty()
            assert (await queue.engine.stats(queue="one")).running == 1
            stage.end(task, Completed())
        await ended(queue, *free, *held)


async def test_a_fair_executor_has_places_for_whoever_comes_next(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    """A flood of one tenant takes half of the places, one of the next half of the others."""
    await queue.engine.enqueue_many([new_task("x", tenant=ALICE) for _ in range(20)])
    async with running(queue, wakes, stage, concurrency=8, fair=True) as executor:
        first = [await stage.next() for _ in range(4)]
        await queue.engine.enqueue_many([new_task("x", tenant=BOB) for _ in range(20)])
        first += [await stage.next() for _ in range(2)]
        await queue.engine.enqueue_many([new_task("x", tenant=CAROL)])
        first.append(await stage.next())
        assert [task.tenant for task, _ in first] == [ALICE] * 4 + [BOB] * 2 + [CAROL]
        for task, _ in first[:4]:
            stage.end(task, Completed())
        # Who has fewer than are free gets some of those.
        following = [(await stage.next())[0].tenant for _ in range(2)]
        assert {ALICE, BOB} >= set(following)
        assert len(executor.hand.running) < 8


async def test_an_executor_of_types_leaves_others_alone(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    mail, other = await queue.add("ok", type="email:send"), await queue.add("ok", type="sms")
    async with running(queue, wakes, stage, types=("email:*",)):
        await ended(queue, mail)
    assert await queue.status(other) == "pending"


async def test_events_tell_the_life_of_a_task_in_order(
    queue: Queue, wakes: TaskWakes, stage: Stage, clock: HandClock
) -> None:
    with queue.engine.events.subscribe() as events:
        # An executor that looks in the same moment may tell of its start first.
        task_id = await queue.add("x", max_attempts=2, key="k")
        async with running(queue, wakes, stage, poll_s=0.5):
            task, _ = await stage.next()
            stage.end(task, Failed(error="no", retry_after_s=0.001))
            while stage.begun.empty():
                clock.advance(1)
                await asyncio.sleep(0)
            task, _ = await stage.next()
            stage.end(task, Completed())
            await ended(queue, task_id)
        told = events.take()
    assert [event.event for event in told] == [
        "created",
        "started",
        "retrying",
        "started",
        "completed",
    ]
    assert {(event.task_id, event.key) for event in told} == {(task_id, "k")}
    assert (told[2].error, told[2].attempt, told[2].by) == ("no", 1, "here")
    assert told[4].duration_ms is not None


async def test_who_waits_for_a_task_gets_it_when_it_has_ended(
    queue: Queue, wakes: TaskWakes, stage: Stage
) -> None:
    async with running(queue, wakes, stage):
        task = await queue.add("ok")
        async with asyncio.timeout(10):
            assert (await queue.engine.wait(task, timeout_s=9)).status == "completed"
        held = await queue.add("x")
        assert not (await queue.engine.wait(held, timeout_s=0)).status.ended


async def test_the_database_may_go_away_while_tasks_run(
    empty: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Outcomes wait for it, then they are written, once; new tasks are executed as before."""
    async with (
        open_line(empty) as line,
        open_engine(line.url) as engine,
        open_engine(empty) as other,
    ):
        async with TaskWakes(line.url, probe_every_s=0.2) as wakes:
            stage = Stage()
            options = ExecutorOptions(kinds=("script",), poll_s=0.1, lease_s=60)
            executor = Executor(engine, wakes, stage.execute, options)
            executor.start()
            enqueued = await other.enqueue(new_task("x"))
            task, _ = await stage.next()
            await line.cut()
            stage.end(task, Completed("kept"))
            assert (await other.get(enqueued.id)).status == "running"
            await line.join()
            assert (await other.wait(enqueued.id, timeout_s=10)).status == "completed"
            again = await other.enqueue(new_task("ok"))
            assert (await other.wait(again.id, timeout_s=10)).status == "completed"
            async with asyncio.timeout(10):
                await wakes.connected.wait()
            await executor.stop()
    assert executor.writer.refused == 0


async def test_after_a_silence_leases_are_renewed_before_they_are_taken_away(empty: str) -> None:
    """What the rescuer asked while the database said nothing takes nothing away when it speaks again."""
    from tests.integration.store.scheduling import HandClock

    clock = HandClock()
    async with open_line(empty) as line, open_engine(line.url, clock) as engine:
        rescuer = Rescuer(engine, patience_s=3)
        await rescuer.attempt()
        clock.advance(4)
        assert await rescuer.attempt() > 0.5
        async with engine.lines.lend() as one:
            await one.connection.execute(
                "INSERT INTO tasks (script, status, attempts, lease_id, leased_until)"
                " VALUES ('x', 'running', 1, gen_random_uuid(), '2000-01-01')"
            )
        line.freeze()
        asking = asyncio.create_task(rescuer.attempt())
        await asyncio.sleep(0)
        clock.advance(20)
        line.thaw()
        assert await asking == 1.0
        assert rescuer.rescued == 0
        clock.advance(3)
        await rescuer.attempt()
        assert rescuer.rescued == 1


async def test_after_an_outage_leases_are_renewed_before_they_are_taken_away(empty: str) -> None:
    """The rescuer waits until executors had the time to come back."""
    from tests.integration.store.scheduling import HandClock

    clock = HandClock()
    async with open_line(empty) as line, open_engine(line.url, clock) as engine:
        rescuer = Rescuer(engine, patience_s=3)
        assert await rescuer.attempt() == 1.0
        clock.advance(3)
        assert await rescuer.attempt() > 0.5
        await line.cut()
        clock.advance(100)
        assert await rescuer.attempt() == 0.25
        await line.join()
        assert await rescuer.attempt() == 1.0
        clock.advance(3)
        async with engine.lines.lend() as one:
            await one.connection.execute(
                "INSERT INTO tasks (script, status, attempts, lease_id, leased_until)"
                " VALUES ('x', 'running', 1, gen_random_uuid(), '2000-01-01')"
            )
        await rescuer.attempt()
        assert rescuer.rescued == 1
