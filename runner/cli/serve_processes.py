"""``isolane serve`` with ``RUNNER_PROCESSES``: processes that share the workers' address, and one control listener for them."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import uvloop

from runner.api.listener import ControlListener
from runner.cli.json_journal import open_journal
from runner.config import Address, read_variables
from runner.ingress.server import bind
from runner.lifecycle import Signals
from runner.processes.control import ProcessesControl
from runner.processes.process import Addresses
from runner.processes.shares import share_of
from runner.processes.supervisor import Processes
from runner.service_settings import without_password
from runner.snapshots import open_snapshot
from runner.tasks_server.listener import tasks_url

if TYPE_CHECKING:
    import socket

    from runner.cli.json_journal import RunnerJournal
    from runner.config import Settings


def serve_processes(settings: Settings) -> int:
    """Take the addresses, then start the processes and keep them alive until a signal comes."""
    # Alone at first: another service that shares its address may be ours, too, and the two would share it.
    with bind(settings.http_addr) as alone:
        address = Address(*alone.getsockname()[:2])
    with ExitStack() as held:
        held.enter_context(bind(address, shared=True))
        tasks = _hold(settings.tasks_addr, held) if settings.tasks_addr else None
        control = held.enter_context(bind(settings.control_addr))
        # Once, before all of them want it at the same time.
        os.close(open_snapshot(settings))
        return uvloop.run(_supervise(settings, Addresses(address, tasks), control))


def _hold(address: Address, held: ExitStack) -> Address:
    """Keep an address for the processes, as the workers'; return it with its port."""
    with bind(address) as alone:
        address = Address(*alone.getsockname()[:2])
    held.enter_context(bind(address, shared=True))
    return address


async def _supervise(settings: Settings, addresses: Addresses, control_sock: socket.socket) -> int:
    journal = open_journal(settings, sys.stdout)
    given = read_variables().process
    environs = [{**given, **share_of(settings, n + 1)} for n in range(settings.processes)]
    processes = Processes(addresses, environs, settings.drain_timeout_ms)
    with Signals() as signals:
        control = ProcessesControl(processes, settings.control_token, signals.ask)
        listener = ControlListener(control_sock, settings.control_token, control.in_front_of)

        def announce() -> None:
            if processes.serving() and not listener.probes.has_started:
                listener.probes.started(control.ready, lambda: processes.ending, control.checks())
                _say_where(journal, settings, addresses, listener)

        processes.on_change = announce
        listener.add(control.endpoints(), complete=True)
        async with listener, control:
            code = await processes.run(signals.wait())
    journal.flush()
    return code


def _say_where(
    journal: RunnerJournal, settings: Settings, addresses: Addresses, listener: ControlListener
) -> None:
    journal.line(f"HTTP http://{addresses.http}")
    journal.line(f"Control {listener.url}")
    if addresses.tasks is not None:
        journal.line(f"Tasks {tasks_url(settings, addresses.tasks)}")
    journal.line(f"PostgreSQL {without_password(settings.database_url)}")
    journal.line(f"NATS {','.join(map(without_password, settings.nats_servers))}")
