"""An executor of scripts as a process of its own: ``python -m tests.chaos.executor URL NAME``. A task takes a few milliseconds.

What it logs goes to stdout; it says ``serving`` when it takes tasks, and ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING

import msgspec
import uvloop

from runner.tasks.duties import Duties
from runner.tasks.engine import open_engine
from runner.tasks.executor import Executor, ExecutorOptions
from runner.tasks.task import Completed
from runner.tasks.wakes import TaskWakes

if TYPE_CHECKING:
    from runner.tasks.leases import Lease
    from runner.tasks.task import ClaimedTask, Outcome

WORK_S = 0.03
PLACES = 20


async def execute(task: ClaimedTask, lease: Lease) -> Outcome:
    await asyncio.sleep(WORK_S)
    return Completed(msgspec.Raw((task.payload or "null").encode()))


async def serve(url: str, name: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with open_engine(url) as engine, TaskWakes(url) as wakes:
        duties = Duties(engine, wakes)
        options = ExecutorOptions(kinds=("script",), concurrency=PLACES, name=name)
        executor = Executor(engine, wakes, execute, options)
        duties.start()
        executor.start()
        print("serving", flush=True)
        await ended.wait()
        await executor.stop(drain_s=5)
        await duties.stop()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
    uvloop.run(serve(*sys.argv[1:]))
