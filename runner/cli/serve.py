"""``isolane serve``: the runner, configured by its environment."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import uvloop

from runner.backing import ExistingServers
from runner.cli.exits import Exit, UsageError
from runner.cli.json_journal import open_journal
from runner.cli.logs import configure_logging
from runner.config import Address, load_settings
from runner.ingress.server import bind
from runner.lifecycle import Signals
from runner.service import NoFrontPage, Service, Sockets
from runner.service_settings import without_password
from runner.tasks_server.listener import check_tasks_server, tasks_url

if TYPE_CHECKING:
    import argparse
    import socket

    from runner.cli.json_journal import RunnerJournal
    from runner.config import Settings
    from runner.processes.handover import Handover


def main(options: argparse.Namespace) -> int:
    """Check the settings and take the addresses, then start everything else."""
    settings = load_settings()
    for variable, value, example in (
        (
            "DATABASE_URL (or POSTGRES_HOST, POSTGRES_USER, POSTGRES_DB)",
            settings.database_url,
            "postgresql://USER:PASSWORD@HOST:5432/DATABASE",
        ),
        ("NATS_SERVERS", settings.nats_servers, "nats://HOST:4222"),
    ):
        if not value:
            raise UsageError(
                f"serve needs {variable}: set it to {example}; isolane dev brings servers along"
            )
    check_tasks_server(settings)
    configure_logging(settings)
    if options.process is not None:
        handed: Handover = options.process
        sockets = Sockets(handed.http, handed.control, handed.tasks)
        return uvloop.run(_serve(settings, sockets, handed.line))
    if settings.processes > 1:
        from runner.cli.serve_processes import serve_processes

        return serve_processes(settings)
    with ExitStack() as held:
        http = held.enter_context(bind(settings.http_addr))
        control = held.enter_context(bind(settings.control_addr))
        tasks = held.enter_context(bind(settings.tasks_addr)) if settings.tasks_addr else None
        return uvloop.run(_serve(settings, Sockets(http, control, tasks)))


async def _serve(settings: Settings, sockets: Sockets, line: socket.socket | None = None) -> int:
    """Serve until a signal comes, or the supervisor at the other end of ``line`` is gone; then drain."""
    journal = open_journal(settings, sys.stdout)
    with Signals() as signals:
        if line is not None:
            signals.follow(line)
        service = Service(
            settings,
            journal,
            sockets,
            ExistingServers(settings),
            signals,
            token=settings.control_token,
            supervised=line is not None,
        )
        try:
            if await signals.before(service.open()):
                await service.accept(NoFrontPage())
                if line is None:
                    _say_where(journal, service, sockets)
                else:
                    # The supervisor tells where all of them are.
                    line.send(b"1")
                await signals.wait()
                await service.drain()
        finally:
            await service.close()
    journal.flush()
    return Exit.OK


def _say_where(journal: RunnerJournal, service: Service, sockets: Sockets) -> None:
    settings = service.settings
    journal.line(f"HTTP http://{Address(*sockets.http.getsockname()[:2])}")
    journal.line(f"Control {service.control.url}")
    if sockets.tasks is not None:
        journal.line(f"Tasks {tasks_url(settings, sockets.tasks)}")
    journal.line(f"PostgreSQL {without_password(settings.database_url)}")
    journal.line(f"NATS {','.join(map(without_password, settings.nats_servers))}")
