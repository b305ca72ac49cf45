"""``isolane serve`` with ``RUNNER_PROCESSES``: processes that share the workers' address, and one control listener for them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import uvloop

from runner.api.listener import ControlListener
from runner.cli.json_journal import open_journal
from runner.config import Address, read_variables
from runner.ingress.server import bind
from runner.lifecycle import Signals
from runner.processes.control import ProcessesControl
from runner.processes.shares import share_of
from runner.processes.supervisor import Processes
from runner.service_settings import without_password
from runner.snapshots import open_snapshot

if TYPE_CHECKING:
    import socket

    from runner.cli.json_journal import RunnerJournal
    from runner.config import Settings


def serve_processes(settings: Settings) -> int:
    """Take the addresses, then start the processes and keep them alive until a signal comes."""
    # Alone at first: another service that shares its address may be ours, too, and the two would share it.
    with bind(settings.http_addr) as alone:
        address = Address(*alone.getsockname()[:2])
    with bind(address, shared=True), bind(settings.control_addr) as control:
        # Once, before all of them want it at the same time.
        os.close(open_snapshot(settings))
        return uvloop.run(_supervise(settings, address, control))


async def _supervise(settings: Settings, address: Address, control_sock: socket.socket) -> int:
    journal = open_journal(settings, sys.stdout)
    given = read_variables().process
    environs = [{**given, **share_of(settings, n + 1)} for n in range(settings.processes)]
    processes = Processes(address, environs, settings.drain_timeout_ms)
    with Signals() as signals:
        control = ProcessesControl(processes, settings.control_token, signals.ask)
        listener = ControlListener(control_sock, settings.control_token, control.in_front_of)

        def announce() -> None:
            if processes.serving() and not listener.probes.has_started:
                listener.probes.started(control.ready, lambda: processes.ending, control.checks())
                _say_where(journal, settings, address, listener)

        processes.on_change = announce
        listener.add(control.endpoints(), complete=True)
        async with listener, control:
            code = await processes.run(signals.wait())
    journal.flush()
    return code


def _say_where(
    journal: RunnerJournal, settings: Settings, address: Address, listener: ControlListener
) -> None:
    journal.line(f"HTTP http://{address}")
    journal.line(f"Control {listener.url}")
    journal.line(f"PostgreSQL {without_password(settings.database_url)}")
    journal.line(f"NATS {','.join(map(without_password, settings.nats_servers))}")
