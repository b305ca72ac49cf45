"""``isolane dev``: the workers of a folder, served on this machine."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import uvloop

from runner.api.listener import ControlListener, bind_near
from runner.app import Runner, make_control, make_http
from runner.cli.dev_services import DevServices, forget
from runner.cli.exits import UsageError
from runner.cli.logs import configure_logging
from runner.cli.terminal import TerminalJournal
from runner.config import Address, load_settings
from runner.drain import drain
from runner.embedded.process import write_private
from runner.env_file import EnvFileError, read_env
from runner.folder import Folder
from runner.ingress.server import bind
from runner.lifecycle import Signals
from runner.pages import Pages
from runner.resolve import WorkerTable
from runner.service_settings import without_password

if TYPE_CHECKING:
    import argparse
    import socket
    from collections.abc import Mapping, Sequence

    from runner.config import Settings
    from runner.ingress.server import HttpServer

_DOMAIN: Final = "workers.dev.localhost"
_STATE: Final = Path(".isolane")
_WATCH_S: Final = 0.5
_GC_THRESHOLD: Final = 20_000
_CONTROL_PORT: Final = 9420


def main(options: argparse.Namespace) -> int:
    """Take the address first, then start everything else."""
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
    sock = bind(settings.http_addr)
    try:
        if options.fresh:
            asyncio.run(forget(_STATE))
        with _bind_control(settings) as control:
            return uvloop.run(
                _serve(settings, sock, control, paths, variables, watch=options.watch)
            )
    finally:
        sock.close()


def _bind_control(settings: Settings) -> socket.socket:
    """Listen where it is said, else on the usual port, else on any."""
    host, port = settings.control_addr
    if port:
        return bind(settings.control_addr)
    return bind_near(Address(host, _CONTROL_PORT if settings.http_addr.port else 0))


async def _serve(
    settings: Settings,
    sock: socket.socket,
    control_sock: socket.socket,
    paths: Sequence[Path],
    variables: Mapping[str, str],
    *,
    watch: bool,
) -> int:
    """Serve until a signal comes, then drain."""
    address = Address(*sock.getsockname()[:2])
    base = f"http://{address}"
    journal = TerminalJournal(sys.stdout, colours=sys.stdout.isatty() and not settings.no_colour)
    pages = Pages(base, _DOMAIN)
    table = WorkerTable(settings.worker_domains, pages)
    with Signals() as signals:
        async with (
            ControlListener(
                control_sock, settings.control_token or secrets.token_hex(16)
            ) as control,
            DevServices(settings, _STATE) as services,
            Runner(settings, journal) as runner,
        ):
            folder = Folder(
                paths, variables, runner.builder("dev"), runner.dispatcher, table, journal.line
            )
            deployed = await folder.deploy()
            calls = runner.make_calls(table)
            server = make_http(calls, table, settings.trusted_proxies, sock)
            await server.start()
            served = await services.ready()
            make_control(control, runner, signals)
            for name, where in _addresses(base, control, given=settings, served=served):
                journal.line(f"{name} {where}")
            for deployment in table.deployments:
                journal.line(f"  {pages.curl(deployment)}")
            _write_state(base, control, served)
            await folder.check(deployed)
            runner.fetch.open()
            # What was made so far stays, and a request leaves no cycles: collecting garbage may be rare.
            gc.freeze()
            gc.set_threshold(_GC_THRESHOLD)
            watching = asyncio.create_task(_watch(folder, wanted=watch), name="watch")
            await signals.wait()
            watching.cancel()
            await _drain(runner, server)
            await server.close()
    journal.flush()
    _remove_state()
    return 0


async def _watch(folder: Folder, *, wanted: bool) -> None:
    if wanted:
        await folder.watch(_WATCH_S)


async def _drain(runner: Runner, server: HttpServer) -> None:
    timeout_ms = runner.settings.drain_timeout_ms
    runner.admission.draining = True
    server.stop_accepting()
    if running := runner.supervisor.executions():
        print(f"draining {len(running)} executions", file=sys.stderr)
    await drain(runner.supervisor.executions, timeout_ms)
    await server.finish(timeout_ms / 1000)


def _addresses(
    base: str, control: ControlListener, *, given: Settings, served: Settings
) -> list[tuple[str, str]]:
    """Return what runs where: of our own servers with the password, of the user's without."""
    postgres, nats = served.database_url, served.nats_servers
    addresses = [
        ("HTTP", base),
        ("Control", control.url),
        ("PostgreSQL", without_password(postgres) if given.database_url else postgres),
        ("NATS", ",".join(map(without_password, nats) if given.nats_servers else nats)),
    ]
    return addresses if given.control_token else [*addresses, ("Token", control.token)]


def _write_state(base: str, control: ControlListener, served: Settings) -> None:
    """Leave word for the other commands of this folder."""
    state = {
        "pid": os.getpid(),
        "http": base,
        "control": control.url,
        "token": control.token,
        "postgres": served.database_url,
        "nats": ",".join(served.nats_servers),
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
