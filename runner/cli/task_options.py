"""What the commands that take tasks have in common: options, and the runner behind them."""

from __future__ import annotations

import argparse
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from runner.app import Runner
from runner.cli.exits import UsageError
from runner.executor.attempt import Attempts
from runner.executor.errors import RootError
from runner.executor.programs import Programs
from runner.executor.scripts import ScriptFolder
from runner.journal import Silence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.config import Settings
    from runner.deployments import Deployment

_TENANT = "local"


class ConsoleJournal(Silence):
    """Console lines to stderr, with the script that wrote them."""

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        print(f"[{level}] {deployment.name}: {text}", file=sys.stderr, flush=True)


def add_task_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root", metavar="DIR", type=Path, default=Path(), help="where scripts are (default: .)"
    )
    command.add_argument(
        "--timeout",
        metavar="MS",
        type=whole_number,
        default=30_000,
        help="for CPU and clock of a task (default: 30000)",
    )
    command.add_argument(
        "--concurrency",
        metavar="N",
        type=whole_number,
        help="tasks at once (default: JOB_CONCURRENCY)",
    )
    command.add_argument("--quiet", action="store_true", help="no console lines of scripts")


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def open_folder(options: argparse.Namespace) -> ScriptFolder:
    try:
        return ScriptFolder(options.root)
    except RootError as error:
        raise UsageError(str(error)) from None


def with_places(settings: Settings, concurrency: int) -> Settings:
    """Return settings under which so many tasks of one owner can run at once."""
    return msgspec.structs.replace(
        settings,
        max_isolates_per_tenant=max(settings.max_isolates_per_tenant, concurrency),
        isolate_pool_size=max(settings.isolate_pool_size, concurrency),
    )


@asynccontextmanager
async def open_programs(
    settings: Settings, folder: ScriptFolder, *, quiet: bool
) -> AsyncIterator[Programs]:
    """Run isolate hosts, and the scripts of a folder on them.

    Raises
    ------
    HostStartError
        One can not serve.

    """
    journal = Silence() if quiet else ConsoleJournal()
    async with Runner(settings, journal) as runner:
        attempts = Attempts(runner.dispatcher)
        yield Programs(folder, runner.builder(_TENANT), attempts)
