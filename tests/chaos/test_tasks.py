"""The durable queue while its executors, isolate hosts and its database are killed: nothing is lost, nothing is committed twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from runner.embedded.nats import open_nats
from runner.embedded.postgres import open_postgres
from runner.store.migrate import Migrator
from runner.store.pool import connect
from runner.tasks.engine import open_engine
from tests.chaos.fleet import STEP_S, Committed, Runner, ScriptExecutor, until
from tests.chaos.producer import Producer
from tests.chaos.server import Server
from tests.integration.conftest import Cli

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

RECOVERY_S = 10.0
"""From a loss to the moment from which somebody else may have the task, or the queue moves again."""
DOWN_S = 1.0
PER_ROUND = 20_000
TOO_LATE = ("has lost its lease", "came to its end too late")


class Chaos:
    """Who works, what is killed, and how long it took to recover."""

    def __init__(self, committed: Committed, server: Server, cli: Cli, nats: str) -> None:
        self._committed = committed
        self._server = server
        self._cli = cli
        self._servers = {
            "DATABASE_URL": server.url,
            "NATS_SERVERS": nats,
            "HTTP_ADDR": "127.0.0.1:0",
            "CONTROL_ADDR": "127.0.0.1:0",
            "WORKER_POOL_SIZE": "1",
        }
        self._count = 0
        self.executors: list[ScriptExecutor] = []
        self.runners: list[Runner] = []
        self.took_s: list[tuple[str, float]] = []

    async def start(self, executors: int, runners: int) -> None:
        for _ in range(executors):
            await self._add_executor()
        for _ in range(runners):
            await self._add_runner()

    async def round(self) -> None:
        """Kill one of each, and see that what it had is others' again in time."""
        victim, other = self.runners.pop(0), self.runners[0]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kill_an_executor(self.executors.pop(0)))
            group.create_task(self._hang_an_executor(self.executors[-1]))
            group.create_task(self._kill_hosts(other))
            group.create_task(self._kill_a_runner(victim))
        # The first time the database comes back by itself.
        await self._moves("one process of the database", await self._server.crash_one())
        await self._moves("the database", await self._server.crash(DOWN_S))

    def everybody(self) -> list[ScriptExecutor | Runner]:
        return [*self.executors, *self.runners]

    def stop(self) -> None:
        """End who works, and see that all of them end well."""
        codes = [one.end(signal.SIGTERM) for one in self.everybody()]
        assert codes == [0] * len(codes)

    def kill(self) -> None:
        for one in self.everybody():
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()

    async def _add_executor(self) -> None:
        self._count += 1
        log = self._cli.folder / f"executor-{self._count}.log"
        self.executors.append(ScriptExecutor(self._server.url, f"executor-{self._count}", log))
        await self.executors[-1].ready()

    async def _add_runner(self) -> None:
        self.runners.append(await asyncio.to_thread(Runner, self._cli, self._servers))

    async def _kill_an_executor(self, victim: ScriptExecutor) -> None:
        leases = await self._caught(victim)
        began = time.time()
        victim.end(signal.SIGKILL)
        await self._add_executor()
        await self._taken_over("an executor", leases, began)

    async def _hang_an_executor(self, victim: ScriptExecutor) -> None:
        leases = await self._caught(victim)
        lost = await self._taken_over("an executor that hangs", leases, time.time())
        os.kill(victim.pid, signal.SIGCONT)
        if lost:
            await victim.says(*TOO_LATE)

    async def _kill_hosts(self, runner: Runner) -> None:
        async def in_hand() -> list[UUID]:
            return await self._committed.in_hand(runner.name)

        leases = await until(in_hand, "a runner has tasks in hand")
        began = time.time()
        for host in runner.hosts():
            os.kill(host, signal.SIGKILL)
        await self._taken_over("isolate hosts", leases, began)
        await self._moves("isolate hosts", time.time(), runner.name)

    async def _kill_a_runner(self, victim: Runner) -> None:
        leases = await self._caught(victim)
        began = time.time()
        await asyncio.to_thread(victim.end, signal.SIGKILL)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._add_runner())
            group.create_task(self._taken_over("a runner", leases, began))

    async def _caught(self, victim: ScriptExecutor | Runner) -> list[UUID]:
        """Stop a process while it has tasks in hand, and return their leases."""

        async def catch() -> list[UUID]:
            os.kill(victim.pid, signal.SIGSTOP)
            # What it has sent already is done all the same.
            await asyncio.sleep(STEP_S)
            leases = await self._committed.in_hand(victim.name)
            if not leases:
                os.kill(victim.pid, signal.SIGCONT)
            return leases

        return await until(catch, f"process {victim.pid} is caught with tasks in hand")

    async def _taken_over(self, what: str, leases: list[UUID], began: float) -> int:
        """Wait until leases are over; return how many of them were taken away."""
        over, lost = await self._committed.over(what, leases)
        self.took_s.append((f"{what}, {len(leases)} leases", over - began))
        return lost

    async def _moves(self, what: str, back: float, name: str = "%") -> None:
        """Wait until something is completed by an executor, or by any."""
        at = await self._committed.progress_after(what, back, name)
        self.took_s.append((f"{what}, the next task", at - back))


async def check(committed: Committed, tasks: int) -> None:
    """Nothing is lost, nothing was committed twice, each result is its own task's."""
    right = await committed.one(
        "SELECT count(DISTINCT (payload->>'n')::int) FROM tasks WHERE status = 'completed' AND result = payload"
    )
    everything = await committed.one("SELECT count(*) FROM tasks")
    assert (right, everything) == (tasks, tasks), await committed.ask(
        "SELECT kind, status, error, count(*) FROM tasks GROUP BY 1, 2, 3 LIMIT 20"
    )
    ends = await committed.ask(
        "SELECT count(*), count(DISTINCT task), count(DISTINCT lease) FROM audit WHERE became IN ('completed', 'failed', 'cancelled')"
    )
    assert ends == [(tasks, tasks, tasks)]
    # What ended was in nobody's hands any more, and stayed so.
    assert await committed.one("SELECT count(*) FROM audit WHERE was = 'completed'") == 0
    assert await committed.one("SELECT count(*) FROM tasks WHERE lease_id IS NOT NULL") == 0


@pytest.mark.timeout(1200)
async def test_nothing_is_lost_and_nothing_is_committed_twice(
    chaos_tasks: int, tmp_path: Path, snapshots: Path
) -> None:
    """Executors and hosts are killed and stopped, the database crashes, and each task still has exactly one outcome."""
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_postgres(tmp_path / "postgres"))
        nats = await stack.enter_async_context(open_nats(tmp_path / "nats"))
        async with connect(service.url) as connection:
            await Migrator(connection).up()
        server = Server(service)
        stack.callback(server.stop)
        committed = Committed(service.url)
        worker = await committed.make()
        chaos = Chaos(committed, server, Cli(tmp_path, snapshots), nats.url)
        stack.callback(chaos.kill)
        await chaos.start(executors=3, runners=2)
        engine = await stack.enter_async_context(open_engine(service.url))
        producer = Producer(engine, committed, worker, chaos_tasks)
        async with asyncio.TaskGroup() as group:
            group.create_task(producer.run())
            for _ in range(max(1, chaos_tasks // PER_ROUND)):
                await chaos.round()
            producer.finish()
        tasks = producer.enqueued
        assert tasks >= chaos_tasks
        await committed.ended(tasks)
        await asyncio.to_thread(chaos.stop)
        await check(committed, tasks)
    told = "".join(f"\n{what}: {took_s:.1f} s" for what, took_s in chaos.took_s)
    print(f"{tasks} tasks{told}")
    assert max(took_s for _, took_s in chaos.took_s) <= RECOVERY_S, told
