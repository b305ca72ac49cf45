"""The composition root: builds the runner's parts and wires them; nothing else does."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from pools.protocol import Mode
from runner.admission import Admission, AdmissionLimits
from runner.builder import Builder
from runner.code_cache import CodeCaches
from runner.dispatch import Dispatcher
from runner.lane_client import LaneClient
from runner.ops.registry import Ops
from runner.snapshots import open_snapshot, read_strip_tool
from runner.supervisor import Supervisor
from runner.telemetry.observer import UNOBSERVED
from runner.typescript import TypeStripper
from runner.world import World

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from typing import Self

    from runner.api.listener import ControlListener
    from runner.background import Background
    from runner.backup.child import Made
    from runner.calls import Calls
    from runner.config import Settings
    from runner.exchange import Resolver
    from runner.hosts import Host
    from runner.http_tasks.sender import HttpTasks
    from runner.ingress.http import FrontPage
    from runner.ingress.server import HttpServer
    from runner.journal import Journal
    from runner.lifecycle import Signals
    from runner.nats.connection import Bus
    from runner.nats.fetch import NatsIngress
    from runner.nats.gateway import GatewayServer
    from runner.spawn import HostProcess
    from runner.store.asset_sweep import AssetSweep
    from runner.store.kv_purge import KvPurge
    from runner.store.pool import Pool
    from runner.store.session import Store
    from runner.tasks.engine import TaskEngine
    from runner.tasks.executor import Executor
    from runner.tasks_server.listener import TasksListener
    from runner.tasks_server.server import TasksServer
    from runner.telemetry.observer import Observer
    from runner.telemetry.service import Telemetry
    from runner.trial import Trial

_MARGIN_MS: Final = 2000


_REFUSAL_MS: Final = 100


def _admission_limits(settings: Settings) -> AdmissionLimits:
    pools = settings.hosts if settings.mode is Mode.POOLED else settings.lanes
    return AdmissionLimits(
        total=pools * settings.isolate_pool_size,
        per_tenant=settings.max_concurrent_per_tenant,
        isolates_per_tenant=settings.lanes * settings.max_isolates_per_tenant,
        per_worker=settings.max_concurrent_per_worker,
        waiting=settings.max_queued,
        wait_timeout_ms=settings.worker_wait_timeout_ms,
        refusal_ms=_REFUSAL_MS,
    )


class Runner:
    """Hosts, lanes, ops and dispatch: whatever runs executions. ``async with`` opens it.

    ``started`` is a host's process that runs already.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        started: HostProcess | None = None,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.settings = settings
        self.journal = journal
        self.observer = observer
        self.world = World(settings)
        self.fetch = self.world.fetch
        self.ops = Ops(self.world.handlers(), observer)
        self.caches = CodeCaches(settings.code_cache_entries, settings.code_cache_bytes)
        self.supervisor = Supervisor(settings, lambda: open_snapshot(settings), self._make_lane)
        self.dispatcher = Dispatcher(
            self.supervisor,
            settings.mode,
            settings.worker_wait_timeout_ms,
            settings.max_isolates_per_tenant,
        )
        self.admission = Admission(_admission_limits(settings))
        self.stripper = TypeStripper(self.dispatcher, read_strip_tool)
        self._started = started
        self._stack = AsyncExitStack()

    def _make_lane(self, name: str, host: Host) -> LaneClient:
        return LaneClient(
            name,
            host,
            self.ops,
            self.journal,
            self.caches,
            self.settings.isolate_queue_timeout_ms,
            self.observer,
        )

    def builder(self, tenant: str) -> Builder:
        return Builder(self.settings, self.stripper, tenant)

    def make_calls(self, resolver: Resolver) -> Calls:
        """Return what answers fetch events, with the workers that the resolver finds."""
        from runner.calls import Calls
        from runner.exchange import Serving
        from runner.ops.internal import InternalRoutes

        settings = self.settings
        serving = Serving(
            resolver,
            self.admission,
            self.dispatcher,
            self.journal,
            settings.max_request_body_bytes,
            settings.expose_errors,
            self.observer,
        )
        calls = Calls(serving)
        self.fetch.stay_inside(InternalRoutes(calls, settings.worker_domains))
        return calls

    async def __aenter__(self) -> Self:
        """Start the hosts.

        Raises
        ------
        HostStartError
            One can not serve.

        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.world.close)
            stack.push_async_callback(self.ops.close)
            stack.push_async_callback(self.supervisor.close)
            await self.supervisor.start(self._started)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()


def make_http(
    calls: Calls, front: FrontPage, trusted_proxies: Iterable[str], sock: socket.socket
) -> HttpServer:
    """Return the server that feeds the HTTP ingress from a listening socket."""
    from runner.ingress.http import HttpIngress
    from runner.ingress.proxies import TrustedProxies
    from runner.ingress.server import HttpServer

    ingress = HttpIngress(calls.serving, front, TrustedProxies(trusted_proxies))
    return HttpServer(ingress, sock, websockets=True)


@asynccontextmanager
async def serve_nats(bus: Bus, calls: Calls) -> AsyncIterator[NatsIngress]:
    """Serve requests from NATS, and say so there; whoever opens this stops accepting before it drains.

    Raises
    ------
    NatsUnavailableError
        The connection is closed.

    """
    from importlib.metadata import version

    from runner.nats.fetch import GROUP, SUBJECTS, NatsIngress
    from runner.nats.micro import MicroService

    instance = bus.client.new_inbox().rpartition(".")[2]
    service = MicroService(bus, version("isolane"), SUBJECTS, GROUP, instance)
    ingress = NatsIngress(bus, calls, service)
    await ingress.start()
    await service.start()
    await bus.publish("boot", b"0")
    try:
        yield ingress
    finally:
        await service.close()
        await ingress.close()


@asynccontextmanager
async def open_gateway(
    settings: Settings, bus: Bus, journal: Journal, sock: socket.socket
) -> AsyncIterator[GatewayServer]:
    """Serve HTTP on a listening socket, with the runners at the other side of the bus.

    Raises
    ------
    NatsUnavailableError
        The connection is closed.

    """
    from runner.ingress.proxies import TrustedProxies
    from runner.ingress.server import HttpServer
    from runner.nats.gateway import Gateway, GatewayServer
    from runner.nats.requester import Requester

    # A runner says itself when its limits are reached: this is for one that says nothing.
    limit_ms = settings.wall_clock_timeout_ms
    timeout_ms = limit_ms + settings.worker_wait_timeout_ms + _MARGIN_MS if limit_ms else 0
    requester = Requester(bus, timeout_ms / 1000)
    gateway = Gateway(
        requester,
        TrustedProxies(settings.trusted_proxies),
        journal,
        settings.worker_domains,
        settings.max_request_body_bytes,
    )
    server = GatewayServer(gateway, HttpServer(gateway, sock))
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def make_kv_purge(pool: Pool) -> KvPurge:
    """Return the duty that deletes expired keys, to be started and stopped with the pool."""
    from runner.store.kv import KvStore
    from runner.store.kv_purge import KvPurge

    return KvPurge(KvStore(pool))


def make_asset_sweep(pool: Pool, settings: Settings) -> AssetSweep:
    """Return the duty that removes static files nobody refers to, to be started and stopped with the pool."""
    from runner.store.asset_sweep import AssetSweep
    from runner.store.assets import AssetStore
    from runner.store.pool import describe

    return AssetSweep(AssetStore(pool, describe(settings.database_url)))


def make_telemetry(settings: Settings) -> Telemetry:
    """Return what counts, and traces if it is set; its observer is for the runner."""
    from runner.telemetry.service import Telemetry

    return Telemetry(settings)


def make_metrics(
    control: ControlListener, telemetry: Telemetry, runner: Runner, pool: Pool, bus: Bus
) -> None:
    """Serve the metrics, with those of the runner's parts among them."""
    from runner.api.metrics import metrics_endpoint
    from runner.telemetry.gauges import DatabaseGauges, NatsGauges, RunnerGauges

    telemetry.watch(RunnerGauges(runner.supervisor, runner.admission, runner.caches))
    telemetry.watch(DatabaseGauges("store", pool.get_stats))
    telemetry.watch(NatsGauges(bus))
    control.add([metrics_endpoint(telemetry.render)])


def make_api(
    control: ControlListener,
    runner: Runner,
    store: Store,
    pool: Pool,
    settings: Settings,
    trial: Trial,
) -> None:
    """Serve the API for what tenants have; ``settings`` are those with the addresses of what is there."""
    from runner.api.databases import DatabaseServer
    from runner.api.v1 import tenant_endpoints
    from runner.publish import Publisher
    from runner.store.assets import AssetStore
    from runner.store.kv import KvStore
    from runner.store.pool import describe
    from runner.store.secrets import SecretBox

    assets = AssetStore(pool, describe(settings.database_url))
    server = DatabaseServer(pool, settings.database_url, SecretBox(settings.secrets_keys))
    publisher = Publisher(store, runner.stripper)
    control.add(tenant_endpoints(store, publisher, KvStore(pool), assets, server, trial))


@asynccontextmanager
async def open_tasks(settings: Settings, bus: Bus) -> AsyncIterator[TaskEngine]:
    """Open the durable queue; what happens to its tasks in this process is told on the bus."""
    import asyncio

    from runner.tasks.engine import open_engine
    from runner.tasks.publisher import TaskEventPublisher

    async with open_engine(
        settings.database_url, most_pending=settings.max_pending_tasks
    ) as engine:
        publisher = TaskEventPublisher(bus, engine.events)
        telling = asyncio.get_running_loop().create_task(publisher.run(), name="tasks: events")
        try:
            yield engine
        finally:
            telling.cancel()
            await asyncio.wait([telling])


def make_tasks_api(
    control: ControlListener,
    store: Store,
    engine: TaskEngine,
    bus: Bus,
    executors: Callable[[], Sequence[Executor]],
) -> None:
    """Serve the API for the durable queue, and what this process's executors of it say."""
    from runner.api.executors import ExecutorsApi
    from runner.api.scope import Scope
    from runner.api.task_feed import TaskFeedApi
    from runner.api.task_rules import QueuesApi, TaskSchedulesApi, TenantQueuesApi
    from runner.api.tasks import AllTasksApi, TasksApi

    scope = Scope(store)
    # Words before ids: /tasks/stats is no task.
    control.add([
        *TaskFeedApi(scope, bus).endpoints(),
        *QueuesApi(engine).endpoints(),
        *TenantQueuesApi(scope, engine).endpoints(),
        *TaskSchedulesApi(scope, engine).endpoints(),
        *TasksApi(scope, engine).endpoints(),
        *AllTasksApi(engine).endpoints(),
        *ExecutorsApi(executors).endpoints(),
    ])  # fmt: skip


@asynccontextmanager
async def open_backups(settings: Settings, telemetry: Telemetry) -> AsyncIterator[None]:
    """Have backups made as ``BACKUP_CRON`` says; nothing without it.

    Raises
    ------
    ConfigError
        The place of backups lacks something.

    """
    if not settings.backup_cron:
        yield
        return
    import os
    import socket

    from runner.backup.child import Job
    from runner.backup.ledger import BackupLedger
    from runner.backup.places import place_settings
    from runner.backup.process import make_in_process
    from runner.backup.schedule import BackupSchedule
    from runner.schedules.clock import SystemClock
    from runner.schedules.cron import parse_cron

    url, place, keep = settings.database_url, place_settings(settings), settings.backup_keep

    def make(name: str) -> Awaitable[Made]:
        return make_in_process(Job(database_url=url, place=place, name=name, keep=keep))

    cron = parse_cron(settings.backup_cron, settings.backup_timezone)
    async with BackupLedger(url, f"{socket.gethostname()}:{os.getpid()}") as ledger:
        schedule = BackupSchedule(ledger, cron, make, SystemClock())
        telemetry.watch(schedule)
        schedule.start()
        try:
            yield
        finally:
            await schedule.stop()


def make_tasks_server(settings: Settings, engine: TaskEngine) -> TasksServer:
    """Return the tasks server, to be opened; what it does to tasks is told as by the queue."""
    from runner.tasks_server.owner_routes import RegistrationRule
    from runner.tasks_server.rate_limit import RateLimit
    from runner.tasks_server.server import ServerOptions, TasksServer

    options = ServerOptions(
        settings.database_url,
        settings.secrets_keys,
        RateLimit(settings.tasks_rate_requests, settings.tasks_rate_window_ms),
        RegistrationRule.of(settings.tasks_registration_token),
        settings.tasks_certificates_folder,
    )
    return TasksServer(options, engine.events)


def make_http_tasks(settings: Settings, server: TasksServer) -> HttpTasks:
    """Return what sends HTTP tasks; certificates that owners uploaded are the server's."""
    from runner.http_tasks.sealing import TaskSealing
    from runner.http_tasks.sender import HttpTasks
    from runner.http_tasks.surroundings import Connectivity, Surroundings
    from runner.store.secrets import SecretBox

    around = Surroundings(
        Connectivity(settings.connectivity_hostname),
        server.uploads.contents,
        folder=settings.tasks_certificates_folder,
        allow_all=settings.fetch_allow_private_network,
        base=settings.fetch_allowed_networks,
        networks=settings.http_tasks_networks,
    )
    return HttpTasks(TaskSealing(SecretBox(settings.secrets_keys)), around)


def describe_tasks_server(control: ControlListener) -> None:
    """Have the control listener's document tell of the tasks server."""

    def describe() -> Mapping[str, Any]:
        from runner.tasks_server.openapi import describe_api

        return describe_api()

    control.add_description(describe)


def make_tasks_listener(
    settings: Settings, server: TasksServer, sock: socket.socket
) -> TasksListener:
    """Return the tasks server's own listener, to be started."""
    from runner.tasks_server.listener import TasksListener, open_tls

    app = server.application(settings.trusted_proxies)
    return TasksListener(app, sock, open_tls(settings))


def make_logs_api(control: ControlListener, store: Store, background: Background) -> None:
    """Serve the API for console lines."""
    from runner.api.logs import LogsApi
    from runner.api.scope import Scope

    control.add(LogsApi(Scope(store), background.table, background.tails).endpoints())


def health_checks(pool: Pool, bus: Bus) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return what raises when a server that the runner stands on is away."""

    async def postgres() -> None:
        # A connection is tested before it is lent.
        async with pool.connection():
            pass

    async def nats() -> None:
        if not bus.connected:
            raise ConnectionError(bus.place)

    return {"PostgreSQL": postgres, "NATS": nats}


def make_control(
    control: ControlListener,
    runner: Runner,
    signals: Signals,
    checks: Mapping[str, Callable[[], Awaitable[None]]],
) -> None:
    """Have the control listener tell of a runner that serves now, and end it when it is asked to."""
    from runner.api.administration import Administration

    supervisor, admission = runner.supervisor, runner.admission
    control.probes.started(lambda: len(supervisor.lanes), lambda: admission.draining, checks)
    administration = Administration(
        supervisor, admission, runner.settings.mode, lambda: control.probes.state, signals.ask
    )
    control.add(administration.endpoints(), complete=True)
