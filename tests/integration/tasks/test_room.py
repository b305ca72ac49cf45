"""How many tasks of a tenant may wait, counted in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.tasks.duties import ScheduleFiring
from runner.tasks.engine import TaskEngine
from runner.tasks.errors import TasksLimitError
from runner.tasks.schedules import NewSchedule
from tests.integration.tasks.conftest import ALICE, BOB, Queue, new_task

if TYPE_CHECKING:
    from tests.integration.store.scheduling import HandClock


async def count(queue: Queue, most: int = 100) -> int:
    async with queue.engine.lines.lend() as line:
        row = await line.first("count_pending", tenant=ALICE, most=most)
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


async def test_whatever_waits_of_a_tenant_is_counted(queue: Queue) -> None:
    """Of all kinds and queues, due or not, with concurrency keys and without; not what runs or is another's."""
    assert await count(queue) == 0
    await queue.engine.enqueue_many([new_task(tenant=ALICE, queue=f"q{n}") for n in range(3)])
    await queue.add(tenant=ALICE, kind="http", queue="http")
    await queue.add(tenant=ALICE, concurrency_key="k", queue="q1")
    await queue.add(tenant=ALICE, concurrency_key="k", queue="z")
    await queue.add(tenant=BOB)
    assert await count(queue) == 6
    assert await count(queue, most=4) == 4
    await queue.claim(1, queues=["q0"])
    assert await count(queue) == 5


async def test_what_there_is_no_room_for_is_refused_as_a_whole(
    queue: Queue, clock: HandClock
) -> None:
    engine = TaskEngine(queue.engine.url, queue.engine.lines, clock, most_pending=5)
    await engine.enqueue(new_task(tenant=ALICE))
    with pytest.raises(TasksLimitError):
        await engine.enqueue_many([new_task(tenant=ALICE)] * 100)
    await engine.enqueue_many([new_task(tenant=ALICE, key=f"{n}") for n in range(4)])
    with pytest.raises(TasksLimitError):
        await engine.enqueue(new_task(tenant=ALICE))
    await engine.enqueue(new_task(tenant=BOB))
    await engine.enqueue(new_task())
    assert await count(queue) == 5


async def test_a_schedule_makes_nothing_for_a_tenant_whose_tasks_are_too_many(
    queue: Queue, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on by itself when there is room."""
    engine = TaskEngine(queue.engine.url, queue.engine.lines, clock, most_pending=1)
    await engine.schedules.add(
        NewSchedule(name="s", cron="0 * * * * *", task=new_task("s", tenant=ALICE), missed="skip")
    )
    firing = ScheduleFiring(engine)
    await firing.turn()
    for _ in range(3):
        clock.advance(60)
        await firing.turn()
    assert await count(queue) == 1
    assert "1 tasks are not made" in caplog.text
    await queue.claim(1)
    engine = TaskEngine(queue.engine.url, queue.engine.lines, clock, most_pending=1)
    clock.advance(60)
    await ScheduleFiring(engine).turn()
    assert await count(queue) == 1
