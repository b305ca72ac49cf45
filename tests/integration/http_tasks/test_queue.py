"""HTTP tasks in the durable queue: rows in, requests out, answers back, in time, and nothing lost."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runner.http_tasks.ids import queue_id
from runner.http_tasks.sealing import StoredAnswer
from runner.tasks.engine import TaskEngine, open_engine
from runner.tasks.executor import Executor, ExecutorOptions
from runner.tasks.task import Status
from runner.tasks.wakes import TaskWakes
from tests.integration.http_tasks.conftest import OWNER, Sender
from tests.integration.http_tasks.site import Asked, Reply, open_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from runner.http_tasks.model import HttpTask
    from runner.tasks.task import Task

WAIT_S = 30


class Queue:
    """Registers as the tasks server does: the row's id is known before it is there."""

    def __init__(self, url: str, engine: TaskEngine, sender: Sender) -> None:
        self.url = url
        self.engine = engine
        self.sender = sender

    async def add(self, task: HttpTask, at: datetime | None = None) -> UUID:
        row = uuid4()
        options = self.sender.sealing.seal(task, OWNER, row)
        async with self.engine.lines.lend() as line:
            await line.connection.execute(
                "INSERT INTO tasks (id, tenant, queue, kind, options, scheduled_at)"
                " VALUES (%s, %s, 'http', 'http', to_jsonb(%s::text), coalesce(%s, now()))",
                (row, OWNER, options, at),
            )
        return row

    async def ended(self, row: UUID) -> Task:
        task = await self.engine.wait(row, timeout_s=WAIT_S)
        assert task.status.ended
        return task

    async def answer(self, row: UUID) -> StoredAnswer:
        task = await self.engine.get(row)
        return self.sender.sealing.open_answer(task.result, OWNER, row)

    @asynccontextmanager
    async def executing(self, **options: Any) -> AsyncIterator[Executor]:
        async with TaskWakes(self.url) as wakes:
            settings = ExecutorOptions(kinds=("http",), timeout_ms=1000, **options)
            executor = Executor(self.engine, wakes, self.sender.tasks, settings)
            executor.start()
            yield executor
            await executor.stop()


@pytest.fixture(scope="module")
def database(create_database: Callable[[str], str], template: str) -> str:
    return create_database(template)


@pytest.fixture
async def queue(database: str) -> AsyncIterator[Queue]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE tasks")
    async with open_engine(database) as engine:
        sender = Sender("fetch")
        yield Queue(database, engine, sender)
        await sender.tasks.close()


def text(body: bytes) -> str:
    return base64.b64encode(body).decode()


async def test_a_task_is_sent_and_its_answer_kept(queue: Queue) -> None:
    """With the name that the tasks server has for it; sealed in its row."""
    async with open_site(Reply(201, b"secret answer")) as site, queue.executing():
        row = await queue.add(queue.sender.task(site.url()))
        task = await queue.ended(row)
    assert (task.status, task.attempts) == (Status.COMPLETED, 1)
    assert await queue.answer(row) == StoredAnswer(201, text(b"secret answer"))
    assert text(b"secret answer").encode() not in bytes(task.result or b"")
    assert site.asked[0].headers["x-tasks-queue-id"] == queue_id(row)


async def test_a_task_is_tried_again_and_says_what_the_last_attempt_gave(queue: Queue) -> None:
    """Between retries as well; and as often as it says, although its row says nothing."""
    between: list[StoredAnswer] = []

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        between.append(await queue.answer(row))
        return Reply(500 + len(between), b"no. %d" % len(between))

    async with open_site(answer) as site:
        row = await queue.add(queue.sender.task(site.url(), retry=4, retry_interval=1))
        async with queue.executing():
            task = await queue.ended(row)
    assert (task.status, task.attempts, len(task.errors)) == (Status.FAILED, 5, 5)
    assert [one.status_code for one in between] == [0, 501, 502, 503, 504]
    assert between[2].response == text(b"no. 2")
    assert (await queue.answer(row)).status_code == 505
    counts = [asked.headers.get("x-tasks-retry-count") for asked in site.asked]
    assert counts == [None, "1", "2", "3", "4"]


async def test_a_retry_at_a_time_comes_at_that_time(queue: Queue) -> None:
    """Years ahead, to the millisecond."""
    at = datetime(2063, 4, 5, 11, 0, 0, 123000, UTC)
    again = asyncio.Event()
    queue.engine.events.add(lambda told: again.set() if told.event == "retrying" else None)
    async with open_site(Reply(500)) as site, queue.executing():
        task = queue.sender.task(site.url(), retry=1, retry_at=int(at.timestamp() * 1000))
        row = await queue.add(task)
        async with asyncio.timeout(WAIT_S):
            await again.wait()
    found = await queue.engine.get(row)
    assert (found.status, found.scheduled_at) == (Status.PENDING, at)


async def test_a_task_of_later_is_not_sent_now(queue: Queue) -> None:
    """However far away it is: what is due now comes first, what is due next year waits."""
    async with open_site(Reply()) as site, queue.executing():
        far = datetime.now(UTC) + timedelta(days=400)
        later = await queue.add(queue.sender.task(site.url("/later")), far)
        soon = await queue.add(
            queue.sender.task(site.url("/soon")), datetime.now(UTC) + timedelta(seconds=0.2)
        )
        await queue.ended(soon)
        assert (await queue.engine.get(later)).scheduled_at == far
    assert [asked.target for asked in site.asked] == ["/soon"]


async def test_a_delay_of_a_moment_takes_no_longer(queue: Queue) -> None:
    """What comes due between a claim and the look for what is next is not left until somebody looks again."""
    async with open_site(Reply()) as site, queue.executing(poll_s=600):
        for moment in range(40):
            at = datetime.now(UTC) + timedelta(milliseconds=moment % 4)
            await queue.ended(await queue.add(queue.sender.task(site.url()), at))
    assert len(site.asked) == 40


async def test_a_task_that_is_cancelled_in_flight_is_aborted(queue: Queue) -> None:
    """The server sees its client leave; nothing is written over the cancellation."""
    came = asyncio.Event()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        came.set()

    async with open_site(answer) as site, queue.executing(), asyncio.timeout(WAIT_S):
        row = await queue.add(queue.sender.task(site.url()))
        await came.wait()
        await queue.engine.cancel(row)
        await site.left.wait()
    task = await queue.engine.get(row)
    assert (task.status, task.result) == (Status.CANCELLED, None)


async def test_what_does_not_finish_before_the_shutdown_goes_back(queue: Queue) -> None:
    """Without an attempt less; the next runner sends it again."""
    came = asyncio.Event()
    silent = True

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply | None:
        came.set()
        return None if silent else Reply()

    async with open_site(answer) as site:
        row = await queue.add(queue.sender.task(site.url()))
        async with queue.executing(), asyncio.timeout(WAIT_S):
            await came.wait()
        task = await queue.engine.get(row)
        assert (task.status, task.attempts, task.errors) == (Status.PENDING, 0, [])
        silent = False
        async with queue.executing():
            assert (await queue.ended(row)).status is Status.COMPLETED
    assert "x-tasks-retry-count" not in site.asked[1].headers


async def test_a_tasks_own_clock_counts(queue: Queue) -> None:
    """And not the executor's, which is shorter here: 408, with words."""
    stays = asyncio.Event()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        if asked.target == "/slow":
            await stays.wait()
        return Reply()

    async with open_site(answer) as site, queue.executing():
        row = await queue.add(queue.sender.task(site.url("/slow"), timeout=1500))
        task = await queue.ended(row)
        stays.set()
    assert task.status is Status.FAILED
    assert (task.error, task.errors[0].reason) == ("HTTP status 408", "timeout")
    assert (await queue.answer(row)).response == text(b"TimeoutError: Timeout has occurred")
