"""Tasks of workers in a runner that serves: real hosts, a real queue."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from runner.tasks.engine import open_engine
from runner.tasks.policy import RetryPolicy
from runner.tasks.task import NewTask
from tests.integration.conftest import Cli, Dev

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runner.tasks.task import Task

JOBS = """
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default {
  async task(payload, env, ctx) { return { plain: payload, task: { ...ctx.task, id: typeof ctx.task.id } } },
  tasks: {
    'email:send': {
      maxAttempts: 2, retry: { kind: 'fixed', delay: 1, jitter: 0 },
      async handler(payload, env, ctx) {
        if (ctx.task.attempt < 2) throw new RangeError('not yet');
        return { to: payload.to, attempt: ctx.task.attempt, of: ctx.task.maxAttempts };
      },
    },
    once: { maxAttempts: 1, handler() { throw new Error('never again') } },
    five: { maxAttempts: 5, retry: { kind: 'fixed', delay: 1 }, handler() { throw new Error('no') } },
    short: { timeout: 50, maxAttempts: 1, async handler() { await later(60000) } },
    long: { timeout: 60000, async handler() { await later(700); return 'in time' } },
    wrong: { timeout: 'soon', async handler() { await later(60000) } },
    never: { retry: { delay: 1e15 }, async handler() { await later(60000) } },
    odd: { retry: { kind: 'random' }, async handler() { await later(60000) } },
    seed: async () => ({ success: true, result: { processed: true } }),
    failing: { maxAttempts: 1, handler: () => ({ success: false, error: new Error('shutting down') }) },
    big: { maxAttempts: 1, handler: () => 10n },
    nul: { maxAttempts: 1, handler: () => 'a\\u0000b' },
    loop: { maxAttempts: 1, handler() { for (;;); } },
    wait: { async handler(_, env, ctx) {
      console.log('waits');
      setInterval(() => {}, 1000);
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      if (ctx.task.attempt > 1 || !ctx.isShuttingDown()) return 'odd';
      await later(60000);
    } },
    polite: { async handler(_, env, ctx) {
      console.log('is polite');
      const timer = setInterval(() => {}, 1000);
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      clearInterval(timer);
      return ctx.isShuttingDown();
    } },
  },
};
"""


@pytest.fixture(scope="module")
def jobs(
    tmp_path_factory: pytest.TempPathFactory, snapshots: Path, services: dict[str, str]
) -> Iterator[Jobs]:
    cli = Cli(tmp_path_factory.mktemp("jobs"), snapshots)
    cli.write("w/jobs.js", JOBS)
    cli.write("w/bare.js", "export default { fetch() {} }")
    cli.write("w/broken.js", "export default {")
    dev = Dev(cli, "w", **services, JOB_TIMEOUT="600", LOG_LEVEL="info")
    yield Jobs(dev, services["DATABASE_URL"])
    assert dev.stop() == 0


class Jobs:
    """A runner that serves, and its queue as seen from another process."""

    def __init__(self, dev: Dev, url: str) -> None:
        self.dev = dev
        self.url = url

    def id(self, name: str) -> UUID:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT id FROM workers WHERE name = %s", [name]).fetchone()
        assert row is not None
        assert isinstance(row[0], UUID)
        return row[0]

    def run(self, type_: str | None = None, payload: Any = None, **fields: Any) -> Task:
        """Enqueue a task and wait for its end."""
        fields.setdefault("worker", self.id(fields.pop("of", "jobs")))

        async def run() -> Task:
            async with open_engine(self.url) as engine:
                new = NewTask(kind="worker", type=type_, payload=payload, **fields)
                task = (await engine.enqueue(new)).id
                return await engine.wait(task, timeout_s=20)

        return asyncio.run(run())


def begun(running: Dev, count: int) -> None:
    """Wait until so many have said so."""
    with running._changed:
        assert running._changed.wait_for(
            lambda: sum("begins" in line for line in running.lines) >= count, 20
        )


def data(task: Task) -> Any:
    assert task.status == "completed", (task.status, task.error)
    return None if task.result is None else msgspec.json.decode(task.result)


def test_a_task_without_a_type_is_for_the_task_handler(jobs: Jobs) -> None:
    task = jobs.run(payload={"a": 1}, key="k")
    said = data(task)
    assert said["plain"] == {"a": 1}
    assert abs(said["task"].pop("scheduledTime") - task.scheduled_at.timestamp() * 1000) < 1
    assert said["task"] == {
        "id": "string",
        "attempt": 1,
        "maxAttempts": 3,
        "key": "k",
        "queue": "default",
    }


def test_a_handler_of_the_map_is_tried_again_as_it_says(jobs: Jobs) -> None:
    task = jobs.run("email:send", {"to": "a@b.c"})
    assert data(task) == {"to": "a@b.c", "attempt": 2, "of": 2}
    assert [error.error for error in task.errors] == ["RangeError: not yet"]


@pytest.mark.parametrize(("type_", "attempts"), [("once", 1), ("five", 5)])
def test_it_has_as_many_attempts_as_its_handler_says(jobs: Jobs, type_: str, attempts: int) -> None:
    task = jobs.run(type_)
    assert (task.status, task.attempts) == ("failed", attempts)


def test_what_the_task_says_counts_more_than_its_handler(jobs: Jobs) -> None:
    retry = RetryPolicy(kind="fixed", delay_ms=1)
    assert jobs.run("once", max_attempts=2, retry=retry).attempts == 2


def test_the_handlers_timeout_ends_it(jobs: Jobs) -> None:
    task = jobs.run("short")
    assert (task.status, task.error) == ("failed", "Task timeout after 50ms")
    assert task.errors[0].reason == "timeout"


def test_the_handlers_timeout_may_be_longer_than_the_runners(jobs: Jobs) -> None:
    assert data(jobs.run("long")) == "in time"


def test_the_tasks_timeout_counts_more_than_its_handlers(jobs: Jobs) -> None:
    task = jobs.run("long", timeout_ms=60, max_attempts=1)
    assert (task.status, task.error) == ("failed", "Task timeout after 60ms")


@pytest.mark.parametrize(
    ("type_", "words"),
    [("wrong", "Expected `int"), ("never", "delay_ms"), ("odd", "Invalid enum value 'random'")],
)
def test_settings_that_can_not_be_used_fail_for_good(jobs: Jobs, type_: str, words: str) -> None:
    task = jobs.run(type_)
    assert (task.status, task.attempts) == ("failed", 1)
    assert f"tasks['{type_}'] can not be used: " in str(task.error)
    assert words in str(task.error)


def test_a_result_in_the_words_of_the_worker_seed_counts(jobs: Jobs) -> None:
    assert data(jobs.run("seed")) == {"processed": True}


def test_a_failure_that_is_returned_is_one(jobs: Jobs) -> None:
    task = jobs.run("failing")
    assert (task.status, task.error) == ("failed", "shutting down")


@pytest.mark.parametrize(("type_", "words"), [("big", "JSON"), ("nul", "zero character")])
def test_a_result_that_can_not_be_stored_fails_its_task(jobs: Jobs, type_: str, words: str) -> None:
    task = jobs.run(type_)
    assert task.status == "failed"
    assert words in str(task.error)


def test_an_endless_loop_ends_by_its_cpu_time(jobs: Jobs) -> None:
    task = jobs.run("loop")
    assert (task.status, task.errors[0].reason) == ("failed", "cpu_limit")


@pytest.mark.parametrize(
    ("of", "type_", "words"),
    [
        ("jobs", "unknown:type", ""),
        ("bare", "unknown:type", "No handler for task type: unknown:type"),
        ("bare", None, "there is no task handler"),
        ("broken", None, "SyntaxError"),
    ],
)
def test_what_can_never_be_run_fails_at_once(
    jobs: Jobs, of: str, type_: str | None, words: str
) -> None:
    task = jobs.run(type_, of=of)
    if not words:
        assert data(task)["plain"] is None
        return
    assert (task.status, task.attempts) == ("failed", 1)
    assert words in str(task.error)


def test_a_worker_that_is_not_there_or_anothers_is_the_same(jobs: Jobs) -> None:
    nobody = UUID(int=7)
    gone = jobs.run(worker=nobody)
    mine = jobs.run(tenant=UUID(int=8))
    assert (gone.status, gone.error) == ("failed", f"there is no worker with the id {nobody}")
    assert (mine.status, mine.error) == (
        "failed",
        f"there is no worker with the id {jobs.id('jobs')}",
    )


def test_cancelling_ends_the_isolate(jobs: Jobs) -> None:
    """The places are few: were its execution to go on, admission would be full."""

    async def cancel() -> Task:
        async with open_engine(jobs.url) as engine:
            task = (
                await engine.enqueue(
                    NewTask(kind="worker", worker=jobs.id("jobs"), type="wait", timeout_ms=60_000)
                )
            ).id
            await asyncio.to_thread(jobs.dev.wait_for, "waits")
            await engine.cancel(task)
            return await engine.get(task)

    assert asyncio.run(cancel()).status == "cancelled"
    # The journal's line comes when the execution has ended.
    assert "aborted" in jobs.dev.wait_for("TASK wait")
    assert jobs.run("seed").status == "completed"


def test_shutdown_lets_tasks_finish_and_gives_the_others_back(
    cli: Cli, create_database: Callable[[str], str], template: str, nats_url: str
) -> None:
    cli.write("w/jobs.js", JOBS)
    url = create_database(template)
    running = Dev(cli, "w", DATABASE_URL=url, NATS_SERVERS=nats_url, DRAIN_TIMEOUT_MS="500")
    jobs = Jobs(running, url)

    async def rows(*tasks: UUID) -> list[Task]:
        async with open_engine(jobs.url) as engine:
            return [await engine.get(task) for task in tasks]

    async def enqueue() -> list[UUID]:
        async with open_engine(jobs.url) as engine:
            return [
                (
                    await engine.enqueue(NewTask(kind="worker", worker=jobs.id("jobs"), type=type_))
                ).id
                for type_ in ("wait", "polite")
            ]

    tasks = asyncio.run(enqueue())
    running.wait_for("waits")
    running.wait_for("is polite")
    assert running.stop(signal.SIGTERM) == 0
    wait, polite = asyncio.run(rows(*tasks))
    assert (wait.status, wait.attempts, wait.errors) == ("pending", 0, [])
    assert data(polite) is True


@pytest.mark.parametrize("count", [1, 3])
def test_who_took_its_host_along_has_one_attempt_less_and_its_neighbours_have_not(
    cli: Cli, create_database: Callable[[str], str], template: str, nats_url: str, count: int
) -> None:
    cli.write(
        "w/jobs.js",
        """export default { async task(payload, env, ctx) {
             console.log('begins');
             await new Promise((resolve) => setTimeout(resolve, 1000));
             return ctx.task.attempt;
           } }""",
    )
    url = create_database(template)
    one = {"WORKER_POOL_SIZE": "1", "ISOLATE_HOSTS": "1"}
    running = Dev(cli, "w", DATABASE_URL=url, NATS_SERVERS=nats_url, **one)
    jobs = Jobs(running, url)

    async def run() -> list[Task]:
        async with open_engine(url) as engine:
            new = NewTask(kind="worker", worker=jobs.id("jobs"))
            tasks = [one.id for one in await engine.enqueue_many([new] * count)]
            await asyncio.to_thread(begun, running, count)
            os.kill(running.hosts()[0], signal.SIGKILL)
            return [await engine.wait(task, timeout_s=20) for task in tasks]

    ended = asyncio.run(run())
    counted = 2 if count == 1 else 1
    assert [data(task) for task in ended] == [counted] * count
    assert all(task.errors[0].reason == "host_lost" for task in ended)
    assert running.stop() == 0


async def test_telemetry_and_journal_hear_of_tasks(jobs: Jobs) -> None:
    task = await asyncio.to_thread(jobs.run, "seed")
    assert task.status == "completed"
    assert "TASK seed 200 jobs" in jobs.dev.wait_for("TASK seed 200")


def test_a_worker_without_a_free_place_keeps_its_tasks_pending(
    cli: Cli, create_database: Callable[[str], str], template: str, nats_url: str
) -> None:
    """Being sent away costs no attempt, however often."""
    cli.write(
        "w/jobs.js",
        "export default { task: () => new Promise((resolve) => setTimeout(resolve, 300)) }",
    )
    url = create_database(template)
    running = Dev(
        cli, "w", DATABASE_URL=url, NATS_SERVERS=nats_url, MAX_CONCURRENT_PER_WORKER="1", WORKER_WAIT_TIMEOUT_MS="100"
    )  # fmt: skip
    jobs = Jobs(running, url)

    async def run() -> list[Task]:
        async with open_engine(url) as engine:
            new = NewTask(kind="worker", worker=jobs.id("jobs"))
            tasks = [one.id for one in await engine.enqueue_many([new] * 4)]
            return [await engine.wait(task, timeout_s=20) for task in tasks]

    ended = asyncio.run(run())
    assert {(task.status.value, task.attempts, len(task.errors)) for task in ended} == {
        ("completed", 1, 0)
    }
    assert running.stop() == 0
