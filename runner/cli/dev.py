"""``isolane dev``: the workers of a folder, served on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import uvloop

from runner.api.listener import bind_near
from runner.cli.dev_services import DevServices, forget
from runner.cli.exits import Exit, UsageError
from runner.cli.logs import configure_logging
from runner.cli.terminal import TerminalJournal
from runner.config import Address, load_settings
from runner.embedded.process import write_private
from runner.env_file import EnvFileError, read_env
from runner.folder import Folder
from runner.front import FrontPage
from runner.ingress.server import bind
from runner.lifecycle import Signals
from runner.pages import Pages
from runner.publish import Publisher
from runner.service import Service, Sockets
from runner.service_settings import without_password
from runner.sources import find_workers
from runner.tasks_server.listener import open_tls, tasks_url

if TYPE_CHECKING:
    import argparse
    import socket
    from collections.abc import Mapping, Sequence

    from runner.config import Settings

_DOMAIN: Final = "workers.dev.localhost"
_TENANT: Final = "dev"
_STATE: Final = Path(".isolane")
_WATCH_S: Final = 0.5
_CONTROL_PORT: Final = 9420


def main(options: argparse.Namespace) -> int:
    """Take the addresses first, then start everything else."""
    # This machine alone, unless told otherwise.
    settings = load_settings(
        defaults={"HTTP_ADDR": "127.0.0.1:8080", "CONTROL_ADDR": "127.0.0.1:0"}
    )
    host, port = settings.http_addr
    settings = msgspec.structs.replace(
        settings,
        http_addr=Address(options.host or host, port if options.port is None else options.port),
        worker_domains=(_DOMAIN, *settings.worker_domains),
    )
    paths = options.paths or [Path()]
    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no {path}")
    try:
        variables = read_env(options.env_file) if options.env_file else {}
    except EnvFileError as error:
        raise UsageError(str(error)) from None
    configure_logging(settings)
    open_tls(settings)
    with ExitStack() as held:
        http = held.enter_context(bind(settings.http_addr))
        control = held.enter_context(_bind_control(settings))
        tasks = held.enter_context(bind(settings.tasks_addr)) if settings.tasks_addr else None
        find_workers(paths)
        if options.fresh:
            asyncio.run(forget(_STATE))
        sockets = Sockets(http, control, tasks)
        return uvloop.run(_serve(settings, sockets, paths, variables, watch=options.watch))


def _bind_control(settings: Settings) -> socket.socket:
    """Listen where it is said, else on the usual port, else on any."""
    host, port = settings.control_addr
    if port:
        return bind(settings.control_addr)
    return bind_near(Address(host, _CONTROL_PORT if settings.http_addr.port else 0))


async def _serve(
    settings: Settings,
    sockets: Sockets,
    paths: Sequence[Path],
    variables: Mapping[str, str],
    *,
    watch: bool,
) -> int:
    """Serve until a signal comes or a server of our own is lost, then drain."""
    journal = TerminalJournal(sys.stdout, colours=sys.stdout.isatty() and not settings.no_colour)
    token = settings.control_token or secrets.token_hex(16)
    with Signals() as signals:
        async with DevServices(settings, _STATE) as backing:
            service = Service(settings, journal, sockets, backing, signals, token=token)
            try:
                if not await signals.before(service.open()):
                    return Exit.OK
                folder = _folder(service, paths, variables, journal)
                lost = await _serve_folder(
                    service, folder, journal, sockets, signals, backing, settings, watch=watch
                )
            finally:
                await service.close()
    journal.flush()
    if lost is not None:
        raise lost
    return Exit.OK


async def _serve_folder(
    service: Service,
    folder: Folder,
    journal: TerminalJournal,
    sockets: Sockets,
    signals: Signals,
    backing: DevServices,
    given: Settings,
    *,
    watch: bool,
) -> Exception | None:
    """Serve what is in the folder and whatever else the database has; return what ended it, if that is no signal."""
    base = f"http://{Address(*sockets.http.getsockname()[:2])}"
    pages = Pages(base, _DOMAIN)
    deployed = await folder.deploy()
    async with FrontPage(pages, service.store, service.resolver) as front:
        await service.accept(front)
        for name, where in _addresses(base, service, given, sockets.tasks):
            journal.line(f"{name} {where}")
        for worker in front.workers:
            journal.line(f"  {pages.curl(worker)}")
        _write_state(base, service)
        await folder.check(deployed)
        ending = asyncio.create_task(signals.wait(), name="signals")
        losing = asyncio.create_task(backing.lost(), name="servers")
        duties = [ending, losing]
        if watch:
            duties.append(asyncio.create_task(folder.watch(_WATCH_S), name="watch"))
        try:
            done, _ = await asyncio.wait(duties, return_when=asyncio.FIRST_COMPLETED)
            lost = losing.result() if losing in done else None
            for task in done - {losing}:
                task.result()
        finally:
            for task in duties:
                task.cancel()
            await asyncio.wait(duties)
            _remove_state()
        await service.drain()
    return lost


def _folder(
    service: Service, paths: Sequence[Path], variables: Mapping[str, str], journal: TerminalJournal
) -> Folder:
    return Folder(
        paths,
        variables,
        _TENANT,
        Publisher(service.store, service.runner.stripper),
        service.store,
        service.assembler,
        service.trial,
        journal.line,
    )


def _addresses(
    base: str, service: Service, given: Settings, tasks: socket.socket | None
) -> list[tuple[str, str]]:
    """Return what runs where: of our own servers with the password, of the user's without."""
    postgres, nats = service.settings.database_url, service.settings.nats_servers
    addresses = [
        ("HTTP", base),
        ("Control", service.control.url),
        ("PostgreSQL", without_password(postgres) if given.database_url else postgres),
        ("NATS", ",".join(map(without_password, nats) if given.nats_servers else nats)),
    ]
    if tasks is not None:
        addresses.insert(2, ("Tasks", tasks_url(given, tasks)))
    return addresses if given.control_token else [*addresses, ("Token", service.control.token)]


def _write_state(base: str, service: Service) -> None:
    """Leave word for the other commands of this folder."""
    state = {
        "pid": os.getpid(),
        "http": base,
        "control": service.control.url,
        "token": service.control.token,
        "postgres": service.settings.database_url,
        "nats": ",".join(service.settings.nats_servers),
    }
    write_private(_STATE / "dev.json", json.dumps(state) + "\n")


def _remove_state() -> None:
    """Take the word back, unless it is another's by now."""
    path = _STATE / "dev.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if state.get("pid") == os.getpid():
        path.unlink(missing_ok=True)
