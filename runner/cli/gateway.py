"""``isolane gateway``: HTTP in, NATS out, in front of a fleet of runners."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

import msgspec
import uvloop

from runner.api.listener import ControlListener, bind_near
from runner.app import open_gateway
from runner.cli.exits import UsageError
from runner.cli.json_journal import open_journal
from runner.cli.logs import configure_logging
from runner.config import Address, load_settings, parse_address
from runner.ingress.server import bind
from runner.lifecycle import Signals
from runner.nats.connection import Bus
from runner.service_settings import parse_nats_servers, without_password
from runner.tuning import collect_rarely

if TYPE_CHECKING:
    import argparse
    import socket

    from runner.api.probes import Probes
    from runner.cli.json_journal import RunnerJournal
    from runner.config import Settings
    from runner.nats.gateway import GatewayServer


def main(options: argparse.Namespace) -> int:
    """Take the addresses first, then wait for NATS."""
    settings = _settings(options)
    configure_logging(settings)
    with bind(settings.http_addr) as sock, bind_near(settings.control_addr) as control:
        return uvloop.run(_serve(settings, sock, control))


def _settings(options: argparse.Namespace) -> Settings:
    # Not the port of a runner on the same machine.
    settings = load_settings(defaults={"CONTROL_ADDR": "127.0.0.1:9421"})
    try:
        if options.http_addr is not None:
            http_addr = parse_address(options.http_addr)
            settings = msgspec.structs.replace(settings, http_addr=http_addr)
    except ValueError as error:
        raise UsageError(f"--http-addr {options.http_addr}: {error}") from None
    try:
        if options.nats is not None:
            servers = parse_nats_servers(options.nats)
            settings = msgspec.structs.replace(settings, nats_servers=servers)
    except ValueError as error:
        raise UsageError(f"--nats: {error}") from None
    if not settings.nats_servers:
        raise UsageError("which NATS? Give --nats URL, or set NATS_SERVERS")
    return settings


async def _serve(settings: Settings, sock: socket.socket, control_sock: socket.socket) -> int:
    """Serve until a signal comes, then let finish what has begun."""
    journal = open_journal(settings, sys.stdout)
    bus = Bus(settings.nats_servers, settings.nats_credentials, "isolane gateway")
    control = ControlListener(control_sock, settings.control_token or secrets.token_hex(16))
    with Signals() as signals:
        async with control:
            try:
                if await signals.before(bus.open()):
                    async with open_gateway(settings, bus, journal, sock) as gateway:
                        _say_where(journal, settings, sock, control)
                        _open_probes(control.probes, bus, gateway)
                        collect_rarely()
                        await signals.wait()
                        await gateway.drain(settings.drain_timeout_ms / 1000)
            finally:
                await bus.close()
    journal.flush()
    return 0


def _open_probes(probes: Probes, bus: Bus, gateway: GatewayServer) -> None:
    async def check() -> None:
        await bus.flush()

    probes.started(lambda: int(bus.connected), lambda: gateway.gateway.draining, {"nats": check})


def _say_where(
    journal: RunnerJournal, settings: Settings, sock: socket.socket, control: ControlListener
) -> None:
    journal.line(f"HTTP http://{Address(*sock.getsockname()[:2])}")
    journal.line(f"Control {control.url}")
    journal.line(f"NATS {','.join(map(without_password, settings.nats_servers))}")
