"""HTTP tasks: due ones drained against a local server by both transports, and how late they and schedules are.

PostgreSQL (``synchronous_commit=on``) and the server are processes of their own; one executor with the places of the default setting is
in this process. Lateness is the server's: from the due time to the request's arrival, by one clock. After each measurement the table is
asked whether each task was completed in one attempt, and the server whether it was asked for each once.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID, uuid4

from benchmarks.answering import open_target
from benchmarks.errors import WrongAnswerError
from benchmarks.figures import quantile
from benchmarks.harness import alternate
from benchmarks.report import P50, P99, RATE, Findings, Metric, at_least, at_most
from runner.config import Settings
from runner.embedded.postgres import open_postgres
from runner.http_tasks.model import HttpConfig, HttpRequest, HttpTask
from runner.http_tasks.sealing import TaskSealing
from runner.http_tasks.sender import HttpTasks
from runner.http_tasks.surroundings import Connectivity, Surroundings
from runner.service_settings import SecretKey
from runner.store.migrate import Migrator
from runner.store.pool import connect
from runner.store.secrets import SecretBox
from runner.tasks.duties import Duties
from runner.tasks.engine import open_engine
from runner.tasks.executor import Executor, ExecutorOptions
from runner.tasks.schedules import NewSchedule
from runner.tasks.task import Completed, NewTask
from runner.tasks.wakes import TaskWakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from benchmarks.harness import Plan
    from benchmarks.report import Figures
    from runner.tasks.engine import TaskEngine
    from runner.tasks.executor import Execute
    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask, Outcome

_DRAINED: Final = 10_000
_TIMED_S: Final = 10.0
_TIMED_PER_S: Final = 100
_CRONS: Final = 20
_CRON_S: Final = 10.0
_OWNER: Final = UUID(int=1)
_SENDING_CPU: Final = Metric("CPU", "µs/task", drawn=True)
_ADD: Final = """
INSERT INTO tasks (id, tenant, queue, kind, options, scheduled_at)
SELECT task.id, %s, 'http', 'http', to_jsonb(task.options), to_timestamp(task.at)
FROM unnest(%s::uuid[], %s::text[], %s::float8[]) AS task (id, options, at)
"""


class _Queue:
    """The table, and what sends its tasks."""

    def __init__(self, url: str, engine: TaskEngine, wakes: TaskWakes) -> None:
        self.url = url
        self.engine = engine
        self.wakes = wakes
        self._sealing = TaskSealing(SecretBox([SecretKey(1, b"k" * 32)]))

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[HttpTasks]:
        around = Surroundings(Connectivity(""), _no_uploads, base=("loopback",))
        tasks = HttpTasks(self._sealing, around)
        try:
            yield tasks
        finally:
            await tasks.close()

    @asynccontextmanager
    async def executing(
        self, execute: Execute, kind: Literal["http", "script"]
    ) -> AsyncIterator[None]:
        places = Settings().http_tasks_concurrency
        options = ExecutorOptions(kinds=(kind,), concurrency=places, fair=True)
        executor = Executor(self.engine, self.wakes, execute, options)
        executor.start()
        try:
            yield
        finally:
            await executor.stop()

    async def empty(self) -> None:
        async with connect(self.url) as connection:
            await connection.execute("TRUNCATE tasks, task_schedules")
            await connection.execute("CHECKPOINT")

    async def fill(
        self, tasks: Iterable[tuple[str, float]], transport: Literal["fetch", "curl"]
    ) -> None:
        """Add tasks by URL and due time, as the tasks server does."""
        rows, options, ats = [], [], []
        for url, at in tasks:
            row = uuid4()
            request = HttpRequest(url=url, method="GET", transport=transport)
            task = HttpTask(request=request, config=HttpConfig())
            rows.append(row)
            options.append(self._sealing.seal(task, _OWNER, row))
            ats.append(at)
        async with connect(self.url) as connection:
            await connection.execute(_ADD, (_OWNER, rows, options, ats))

    async def check(self, tasks: int) -> None:
        """See that each task was completed in one attempt.

        Raises
        ------
        WrongAnswerError
            One was not.

        """
        async with connect(self.url) as connection:
            cursor = await connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE status = 'completed' AND attempts = 1) FROM tasks"
            )
            row = await cursor.fetchone()
        if row != (tasks, tasks):
            raise WrongAnswerError("the queue", f"{row} of {tasks} tasks are there, and right")


async def _no_uploads(owner: UUID, names: Iterable[str]) -> dict[str, bytes]:
    return {}


class _Countdown:
    """Executes, and knows when so many are done."""

    def __init__(self, execute: Execute, tasks: int) -> None:
        self._execute = execute
        self._left = tasks
        self.done = asyncio.Event()

    async def __call__(self, task: ClaimedTask, lease: Lease) -> Outcome:
        outcome = await self._execute(task, lease)
        self._left -= 1
        if self._left == 0:
            self.done.set()
        return outcome


async def _drain(queue: _Queue, tasks: int, transport: Literal["fetch", "curl"]) -> Figures:
    """Have so many due tasks sent; the time ends when all outcomes are committed."""
    await queue.empty()
    async with open_target() as target, queue.sending() as sender:
        past = time.time() - 1
        await queue.fill(((f"{target.url}/{n}", past) for n in range(tasks)), transport)
        async with connect(queue.url) as connection:
            await connection.execute("VACUUM ANALYZE tasks")
        counted = _Countdown(sender, tasks)
        cpu, began = time.process_time(), time.perf_counter()
        async with queue.executing(counted, "http"):
            await counted.done.wait()
        took_s = time.perf_counter() - began
        cpu_s = time.process_time() - cpu
        asked = await target.asked()
    if (len(asked.at), asked.twice) != (tasks, 0):
        raise WrongAnswerError("the target", f"{len(asked.at)} tasks, {asked.twice} twice")
    await queue.check(tasks)
    return {RATE: tasks / took_s, _SENDING_CPU: cpu_s / tasks * 1e6}


async def _lateness(queue: _Queue, seconds: float) -> Figures:
    """Tasks that are due at times by chance, each on its own."""
    await queue.empty()
    tasks = round(seconds * _TIMED_PER_S)
    async with open_target() as target, queue.sending() as sender:
        counted = _Countdown(sender, tasks)
        async with queue.executing(counted, "http"):
            begin = time.time() + 0.5
            due = {f"/{n}": begin + random.random() * seconds for n in range(tasks)}
            await queue.fill(((f"{target.url}{path}", at) for path, at in due.items()), "fetch")
            await counted.done.wait()
        asked = await target.asked()
    await queue.check(tasks)
    late_ms = sorted((asked.at[path] - at) * 1000 for path, at in due.items())
    if late_ms[0] < -1:
        raise WrongAnswerError("a task", f"{-late_ms[0]:.1f} ms too early")
    return {P50: quantile(late_ms, 0.5), P99: quantile(late_ms, 0.99)}


async def _cron_lateness(queue: _Queue, wakes: TaskWakes, seconds: float) -> Figures:
    """Schedules that fire each second, from the instant to the begin of the execution."""
    await queue.empty()
    late_ms: list[float] = []
    done = asyncio.Event()
    until = datetime.now(UTC) + timedelta(seconds=seconds + 1)

    async def execute(task: ClaimedTask, lease: Lease) -> Outcome:
        # A task's time is the instant of its schedule.
        late_ms.append((datetime.now(UTC) - task.scheduled_at).total_seconds() * 1000)
        if datetime.now(UTC) > until:
            done.set()
        return Completed()

    duties = Duties(queue.engine, wakes)
    duties.start()
    try:
        async with queue.executing(execute, "script"):
            for number in range(_CRONS):
                task = NewTask(kind="script", script="no-op.js")
                await queue.engine.schedules.add(
                    NewSchedule(name=f"each second {number}", cron="* * * * * *", task=task)
                )
            await done.wait()
    finally:
        await duties.stop()
    late_ms.sort()
    return {P50: quantile(late_ms, 0.5), P99: quantile(late_ms, 0.99)}


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = await stack.enter_async_context(open_postgres(folder / "postgres"))
        url = await _database(server.url)
        engine = await stack.enter_async_context(open_engine(url))
        wakes = await stack.enter_async_context(TaskWakes(url))
        await wakes.connected.wait()
        queue = _Queue(url, engine, wakes)
        tasks = plan.count(_DRAINED)
        # Libraries are loaded, statements are planned.
        await _drain(queue, 200, "fetch")
        await _drain(queue, 200, "curl")
        measured = await alternate(
            plan,
            {
                "fetch": partial(_drain, queue, tasks, "fetch"),
                "curl": partial(_drain, queue, tasks, "curl"),
                "due time to request": partial(_lateness, queue, plan.seconds(_TIMED_S)),
                "cron to start": partial(_cron_lateness, queue, wakes, plan.seconds(_CRON_S)),
            },
        )
    bars = [
        at_least("fetch", 1_000, measured.median("fetch", RATE), "1/s"),
        at_least("curl", 1_000, measured.median("curl", RATE), "1/s"),
        at_most("due time to request, p99", 50, measured.median("due time to request", P99), "ms"),
        at_most("cron to start, p99", 50, measured.median("cron to start", P99), "ms"),
    ]
    notes = [
        f"{tasks} due tasks, one executor with {Settings().http_tasks_concurrency} places; CPU is that of its process.",
        f"Due times: {_TIMED_PER_S} tasks a second, at times by chance. Crons: {_CRONS} schedules that fire each second.",
        "PostgreSQL and the target are processes of their own, on the same cores.",
    ]
    return Findings(rows=measured.rows(), bars=bars, rounds=plan.rounds, notes=notes)


async def _database(server: str) -> str:
    """Make a database with the schema; return its URL."""
    async with connect(server) as connection:
        await connection.execute(b"CREATE DATABASE http_tasks")
    url = f"{server.rpartition('/')[0]}/http_tasks"
    async with connect(url) as connection:
        await Migrator(connection).up()
    return url
