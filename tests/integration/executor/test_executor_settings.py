"""What the settings of an executor do: its name, the types it takes, its places, how long it has a task."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import psycopg
import pytest

from runner.tasks.engine import open_engine
from runner.tasks.task import NewTask
from tests.integration.conftest import Cli, Dev
from tests.integration.test_serve import insert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runner.tasks.task import Task
    from tests.integration.conftest import Running

JOBS = """
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default {
  tasks: {
    'email:send': () => 'sent',
    'report:1': () => 'written',
    'report:10': () => 'written',
    'email:fail': { maxAttempts: 1, handler() { throw new Error('no') } },
    wait: () => later(60000),
    'email:wait': () => later(60000),
  },
};
"""
TOKEN = "0123456789abcdef-token"


class Executing:
    """A runner, and its queue as another process sees it."""

    def __init__(self, running: Running, url: str, worker: str, token: str) -> None:
        self.running = running
        self.url = url
        self.control = running.wait_for("Control ").removeprefix("Control ")
        self.headers = {"authorization": f"Bearer {token}"}
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT id FROM workers WHERE name = %s", [worker]).fetchone()
        assert row is not None
        self.worker: UUID = row[0]

    def add(self, *types: str) -> list[UUID]:
        async def add() -> list[UUID]:
            async with open_engine(self.url) as engine:
                tasks = [
                    NewTask(worker=self.worker, type=type_, timeout_ms=60_000) for type_ in types
                ]
                return [one.id for one in await engine.enqueue_many(tasks)]

        return asyncio.run(add())

    def get(self, task: UUID, *, ended: bool = False) -> Task:
        async def get() -> Task:
            async with open_engine(self.url) as engine:
                return await engine.wait(task, timeout_s=30 if ended else 0)

        return asyncio.run(get())

    def admin(self) -> Any:
        response = httpx.get(self.control + "/admin/executors", headers=self.headers, timeout=20)
        assert response.status_code == 200, response.text
        return response.json()

    def stats(self) -> Any:
        """Return what the executor of workers' tasks says."""
        executors = self.admin()["executors"]
        (stats,) = (one for one in executors if one["kinds"] == ["worker"])
        return stats

    def until(self, task: UUID, status: str) -> Task:
        deadline = time.monotonic() + 30
        while (found := self.get(task)).status != status:
            assert time.monotonic() < deadline, found
        return found


@pytest.fixture(scope="module")
def executing(
    tmp_path_factory: pytest.TempPathFactory, snapshots: Path, services: dict[str, str]
) -> Iterator[Executing]:
    cli = Cli(tmp_path_factory.mktemp("jobs"), snapshots)
    cli.write("w/jobs.js", JOBS)
    dev = Dev(
        cli, "w", **services, JOB_WORKER_ID="my-worker-1", JOB_CONCURRENCY="10", JOB_TASK_TYPES="email:*, report:?",
        JOB_LOCK_DURATION="300000", DRAIN_TIMEOUT_MS="200",
    )  # fmt: skip
    token = dev.wait_for("Token ").removeprefix("Token ")
    yield Executing(dev, services["DATABASE_URL"], "jobs", token)
    assert dev.stop() == 0


def test_only_the_types_that_match_are_taken(executing: Executing) -> None:
    first, *others = executing.add("report:10", "email:send", "report:1")
    assert [executing.get(task, ended=True).status for task in others] == ["completed"] * 2
    assert executing.get(first).status == "pending"


def test_an_executor_has_the_name_that_it_was_given_and_tells_what_it_does(
    executing: Executing,
) -> None:
    before = executing.stats()
    sent, failed, held = executing.add("email:send", "email:fail", "email:wait")
    executing.get(sent, ended=True)
    executing.get(failed, ended=True)
    assert executing.until(held, "running").leased_by == "my-worker-1"
    stats = executing.stats()
    assert (stats["worker_id"], stats["concurrency"]) == ("my-worker-1", 10)
    assert stats["task_types"] == ["email:*", "report:?"]
    assert stats["is_running"]
    for name, more in (
        ("tasks_processed", 2),
        ("tasks_succeeded", 1),
        ("tasks_failed", 1),
        ("current_tasks", 1),
    ):
        assert stats[name] == before[name] + more, name
    assert f"{held}" in [task["id"] for task in stats["tasks"]]
    assert 0 < before["uptime_ms"] < stats["uptime_ms"]
    assert before["started_at"] == stats["started_at"]


def test_a_task_is_its_executors_for_as_long_as_the_lease_is(executing: Executing) -> None:
    (task,) = executing.add("email:wait")
    found = executing.until(task, "running")
    assert found.started_at is not None
    assert found.leased_until is not None
    assert (found.leased_until - found.started_at).total_seconds() >= 300


def test_each_of_several_processes_has_all_places(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """Two with one place each run two tasks, under two names."""
    insert(servers["DATABASE_URL"], "jobs", JOBS)
    running = serve(
        RUNNER_PROCESSES="2", WORKER_POOL_SIZE="2", JOB_CONCURRENCY="1", JOB_WORKER_ID="shift",
        CONTROL_TOKEN=TOKEN, DRAIN_TIMEOUT_MS="200",
    )  # fmt: skip
    running.reach()
    executing = Executing(running, servers["DATABASE_URL"], "jobs", TOKEN)
    tasks = executing.add("wait", "wait")
    names = {executing.until(task, "running").leased_by for task in tasks}
    assert names == {"shift-1", "shift-2"}
    processes = executing.admin()["processes"]
    assert {one["executors"][0]["current_tasks"] for one in processes.values()} == {1}
    (third,) = executing.add("email:send")
    assert executing.get(third).status == "pending"
