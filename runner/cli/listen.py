"""``isolane listen``: tasks from a NATS subject, each a script below a folder."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import uvloop

from runner.cli.exits import Exit, UsageError
from runner.cli.logs import configure_logging
from runner.cli.task_options import (
    add_task_options,
    open_folder,
    open_programs,
    whole_number,
    with_places,
)
from runner.config import load_settings
from runner.lifecycle import Signals
from runner.service_settings import parse_nats_servers
from runner.tuning import collect_rarely, schedule

if TYPE_CHECKING:
    import argparse

    from runner.config import Settings
    from runner.executor.programs import Programs
    from runner.executor.scripts import ScriptFolder
    from runner.nats.connection import Bus

_DEFAULT_SERVER: Final = "nats://localhost:4222"


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--nats", metavar="URL", help=f"the server (default: NATS_SERVERS, else {_DEFAULT_SERVER})"
    )
    command.add_argument("--subject", default="tasks", help="where tasks come (default: tasks)")
    command.add_argument(
        "--queue-group",
        metavar="G",
        default="",
        help="share the tasks with the others of this group; without one, each executor runs every task",
    )
    add_task_options(command)
    stream = command.add_argument_group(
        "JetStream",
        "No task is lost: a message is acknowledged when its result is there, and comes again until then.",
    )
    stream.add_argument(
        "--jetstream", metavar="STREAM", default="", help="take tasks from this stream; it is made if it is not there"
    )  # fmt: skip
    stream.add_argument(
        "--durable", metavar="NAME", default="isolane", help="the consumer, which executors share (default: isolane)"
    )  # fmt: skip
    stream.add_argument(
        "--max-deliver", metavar="N", type=whole_number, default=5, help="attempts of a task at most, its handler may say fewer (default: 5)"
    )  # fmt: skip
    stream.add_argument(
        "--dead-letter",
        metavar="SUBJECT",
        default="",
        help="where tasks go that fail for good (default: isolane.dead.STREAM)",
    )


def main(options: argparse.Namespace) -> int:
    """Check what can be checked, then take tasks until a signal comes."""
    settings = load_settings()
    try:
        servers = parse_nats_servers(options.nats) if options.nats else settings.nats_servers
    except ValueError as error:
        raise UsageError(f"--nats: {error}") from None
    settings = msgspec.structs.replace(settings, nats_servers=servers or (_DEFAULT_SERVER,))
    for option, text in (("--subject", options.subject), ("--dead-letter", options.dead_letter)):
        if text and not _is_subject(text):
            raise UsageError(f"{option}: {text!r} is no subject of NATS")
    folder = open_folder(options)
    concurrency = options.concurrency or max(settings.job_concurrency, 1)
    configure_logging(settings)
    return uvloop.run(_listen(with_places(settings, concurrency), folder, options, concurrency))


def _is_subject(text: str) -> bool:
    return text.isprintable() and " " not in text and all(text.split("."))


class _Tasks(Protocol):
    """Where tasks come from."""

    async def start(self) -> None: ...

    async def stop(self, drain_s: float) -> None: ...


async def _listen(
    settings: Settings, folder: ScriptFolder, options: argparse.Namespace, concurrency: int
) -> int:
    from runner.nats.connection import Bus

    drain_s = settings.drain_timeout_ms / 1000
    bus = Bus(settings.nats_servers, settings.nats_credentials, "isolane listen")
    with Signals() as signals:
        async with AsyncExitStack() as stack:
            programs = await stack.enter_async_context(
                open_programs(settings, folder, quiet=options.quiet)
            )
            stack.push_async_callback(bus.close)
            if not await signals.before(bus.open()):
                return Exit.OK
            tasks = _tasks(bus, programs, options, concurrency)
            await tasks.start()
            print(
                f"Task executor ready. Waiting for messages on '{options.subject}'...", flush=True
            )
            collect_rarely()
            schedule(settings.scheduling)
            await signals.wait()
            await tasks.stop(drain_s)
    return Exit.OK


def _tasks(bus: Bus, programs: Programs, options: argparse.Namespace, concurrency: int) -> _Tasks:
    if options.jetstream:
        from runner.executor.stream import StreamOptions, TaskStream

        chosen = StreamOptions(
            stream=options.jetstream,
            subject=options.subject,
            durable=options.durable,
            dead_letter=options.dead_letter or f"isolane.dead.{options.jetstream}",
            max_deliver=options.max_deliver,
            timeout_ms=options.timeout,
            concurrency=concurrency,
        )
        return TaskStream(bus, programs, chosen)
    from runner.executor.subject import TaskSubject

    return TaskSubject(
        bus,
        programs,
        options.subject,
        options.queue_group,
        timeout_ms=options.timeout,
        concurrency=concurrency,
    )
