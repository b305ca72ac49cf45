"""A runner that serves: its parts in the order in which they are opened, for ``serve`` and ``dev`` alike.

What is opened later may use what was opened before, and is closed first. Must not know the command line.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from runner.api.listener import ControlListener
from runner.app import (
    Runner,
    describe_tasks_server,
    health_checks,
    make_api,
    make_asset_sweep,
    make_control,
    make_http,
    make_http_tasks,
    make_kv_purge,
    make_logs_api,
    make_metrics,
    make_tasks_api,
    make_tasks_listener,
    make_tasks_server,
    make_telemetry,
    open_backups,
    open_tasks,
    serve_nats,
)
from runner.assembly import Assembler
from runner.background import Background
from runner.drain import drain
from runner.executor.runs import TaskRuns
from runner.logs.fan import JournalFan
from runner.nats.connection import open_bus
from runner.resolution import DatabaseResolver
from runner.store.lookup import Lookup
from runner.store.pool import describe, open_pool
from runner.store.secrets import SecretBox
from runner.store.session import Store
from runner.tasks_server.front import TasksFront
from runner.trial import Trial
from runner.tuning import collect_rarely, schedule

if TYPE_CHECKING:
    import socket

    from runner.calls import Calls
    from runner.config import Settings
    from runner.ingress.http import FrontPage
    from runner.ingress.server import HttpServer
    from runner.journal import Journal
    from runner.lifecycle import Signals
    from runner.nats.connection import Bus
    from runner.nats.fetch import NatsIngress
    from runner.store.pool import Pool
    from runner.tasks.engine import TaskEngine
    from runner.tasks_server.listener import TasksListener
    from runner.tasks_server.server import TasksServer

_log = logging.getLogger(__name__)
_WORKERS_CONNECTIONS: Final = 15


class Sockets(NamedTuple):
    """Where it listens; taken before anything else is started."""

    http: socket.socket
    control: socket.socket
    tasks: socket.socket | None = None
    """Of the tasks server, if it is to listen for itself."""


class Backing(Protocol):
    """The servers that a runner stands on."""

    async def ready(self) -> Settings:
        """Return the settings with their addresses, once they are there and the schema is ours."""
        ...


class Service:
    """The parts. :meth:`open`, then :meth:`accept`; :meth:`drain` and :meth:`close` at the end."""

    settings: Settings
    runner: Runner
    pool: Pool
    store: Store
    assembler: Assembler
    resolver: DatabaseResolver
    trial: Trial
    calls: Calls
    bus: Bus
    tasks: TaskEngine
    requests: NatsIngress
    background: Background
    task_runs: TaskRuns
    http: HttpServer

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        sockets: Sockets,
        backing: Backing,
        signals: Signals,
        *,
        token: str,
        supervised: bool = False,
    ) -> None:
        """``supervised``: what comes to the control listener, others have passed on."""
        self.settings = settings
        self._journal = JournalFan(journal)
        self._sockets = sockets
        self._backing = backing
        self._signals = signals
        self._supervised = supervised
        self._tasks_front = TasksFront()
        self.control = ControlListener(sockets.control, token, self._tasks_front.in_front_of)
        self.telemetry = make_telemetry(settings)
        self._tasks_listener: TasksListener | None = None
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Open everything but the doors: after this, workers can be deployed and run.

        Raises
        ------
        HostStartError
            An isolate host can not serve.
        DatabaseUnavailableError
            PostgreSQL went away again.

        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.control)
            await stack.enter_async_context(self.telemetry)
            self.runner = await stack.enter_async_context(
                Runner(self.settings, self._journal, observer=self.telemetry.observer)
            )
            self.settings = await self._backing.ready()
            await self._open_store(stack)
            self.calls = self.runner.make_calls(self.resolver)
            self.bus = await stack.enter_async_context(
                open_bus(self.settings.nats_servers, self.settings.nats_credentials)
            )
            self.tasks = await stack.enter_async_context(open_tasks(self.settings, self.bus))
            self.runner.world.tasks = self.tasks
            make_metrics(self.control, self.telemetry, self.runner, self.pool, self.bus)
            make_api(self.control, self.runner, self.store, self.pool, self.settings, self.trial)
            self.background = Background(self.settings, self.calls.serving, self.bus, self._journal)
            stack.push_async_callback(self.background.close)
            await self.background.open()
            http_tasks = make_http_tasks(self.settings, await self._open_tasks_server(stack))
            self.task_runs = TaskRuns(self.settings, self.calls.serving, self.tasks, http_tasks)
            stack.push_async_callback(self.task_runs.close)
            make_logs_api(self.control, self.store, self.background)
            make_tasks_api(
                self.control, self.store, self.tasks, self.bus, lambda: self.task_runs.executors
            )
            self._stack = stack.pop_all()

    async def _open_tasks_server(self, stack: AsyncExitStack) -> TasksServer:
        server = await stack.enter_async_context(make_tasks_server(self.settings, self.tasks))
        proxies = self.settings.trusted_proxies
        self._tasks_front.server = server.application(
            (*proxies, "loopback") if self._supervised else proxies
        )
        # The control listener outlives it.
        stack.callback(self._tasks_front.leave)
        describe_tasks_server(self.control)
        if self._sockets.tasks is not None:
            self._tasks_listener = make_tasks_listener(self.settings, server, self._sockets.tasks)
            stack.push_async_callback(self._tasks_listener.close)
        return server

    async def accept(self, front: FrontPage) -> None:
        """Open the doors: HTTP, NATS, then say that it serves. ``front`` answers what addresses no worker."""
        # An HTTP client takes a fifth of a second to import, which the first worker that fetches would wait for.
        self.runner.fetch.open()
        self.http = make_http(self.calls, front, self.settings.trusted_proxies, self._sockets.http)
        self._stack.push_async_callback(self.http.close)
        await self.http.start()
        self.requests = await self._stack.enter_async_context(serve_nats(self.bus, self.calls))
        await self.background.accept()
        await self.task_runs.accept()
        if self._tasks_listener is not None:
            await self._tasks_listener.start()
        await self._stack.enter_async_context(open_backups(self.settings, self.telemetry))
        checks = health_checks(self.pool, self.bus)
        make_control(self.control, self.runner, self._signals, checks)
        collect_rarely()
        schedule(self.settings.scheduling)

    async def drain(self) -> None:
        """Take nothing new, let what runs finish, and end what does not within ``DRAIN_TIMEOUT_MS``."""
        timeout_ms, supervisor = self.settings.drain_timeout_ms, self.runner.supervisor
        # What NATS has sent us already is served, as nobody sends it again.
        await asyncio.gather(self.requests.stop_accepting(), self.background.stop_accepting())
        self.task_runs.stop_accepting()
        self.runner.admission.draining = True
        self.http.stop_accepting()
        if self._tasks_listener is not None:
            self._tasks_listener.stop_accepting()
        if running := supervisor.executions():
            _log.warning("draining %d executions", len(running))
        await drain(supervisor.executions, timeout_ms)
        await self.http.finish(timeout_ms / 1000)
        await self.requests.finish(timeout_ms / 1000)
        await self.background.finish(timeout_ms / 1000)
        await self.task_runs.finish()
        if self._tasks_listener is not None:
            await self._tasks_listener.finish()

    async def close(self) -> None:
        await self._stack.aclose()

    async def _open_store(self, stack: AsyncExitStack) -> None:
        settings, url = self.settings, self.settings.database_url
        self.pool = await stack.enter_async_context(open_pool(url))
        box, place = SecretBox(settings.secrets_keys), describe(url)
        self.store = Store(self.pool, box, place)
        self.assembler = Assembler(settings, self.runner.stripper, box)
        self.resolver = await stack.enter_async_context(
            DatabaseResolver(url, Lookup(self.pool, place), self.assembler, settings.worker_domains)
        )
        self.trial = Trial(self.resolver, self.runner.dispatcher)
        # Another pool: whatever workers ask, requests find their workers.
        self.runner.world.pool = await stack.enter_async_context(
            open_pool(url, most=_WORKERS_CONNECTIONS)
        )
        for duty in (make_kv_purge(self.pool), make_asset_sweep(self.pool, settings)):
            duty.start()
            stack.push_async_callback(duty.stop)


class NoFrontPage:
    """Says nothing: whatever addresses no worker is an error."""

    def page(self, request: object) -> None:
        return None
