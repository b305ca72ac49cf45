"""``isolane db-listen``: tasks that are rows of a table, each a script below a folder."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import msgspec
import uvloop

from runner.cli.exits import Exit, UsageError
from runner.cli.logs import configure_logging
from runner.cli.task_options import add_task_options, open_folder, open_programs, with_places
from runner.config import load_settings
from runner.lifecycle import Signals
from runner.service_settings import parse_database_url
from runner.tuning import collect_rarely, schedule

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from runner.config import Settings
    from runner.executor.programs import Programs
    from runner.executor.scripts import ScriptFolder
    from runner.executor.task_table import TaskTable


def add_options(command: argparse.ArgumentParser) -> None:
    command.set_defaults(module="db_listen")
    command.add_argument(
        "--database-url", metavar="URL", help="which database (default: DATABASE_URL)"
    )
    command.add_argument(
        "--table",
        metavar="NAME",
        help="which table, as SQL writes it (default: TASK_TABLE, else ow_tasks)",
    )
    add_task_options(command)


def main(options: argparse.Namespace) -> int:
    """Check what can be checked, then take tasks until a signal comes."""
    settings = load_settings()
    try:
        if options.database_url is not None:
            url = parse_database_url(options.database_url)
            settings = msgspec.structs.replace(settings, database_url=url)
    except ValueError as error:
        raise UsageError(f"--database-url: {error}") from None
    if not settings.database_url:
        raise UsageError("which database? Give --database-url URL, or set DATABASE_URL")
    table = settings.task_table if options.table is None else options.table
    folder = open_folder(options)
    concurrency = options.concurrency or max(settings.job_concurrency, 1)
    settings = with_places(settings, concurrency)
    configure_logging(settings)
    return uvloop.run(_listen(settings, folder, table, options, concurrency))


class _Executing(Protocol):
    """Who runs the tasks."""

    async def stop(self, drain_s: float) -> None: ...


async def _listen(
    settings: Settings,
    folder: ScriptFolder,
    name: str,
    options: argparse.Namespace,
    concurrency: int,
) -> int:
    from runner.executor.task_table import find_table
    from runner.store.pool import connect

    with Signals() as signals:
        async with connect(settings.database_url) as connection:
            table = await find_table(connection, name)
        async with AsyncExitStack() as stack:
            programs = await stack.enter_async_context(
                open_programs(settings, folder, quiet=options.quiet)
            )
            opening = _of_the_queue if table.engine else _of_a_table
            executing = await stack.enter_async_context(
                opening(settings, table, programs, options.timeout, concurrency)
            )
            if not table.leased:
                print(
                    f"isolane: {table.shown} has no columns lease_id, leased_until and attempts: each task is claimed"
                    " at most once, and stays 'running' when its executor is lost",
                    file=sys.stderr,
                    flush=True,
                )
            print(
                f"Database task executor ready. Table: '{table.shown}', root: {folder.root}",
                flush=True,
            )
            collect_rarely()
            schedule(settings.scheduling)
            await signals.wait()
            await executing.stop(settings.drain_timeout_ms / 1000)
    return Exit.OK


@asynccontextmanager
async def _of_a_table(
    settings: Settings, table: TaskTable, programs: Programs, timeout_ms: int, concurrency: int
) -> AsyncIterator[_Executing]:
    """Take tasks from a table that somebody made."""
    from runner.executor.errors import TaskTableError
    from runner.executor.table_executor import TableExecutor
    from runner.executor.table_rows import TableRows
    from runner.store.listener import Listener

    url = settings.database_url
    if settings.job_task_types and "type" not in table.columns:
        raise TaskTableError(
            table.shown, "JOB_TASK_TYPES says which types to take, and it has no column type"
        )
    made_up = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(3)}"
    executor = settings.job_worker_id or made_up
    async with TableRows(url, table, executor, settings.job_task_types) as rows:
        executing = TableExecutor(rows, programs, timeout_ms=timeout_ms, concurrency=concurrency)
        async with AsyncExitStack() as stack:
            # A channel can not have a name as long as a table's: such a table is only polled.
            if channels := table.channels:
                wake = executing.wake
                await stack.enter_async_context(Listener(url, channels, lambda *_: wake(), wake))
            executing.start()
            yield executing


@asynccontextmanager
async def _of_the_queue(
    settings: Settings, table: TaskTable, programs: Programs, timeout_ms: int, concurrency: int
) -> AsyncIterator[_Executing]:
    """Take scripts from the durable queue, with all that it has: rules, leases, retries, schedules."""
    from runner.executor.options import executor_options
    from runner.executor.queue_executor import QueueExecutor
    from runner.executor.script_tasks import ScriptTasks
    from runner.tasks.duties import Duties
    from runner.tasks.engine import open_engine
    from runner.tasks.executor import Executor
    from runner.tasks.wakes import TaskWakes

    url = settings.database_url
    async with open_engine(url) as engine, TaskWakes(url) as wakes:
        options = executor_options(
            settings, "script", concurrency=concurrency, timeout_ms=timeout_ms
        )
        executor = Executor(engine, wakes, ScriptTasks(programs, timeout_ms), options)
        duties = Duties(engine, wakes, rescue_every_s=settings.job_rescue_ms / 1000)
        duties.start()
        executor.start()
        try:
            yield QueueExecutor(executor, programs)
        finally:
            await duties.stop()
