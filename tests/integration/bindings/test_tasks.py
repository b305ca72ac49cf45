"""The `tasks` binding: durable tasks that workers enqueue, on a database with the schema."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from runner.bindings import KvBinding, TasksBinding
from runner.ops.registry import Ops
from runner.ops.tasks import Tasks
from runner.tasks.engine import open_engine
from runner.tasks.task import NewTask
from tests.integration.bindings.asking import Worker, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.tasks.engine import TaskEngine

NOTHING = dict.fromkeys((
    "type", "queue", "key", "concurrencyKey", "priority", "maxAttempts", "timeout", "delay", "scheduledAt", "retry",
))  # fmt: skip


@pytest.fixture
async def engine(database: str) -> AsyncIterator[TaskEngine]:
    async with open_engine(database) as opened:
        yield opened


@asynccontextmanager
async def asking(engine: TaskEngine, tenant: UUID, worker: UUID) -> AsyncIterator[Worker]:
    """A worker whose binding leads to `worker`."""
    ops = Ops({"tasks": Tasks(engine)})
    yield Worker(ops, deployment(str(tenant), TASKS=TasksBinding(str(worker)), KV=KvBinding("n")))
    await ops.close()


async def enqueue(worker: Worker, **options: Any) -> Any:
    task = {**NOTHING, "json": "null", **options}
    return await worker("tasks", {"binding": "TASKS", "action": "enqueue", "tasks": [task]})


async def test_a_task_is_the_bindings_workers(engine: TaskEngine) -> None:
    tenant, target = uuid4(), uuid4()
    async with asking(engine, tenant, target) as worker:
        retry = {"kind": "linear", "delay": 5, "maxDelay": 50, "factor": None, "jitter": 0}
        (done,) = await enqueue(
            worker, type="email:send", json='{"to":"a"}', priority=3, key="k", queue="mail",
            maxAttempts=7, timeout=1500, retry=retry, scheduledAt=4102444800000, concurrencyKey="u",
        )  # fmt: skip
    task = await engine.get(UUID(done["id"]))
    assert done["created"]
    assert (task.tenant, task.worker, task.kind, task.type) == (
        tenant,
        target,
        "worker",
        "email:send",
    )
    assert (task.queue, task.key, task.concurrency_key, task.priority) == ("mail", "k", "u", 3)
    assert (task.max_attempts, task.timeout_ms, task.scheduled_at.year) == (7, 1500, 2100)
    assert task.retry is not None
    assert (task.retry.kind, task.retry.delay_ms, task.retry.max_delay_ms) == ("linear", 5, 50)
    assert bytes(task.payload or b"") == b'{"to": "a"}'


async def test_a_key_that_is_live_leads_to_its_task(engine: TaskEngine) -> None:
    async with asking(engine, uuid4(), uuid4()) as worker:
        (first,), (second,) = [await enqueue(worker, key="once", delay=60_000) for _ in range(2)]
    assert (first["created"], second["created"], first["id"]) == (True, False, second["id"])


async def test_a_task_is_read_cancelled_and_retried(engine: TaskEngine) -> None:
    async with asking(engine, uuid4(), uuid4()) as worker:
        (done,) = await enqueue(worker, json="[1]", delay=60_000)
        ask = {"binding": "TASKS", "id": done["id"]}
        assert (await worker("tasks", {**ask, "action": "get"}))["payload"] == [1]
        cancelled = await worker("tasks", {**ask, "action": "cancel", "reason": "enough"})
        assert (cancelled["status"], cancelled["error"]) == ("cancelled", "enough")
        assert "Cannot cancel task in status: cancelled" in await worker(
            "tasks", {**ask, "action": "cancel", "reason": None}
        )
        retried = await worker("tasks", {**ask, "action": "retry", "resetAttempts": True})
        assert (retried["status"], retried["error"]) == ("pending", None)


async def test_other_workers_and_tenants_tasks_are_not_there(engine: TaskEngine) -> None:
    tenant, target = uuid4(), uuid4()
    others = [NewTask(tenant=tenant, worker=uuid4()), NewTask(tenant=uuid4(), worker=target)]
    async with asking(engine, tenant, target) as worker:
        for other in await engine.enqueue_many(others):
            ask = {"binding": "TASKS", "id": str(other.id)}
            assert await worker("tasks", {**ask, "action": "get"}) is None
            for action in (
                {"action": "cancel", "reason": None},
                {"action": "retry", "resetAttempts": False},
            ):
                assert "there is no task" in await worker("tasks", {**ask, **action})
        assert await worker("tasks", {"binding": "TASKS", "action": "get", "id": "no uuid"}) is None


@pytest.mark.parametrize("name", ["KV", "OTHER"])
async def test_only_what_was_given_can_be_asked(engine: TaskEngine, name: str) -> None:
    async with asking(engine, uuid4(), uuid4()) as worker:
        said = await worker("tasks", {"binding": name, "action": "get", "id": "x"})
    assert said == f"TypeError: this worker has no tasks binding '{name}'"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"priority": 101}, "Error: tasks: priority is -100 to 100"),
        ({"priority": 0.5}, "RangeError: tasks: priority must be an integer"),
        ({"queue": ""}, "Error: tasks: queue is empty"),
        ({"type": "x" * 101}, "Error: tasks: type has more than 100 characters"),
        ({"timeout": 0}, "Error: tasks: timeout_ms is"),
        ({"maxAttempts": 0}, "Error: tasks: max_attempts is 1 to 1000"),
        ({"delay": 3e14}, "RangeError: tasks: that time is beyond the year 9999"),
        ({"scheduledAt": 9e14}, "RangeError: tasks: that time is beyond the year 9999"),
        ({"scheduledAt": 1, "delay": 1}, "TypeError: tasks: scheduledAt and delay exclude"),
        ({"json": '"\\u0000"'}, "Error: tasks: payload has text with a zero character"),
        ({"json": f'"{"x" * (1 << 20)}"'}, "Error: tasks: payload has 1048578 bytes"),
        (
            {"retry": {"kind": "never", "delay": None, "maxDelay": None, "factor": None, "jitter": None}},
            "TypeError: tasks: retry.kind",
        ),
        (
            {"retry": {"kind": None, "delay": -1, "maxDelay": None, "factor": None, "jitter": None}},
            "RangeError: tasks: retry: delay_ms",
        ),
    ],
)  # fmt: skip
async def test_what_can_not_be_is_told_to_the_tenant(
    engine: TaskEngine, options: dict[str, Any], said: str
) -> None:
    async with asking(engine, uuid4(), uuid4()) as worker:
        assert (await enqueue(worker, **options)).startswith(said)
        assert worker.violations == []
        too_many = [{**NOTHING, "json": "null"}] * 101
        args = {"binding": "TASKS", "action": "enqueue", "tasks": too_many}
        assert "1 to 100" in await worker("tasks", args)


async def test_lone_surrogates_are_mended(engine: TaskEngine) -> None:
    async with asking(engine, uuid4(), uuid4()) as worker:
        (done,) = await enqueue(worker, json='"\\ud800"')
    assert bytes((await engine.get(UUID(done["id"]))).payload or b"").decode() == '"\ufffd"'
