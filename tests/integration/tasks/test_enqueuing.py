"""Tasks on their way into the table."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from runner.errors import NotFoundError
from runner.tasks.errors import PayloadTooLargeError, TaskRefusedError
from runner.tasks.policy import RetryPolicy
from runner.tasks.table import Stats, TaskFilter
from runner.tasks.task import Completed, NewTask, Status
from tests.integration.tasks.conftest import ALICE, BOB, new_task

if TYPE_CHECKING:
    from tests.integration.store.scheduling import HandClock
    from tests.integration.tasks.conftest import Queue


async def test_a_live_key_leads_to_its_task_and_a_used_one_is_free_again(queue: Queue) -> None:
    """Pending, running, paused: the same task; after its end: a new one. Tenants have keys of their own."""
    first = await queue.enqueue(key="k", tenant=ALICE)
    assert (await queue.enqueue(key="k", tenant=ALICE)).id == first.id
    assert not (await queue.enqueue(key="k", tenant=ALICE)).created
    assert (await queue.enqueue(key="k", tenant=BOB)).created
    await queue.engine.pause(first.id)
    assert (await queue.enqueue(key="k", tenant=ALICE)).id == first.id
    await queue.engine.resume(first.id)
    tasks = await queue.claim(2)
    assert (await queue.enqueue(key="k", tenant=ALICE)).id == first.id
    await queue.settle(*(part for task in tasks for part in (task, Completed())))
    assert (await queue.enqueue(key="k", tenant=ALICE)).created


async def test_of_many_who_enqueue_one_key_at_once_one_creates_it(queue: Queue) -> None:
    enqueued = await asyncio.gather(*(queue.enqueue(key="k") for _ in range(20)))
    assert len({one.id for one in enqueued}) == 1
    assert sum(one.created for one in enqueued) == 1


async def test_keys_in_one_call_are_one_task_and_answers_keep_their_order(queue: Queue) -> None:
    live = await queue.add(key="live")
    tasks = [new_task(key=key) for key in ("a", None, "live", "a", "b")]
    enqueued = await queue.engine.enqueue_many(tasks)
    a, none, known, again, b = enqueued
    assert known.id == live
    assert again.id == a.id
    assert [one.created for one in enqueued] == [True, True, False, False, True]
    assert len({a.id, none.id, b.id, live}) == 4


@pytest.mark.parametrize("number", [5, 500])
async def test_every_field_arrives_by_statement_and_by_copy(
    queue: Queue, clock: HandClock, number: int
) -> None:
    """They stand in line in the order in which they were given."""
    when = clock.now() + timedelta(hours=1)
    task = NewTask(
        tenant=ALICE, queue='q "\t\\ ü', kind="worker", script="s\\n", worker=UUID(int=7), type="t", concurrency_key="c",
        priority=-3, payload={"a": ['"', "\\", "\n", "\t", None, 1.5, "ü💥", "\\u0000"]}, options=msgspec.Raw(b'{"o":1}'),
        scheduled_at=when, max_attempts=4, retry=RetryPolicy(kind="linear", delay_ms=5), timeout_ms=77, trace="00-a-b-01",
    )  # fmt: skip
    ids = [one.id for one in await queue.engine.enqueue_many([task] * number)]
    read = await queue.engine.get(ids[-1])
    for field in NewTask.__struct_fields__:
        if field not in {"payload", "options", "key"}:
            assert getattr(read, field) == getattr(task, field), field
    assert read.payload is not None
    assert read.options is not None
    assert msgspec.json.decode(read.payload) == task.payload
    assert msgspec.json.decode(read.options) == {"o": 1}
    assert (read.status, read.attempts, read.errors) == ("pending", 0, [])
    scripts = [f"{n:04}" for n in range(number)]
    await queue.engine.enqueue_many([new_task(script) for script in scripts])
    assert [one.script for one in await queue.claim(number)] == scripts


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("payload", {"payload": object()}),
        ("payload", {"payload": {"a": "zero \0"}}),
        ("payload", {"payload": "\ud800"}),
        ("payload", {"payload": msgspec.Raw(b"\xff")}),
        ("options", {"options": {1j}}),
        ("script", {"script": None}),
        ("worker", {"kind": "worker"}),
        ("kind", {"kind": "email"}),
        ("queue", {"queue": ""}),
        ("queue", {"queue": "q" * 101}),
        ("type", {"type": ""}),
        ("key", {"key": "k" * 256}),
        ("key", {"key": "\ud800"}),
        ("script", {"script": "a\0b"}),
        ("priority", {"priority": 101}),
        ("max_attempts", {"max_attempts": 0}),
        ("timeout_ms", {"timeout_ms": 0}),
        ("scheduled_at", {"scheduled_at": datetime(2026, 1, 1)}),  # noqa: DTZ001 - that is what is wrong
    ],
)
async def test_what_can_not_be_a_task_is_refused_by_name(
    queue: Queue, field: str, fields: dict[str, Any]
) -> None:
    """Before anything is asked of the database; of many none is enqueued."""
    with pytest.raises(TaskRefusedError) as refused:
        await queue.engine.enqueue_many([new_task(), new_task(**fields)])
    assert refused.value.field == field
    assert (await queue.engine.stats()).total == 0


async def test_json_that_is_none_is_refused_by_the_database(queue: Queue) -> None:
    from runner.errors import RefusedError

    with pytest.raises(RefusedError, match="json"):
        await queue.enqueue(payload=msgspec.Raw(b"{nonsense"))
    with pytest.raises(RefusedError, match="stack depth"):
        await queue.enqueue(payload=msgspec.Raw(b"[" * 100_000 + b"]" * 100_000))
    assert await queue.engine.enqueue_many([]) == []


async def test_a_payload_over_the_limit_is_refused_with_both_sizes(queue: Queue) -> None:
    with pytest.raises(PayloadTooLargeError) as refused:
        await queue.enqueue(payload="x" * (1 << 20))
    assert (refused.value.size, refused.value.limit) == ((1 << 20) + 2, 1 << 20)


async def test_tasks_can_be_leafed_through_and_counted(queue: Queue, clock: HandClock) -> None:
    for number in range(5):
        await queue.add(str(number), tenant=ALICE, queue="q", type=f"email:{number}")
        clock.advance(1)
    await queue.add("other", tenant=BOB, type="sms")
    engine = queue.engine
    page = await engine.leaf(TaskFilter(tenant=ALICE), most=3)
    rest = await engine.leaf(TaskFilter(tenant=ALICE), before=page[-1], most=3)
    assert [task.script for task in [*page, *rest]] == ["4", "3", "2", "1", "0"]
    assert [task.script for task in await engine.leaf(TaskFilter(type="email:?"), most=2)] == [
        "4",
        "3",
    ]
    assert [task.script for task in await engine.leaf(TaskFilter(type="s*"))] == ["other"]
    assert await engine.leaf(TaskFilter(status=Status.FAILED)) == []
    (task,) = await queue.claim(queues=["q"])
    assert await engine.stats(ALICE) == Stats(pending=4, running=1, total=5)
    assert await engine.stats(queue="default") == Stats(pending=1, total=1)
    assert set(await engine.stats_of_queues()) == {"q", "default"}
    await queue.settle(task, Completed())
    assert (await engine.stats()).completed == 1


async def test_what_sql_writes_by_hand_can_be_read(queue: Queue) -> None:
    """Policies and errors that are none do not stand in the way."""
    ((added,),) = await queue.execute(
        """INSERT INTO tasks (script, retry, errors, status) VALUES ('x', '{"kind": "never"}', '7', 'failed') RETURNING id"""
    )
    assert isinstance(added, UUID)
    task = await queue.engine.get(added)
    assert (task.retry, task.errors, task.kind) == (None, [], "script")
    with pytest.raises(NotFoundError):
        await queue.engine.get(UUID(int=5))


async def test_with_a_tenant_goes_what_it_left_to_be_done(queue: Queue) -> None:
    ((user,),) = await queue.execute("INSERT INTO users (username) VALUES ('alice') RETURNING id")
    assert isinstance(user, UUID)
    mine, other = await queue.add(tenant=user), await queue.add(tenant=BOB)
    await queue.execute("DELETE FROM users WHERE id = %s", user)
    with pytest.raises(NotFoundError):
        await queue.engine.get(mine)
    assert await queue.status(other) == "pending"
