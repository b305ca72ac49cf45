"""``isolane dev``: the workers of a folder, served on this machine."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import uvloop

from runner.app import Runner, make_http
from runner.cli.exits import UsageError
from runner.cli.logs import configure_logging
from runner.cli.terminal import TerminalJournal
from runner.config import Address, load_settings
from runner.drain import drain
from runner.env_file import EnvFileError, read_env
from runner.folder import Folder
from runner.ingress.server import bind
from runner.lifecycle import Signals
from runner.pages import Pages
from runner.resolve import WorkerTable

if TYPE_CHECKING:
    import argparse
    import socket
    from collections.abc import Mapping, Sequence

    from runner.config import Settings
    from runner.ingress.http import HttpIngress
    from runner.ingress.server import HttpServer

_DOMAIN: Final = "workers.dev.localhost"
_STATE: Final = Path(".isolane")
_WATCH_S: Final = 0.5
_GC_THRESHOLD: Final = 20_000


def main(options: argparse.Namespace) -> int:
    """Take the address first, then start everything else."""
    # This machine alone, unless told otherwise.
    settings = load_settings(defaults={"HTTP_ADDR": "127.0.0.1:8080"})
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
    if options.fresh:
        shutil.rmtree(_STATE, ignore_errors=True)
    sock = bind(settings.http_addr)
    try:
        return uvloop.run(_serve(settings, sock, paths, variables, watch=options.watch))
    finally:
        sock.close()


async def _serve(
    settings: Settings,
    sock: socket.socket,
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
        async with Runner(settings, journal) as runner:
            folder = Folder(
                paths, variables, runner.builder("dev"), runner.dispatcher, table, journal.line
            )
            deployed = await folder.deploy()
            ingress, server = make_http(runner, table, sock)
            await server.start()
            journal.line(f"HTTP {base}")
            for deployment in table.deployments:
                journal.line(f"  {pages.curl(deployment)}")
            _write_state(base)
            await folder.check(deployed)
            runner.fetch.open()
            # What was made so far stays, and a request leaves no cycles: collecting garbage may be rare.
            gc.freeze()
            gc.set_threshold(_GC_THRESHOLD)
            watching = asyncio.create_task(_watch(folder, wanted=watch), name="watch")
            await signals.wait()
            watching.cancel()
            await _drain(settings, ingress, server)
            await server.close()
    journal.flush()
    _remove_state()
    return 0


async def _watch(folder: Folder, *, wanted: bool) -> None:
    if wanted:
        await folder.watch(_WATCH_S)


async def _drain(settings: Settings, ingress: HttpIngress, server: HttpServer) -> None:
    ingress.draining = True
    server.stop_accepting()
    if ingress.executions:
        print(f"draining {len(ingress.executions)} executions", file=sys.stderr)
    await drain(lambda: ingress.executions, settings.drain_timeout_ms)
    await server.finish(settings.drain_timeout_ms / 1000)


def _write_state(base: str) -> None:
    """Leave word for the other commands of this folder."""
    _STATE.mkdir(mode=0o700, exist_ok=True)
    state = {"pid": os.getpid(), "http": base}
    (_STATE / "dev.json").write_text(json.dumps(state) + "\n", encoding="utf-8")


def _remove_state() -> None:
    """Take the word back, unless it is another's by now."""
    path = _STATE / "dev.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if state.get("pid") == os.getpid():
        path.unlink(missing_ok=True)
