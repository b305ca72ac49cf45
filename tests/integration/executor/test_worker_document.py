"""What the worker queue's document promises, section by section, with its handler as it is written there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest

from runner.errors import ConflictError
from runner.tasks.engine import open_engine
from runner.tasks.policy import RetryPolicy
from runner.tasks.task import NewTask, Status
from tests.integration.conftest import Dev

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from runner.tasks.engine import TaskEngine
    from tests.integration.conftest import Cli

HANDLER = (Path(__file__).parent / "documents" / "my-handler.ts").read_text()
# The document's handlers are called with one object; this is all that it takes.
INDEX = """
import { myTaskHandler } from "./worker/handlers/my-handler";

globalThis.processData = async (data) => `processed ${data}`;

const registered = ({ type, handler, ...settings }) => [type, {
  ...settings,
  handler: (payload, env, ctx) =>
    handler({ task: { ...ctx.task, payload }, workerId: "one", isShuttingDown: () => ctx.isShuttingDown() }),
}];

const order = [];
export default {
  tasks: Object.fromEntries([
    registered(myTaskHandler),
    registered({ type: "email:send", handler: async ({ task }) => ({ success: true, result: { to: task.payload.to } }) }),
    registered({ type: "fails", handler: async () => ({ success: false }) }),
  ]),
};
"""


class Book:
    """A reader, and the queue."""

    def __init__(self, engine: TaskEngine, worker: UUID) -> None:
        self.engine = engine
        self.worker = worker

    async def enqueue(self, type_: str, payload: Any = None, **more: Any) -> UUID:
        new = NewTask(kind="worker", worker=self.worker, type=type_, payload=payload, **more)
        return (await self.engine.enqueue(new)).id

    async def result(self, task: UUID) -> Any:
        ended = await self.engine.wait(task, timeout_s=20)
        assert ended.status is Status.COMPLETED, (ended.status, ended.error)
        assert ended.result is not None
        return msgspec.json.decode(ended.result)


def test_the_worker_queues_document(
    cli: Cli, create_database: Callable[[str], str], template: str, nats_url: str
) -> None:
    cli.write("w/book/src/worker/handlers/my-handler.ts", HANDLER)
    cli.write("w/book/src/domain/worker.ts", "export const TaskHandlerRegistration = undefined;")
    cli.write("w/book/src/index.ts", INDEX)
    cli.write("w/book/worker.toml", 'main = "src/index.ts"')
    url = create_database(template)
    running = Dev(
        cli, "w", DATABASE_URL=url, NATS_SERVERS=nats_url, JOB_CONCURRENCY="2", JOB_TIMEOUT="5000"
    )
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT id FROM workers WHERE name = 'book'").fetchone()
    assert row is not None

    async def read() -> None:
        async with open_engine(url) as engine:
            book = Book(engine, row[0])
            await creating(book)
            await scheduling(book)
            await managing(book)

    try:
        asyncio.run(read())
    finally:
        assert running.stop() == 0


async def creating(book: Book) -> None:
    """Creating Tasks, Creating Task Handlers."""
    email = {"to": "user@example.com", "subject": "Welcome!", "template": "welcome"}
    task = await book.enqueue("email:send", email, priority=10, max_attempts=3)
    assert await book.result(task) == {"to": "user@example.com"}
    mine = await book.enqueue("my-task:process", {"someData": "it"})
    assert await book.result(mine) == {"processed": True, "output": "processed it"}


async def scheduling(book: Book) -> None:
    """Scheduling Tasks: not before its time."""
    later = datetime.now(UTC) + timedelta(hours=1)
    task = await book.enqueue("report:generate", {"reportId": 123}, scheduled_at=later)
    assert (await book.engine.get(task)).status is Status.PENDING
    soon = datetime.now(UTC) + timedelta(milliseconds=300)
    due = await book.enqueue("email:send", {"to": "x"}, scheduled_at=soon)
    assert await book.result(due) == {"to": "x"}
    assert (started := (await book.engine.get(due)).started_at) is not None
    assert started >= soon
    # Managing Tasks: a pending task can be cancelled.
    assert (await book.engine.cancel(task)).status is Status.CANCELLED


async def managing(book: Book) -> None:
    """Managing Tasks, Task Lifecycle."""
    retry = RetryPolicy(kind="fixed", delay_ms=1)
    task = await book.enqueue("fails", max_attempts=2, retry=retry)
    failed = await book.engine.wait(task, timeout_s=20)
    assert (failed.status, failed.attempts, failed.error) == (
        Status.FAILED,
        2,
        "Task failed without error",
    )
    again = await book.engine.retry(task, reset_attempts=True)
    assert (again.status, again.attempts) == (Status.PENDING, 0)
    assert (await book.engine.wait(task, timeout_s=20)).status is Status.FAILED
    unknown = await book.enqueue("nobody:knows")
    assert (await book.engine.wait(unknown, timeout_s=20)).error == (
        "No handler for task type: nobody:knows"
    )
    done = await book.enqueue("email:send", {"to": "x"})
    await book.result(done)
    with pytest.raises(ConflictError, match="Cannot cancel task in status: completed"):
        await book.engine.cancel(done)
    stats = await book.engine.stats()
    assert (stats.pending, stats.running, stats.failed, stats.cancelled) == (0, 0, 2, 1)
    assert stats.total == stats.completed + 3
