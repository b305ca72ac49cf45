"""The durable queue: no-op tasks against the bare claims of the same driver, enqueueing, latency, JavaScript, a backlog.

PostgreSQL is a process of its own with ``synchronous_commit=on``; executors are in this process. After each measurement the table is
asked whether each task was completed, with its result, in one attempt.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import msgspec

from benchmarks.bare_queue import drain_bare
from benchmarks.errors import WrongAnswerError
from benchmarks.figures import quantile
from benchmarks.fleet import Fleet
from benchmarks.harness import alternate
from benchmarks.report import P50, P99, RATE, Findings, Metric, at_least, at_most
from pools.protocol import Mode
from runner.embedded.postgres import open_postgres
from runner.errors import NotResolvedError
from runner.executor.worker_tasks import WorkerTasks
from runner.store.migrate import Migrator
from runner.store.pool import connect
from runner.tasks.claims import Claimer, Wanted
from runner.tasks.engine import open_engine
from runner.tasks.executor import Executor, ExecutorOptions
from runner.tasks.task import Completed, NewTask
from runner.tasks.wakes import TaskWakes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeAlias

    from benchmarks.harness import Plan
    from benchmarks.report import Figures
    from runner.deployments import Deployment
    from runner.events.fetch import Request
    from runner.tasks.engine import TaskEngine
    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask, Kind, Outcome

    Execute: TypeAlias = Callable[[ClaimedTask, Lease], Awaitable[Outcome]]

_CONNECTIONS: Final = 8
_BATCH: Final = 50
_IN_HAND: Final = 2_000
_EXECUTORS: Final = 2
_ONE_BY_ONE: Final = 4_000
_BATCHED: Final = 40_000
_BULK: Final = 50_000
_BULK_CALL: Final = 10_000
_IDLE: Final = 300
_JS: Final = 3_000
_JS_AT_ONCE: Final = 24
_JS_WORKERS: Final = 8
_BACKLOG: Final = 1_000_000
_CLAIMS: Final = 1_500
_CLAIM_P99 = Metric("claim p99", "ms", drawn=True)
_CLAIM_P50 = Metric("claim p50", "ms")
_SOURCE: Final = "export default { task: ({ n }) => ({ n }) };"


class _Queue:
    """The table, and who counts in it."""

    def __init__(self, url: str, engine: TaskEngine, wakes: TaskWakes) -> None:
        self.url = url
        self.engine = engine
        self._wakes = wakes

    async def empty(self) -> None:
        async with connect(self.url) as connection:
            await connection.execute("TRUNCATE tasks")
            await connection.execute("CHECKPOINT")

    async def fill(self, tasks: int, **fields: Any) -> None:
        new = partial(NewTask, **(fields or {"kind": "script", "script": "no-op.js"}))
        for first in range(0, tasks, _BULK_CALL):
            last = min(tasks, first + _BULK_CALL)
            await self.engine.enqueue_many([new(payload={"n": n}) for n in range(first, last)])

    async def swept(self) -> None:
        async with connect(self.url) as connection:
            await connection.execute("VACUUM ANALYZE tasks")

    async def drain(
        self, tasks: int, execute: Execute, options: ExecutorOptions, executors: int
    ) -> float:
        """Have so many tasks executed; return the seconds until all outcomes are committed."""
        left, done = tasks, asyncio.Event()

        async def counted(task: ClaimedTask, lease: Lease) -> Outcome:
            nonlocal left
            outcome = await execute(task, lease)
            left -= 1
            if left == 0:
                done.set()
            return outcome

        team = [Executor(self.engine, self._wakes, counted, options) for _ in range(executors)]
        began = time.perf_counter()
        for executor in team:
            executor.start()
        await done.wait()
        for executor in team:
            await executor.stop()
        took_s = time.perf_counter() - began
        await self.check(tasks)
        return took_s

    async def check(self, tasks: int) -> None:
        """See that each task was completed in one attempt, with its own result.

        Raises
        ------
        WrongAnswerError
            One was not.

        """
        async with connect(self.url) as connection:
            cursor = await connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE status = 'completed' AND attempts = 1 AND result = payload) FROM tasks"
            )
            row = await cursor.fetchone()
        if row != (tasks, tasks):
            raise WrongAnswerError("the queue", f"{row} of {tasks} tasks are there, and right")


async def _no_op(task: ClaimedTask, lease: Lease) -> Outcome:
    return Completed(msgspec.Raw((task.payload or "null").encode()))


async def _bare(url: str, tasks: int, batch: int) -> Figures:
    took_s = await drain_bare(url, tasks, connections=_CONNECTIONS, batch=batch)
    return {RATE: tasks / took_s}


async def _no_ops(queue: _Queue, tasks: int, *, batched: bool) -> Figures:
    await queue.empty()
    await queue.fill(tasks)
    await queue.swept()
    options = _options("script", _IN_HAND if batched else 1)
    took_s = await queue.drain(tasks, _no_op, options, _EXECUTORS if batched else _CONNECTIONS)
    return {RATE: tasks / took_s}


def _options(kind: Kind, concurrency: int) -> ExecutorOptions:
    return ExecutorOptions(kinds=(kind,), concurrency=concurrency, batch=concurrency)


async def _bulk(queue: _Queue, tasks: int) -> Figures:
    await queue.empty()
    new = [
        NewTask(kind="script", script="no-op.js", payload={"n": n}, type="email:send")
        for n in range(tasks)
    ]
    began = time.perf_counter()
    for first in range(0, tasks, _BULK_CALL):
        await queue.engine.enqueue_many(new[first : first + _BULK_CALL])
    took_s = time.perf_counter() - began
    stats = await queue.engine.stats()
    if stats.pending != tasks:
        raise WrongAnswerError("enqueueing", stats)
    return {RATE: tasks / took_s}


async def _latency(queue: _Queue, wakes: TaskWakes, tasks: int) -> Figures:
    """From the call of ``enqueue`` to the begin of the execution, one task at a time, nothing else going on."""
    await queue.empty()
    started: asyncio.Queue[float] = asyncio.Queue()

    async def execute(task: ClaimedTask, lease: Lease) -> Outcome:
        started.put_nowait(time.perf_counter())
        return await _no_op(task, lease)

    executor = Executor(queue.engine, wakes, execute, _options("script", 5))
    executor.start()
    took_ms = []
    for n in range(tasks):
        while executor.writer.succeeded < n:
            await asyncio.sleep(0.002)
        began = time.perf_counter()
        await queue.engine.enqueue(NewTask(kind="script", script="a.js", payload={"n": n}))
        took_ms.append((await started.get() - began) * 1000)
    await executor.stop()
    await queue.check(tasks)
    took_ms.sort()
    return {P50: quantile(took_ms, 0.5), P99: quantile(took_ms, 0.99)}


class _Workers:
    """Finds the workers by their ids."""

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        self.ids = [uuid4() for _ in deployments]
        self._by_id = dict(zip(map(str, self.ids), deployments, strict=True))

    async def resolve(self, request: Request) -> Deployment:
        raise NotResolvedError(502, "there is no front door")

    async def worker(self, worker_id: str) -> Deployment:
        return self._by_id[worker_id]


async def _javascript(queue: _Queue, execute: Execute, workers: list[UUID], tasks: int) -> Figures:
    await queue.empty()
    new = [NewTask(worker=workers[n % len(workers)], payload={"n": n}) for n in range(tasks)]
    await queue.engine.enqueue_many(new)
    await queue.swept()
    took_s = await queue.drain(tasks, execute, _options("worker", _JS_AT_ONCE), 1)
    return {RATE: tasks / took_s}


async def _claims(queue: _Queue, claims: int, backlog: int) -> Figures:
    """Claim one task at a time: of a backlog, or of a queue that has only this one."""
    claimer = Claimer(queue.engine.lines, Wanted(kinds=("script",)), "bench", 60.0)
    took_ms = []
    for n in range(claims):
        if not backlog:
            await queue.engine.enqueue(NewTask(kind="script", script="a.js", payload={"n": n}))
        began = time.perf_counter()
        tasks, _ = await claimer.claim(1, None)
        took_ms.append((time.perf_counter() - began) * 1000)
        if len(tasks) != 1:
            raise WrongAnswerError("a claim", tasks)
        ends = [(tasks[0], await _no_op(tasks[0], _NO_LEASE))]
        (settled,) = await queue.engine.settlements.settle(ends, "bench", None)
        if settled.status != "completed":
            raise WrongAnswerError("an outcome", settled)
    took_ms.sort()
    return {_CLAIM_P50: quantile(took_ms, 0.5), _CLAIM_P99: quantile(took_ms, 0.99)}


_NO_LEASE: Any = None


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = await stack.enter_async_context(open_postgres(folder / "postgres"))
        urls = [await _database(server.url, name) for name in ("short", "long")]
        engine = await stack.enter_async_context(open_engine(urls[0], most_lines=_CONNECTIONS + 2))
        long_engine = await stack.enter_async_context(open_engine(urls[1]))
        wakes = await stack.enter_async_context(TaskWakes(urls[0]))
        await wakes.connected.wait()
        queue, long = _Queue(urls[0], engine, wakes), _Queue(urls[1], long_engine, wakes)
        fleet = await stack.enter_async_context(Fleet(Mode.PINNED, lanes=2, in_flight=_JS_AT_ONCE))
        workers = _Workers(fleet.deploy(_SOURCE, _JS_WORKERS))
        execute = WorkerTasks(fleet.runner.make_calls(workers).serving, 30_000)
        backlog = plan.count(_BACKLOG)
        plan.progress.tell(f"{backlog} tasks of a backlog")
        await long.fill(backlog)
        await long.swept()
        one, many = plan.count(_ONE_BY_ONE), plan.count(_BATCHED)
        claims = plan.count(_CLAIMS)
        # The first executions of workers make isolates.
        await _javascript(queue, execute, workers.ids, 4 * _JS_WORKERS)

        async def empty_queue() -> Figures:
            await queue.empty()
            return await _claims(queue, claims, 0)

        contenders: dict[str, Callable[[], Awaitable[Figures]]] = {
            "bare, one by one": partial(_bare, urls[0], one, 1),
            "no-op, one by one": partial(_no_ops, queue, one, batched=False),
            f"bare, batches of {_BATCH}": partial(_bare, urls[0], many, _BATCH),
            "no-op, batched": partial(_no_ops, queue, many, batched=True),
            "bulk enqueue": partial(_bulk, queue, plan.count(_BULK)),
            "enqueue to start": partial(_latency, queue, wakes, plan.count(_IDLE)),
            "JavaScript": partial(_javascript, queue, execute, workers.ids, plan.count(_JS)),
            "claim, empty queue": empty_queue,
            "claim, backlog": partial(_claims, long, claims, backlog),
        }
        measured = await alternate(plan, contenders)
    batched = f"bare, batches of {_BATCH}"
    bars = [
        at_least("no-op, one by one: share of the bare loop", 0.8, measured.ratio("no-op, one by one", "bare, one by one", RATE), ""),
        at_least("no-op, batched: share of the bare loop", 0.6, measured.ratio("no-op, batched", batched, RATE), ""),
        at_least("no-op, batched", 10_000, measured.median("no-op, batched", RATE), "1/s"),
        at_least("bulk enqueue", 50_000, measured.median("bulk enqueue", RATE), "1/s"),
        at_most("enqueue to start, p50", 3, measured.median("enqueue to start", P50), "ms"),
        at_most("enqueue to start, p99", 20, measured.median("enqueue to start", P99), "ms"),
        at_least("JavaScript", 1_000, measured.median("JavaScript", RATE), "1/s"),
        at_most("claim p99: backlog against empty queue", 2, measured.ratio("claim, backlog", "claim, empty queue", _CLAIM_P99), ""),
    ]  # fmt: skip
    notes = [
        f"{backlog} tasks are due in the backlog. PostgreSQL and the isolate hosts are processes of their own, on the same cores.",
        f"One by one: {_CONNECTIONS} executors with one place each, or {_CONNECTIONS} connections.",
        f"Batched: {_EXECUTORS} executors with {_IN_HAND} places each, or {_CONNECTIONS} connections with {_BATCH} tasks each.",
    ]
    return Findings(rows=measured.rows(), bars=bars, rounds=plan.rounds, notes=notes)


async def _database(server: str, name: str) -> str:
    """Make a database with the schema; return its URL."""
    async with connect(server) as connection:
        await connection.execute(f"CREATE DATABASE {name}".encode())
    url = f"{server.rpartition('/')[0]}/{name}"
    async with connect(url) as connection:
        await Migrator(connection).up()
    return url
