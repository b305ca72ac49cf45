"""The settings of a runner: the only module that reads the environment.

A ``.env`` file in the current folder fills what the process environment does not set. Importing this must stay cheap:
``isolane run`` reads it before anything else happens.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import msgspec

from pools.protocol import Mode
from runner.backup.settings import BACKUP_TABLE, Method
from runner.env_file import read_env
from runner.errors import ConfigError
from runner.http_tasks.settings import HTTP_TASKS_TABLE
from runner.ops.limits import DEFAULT_OP_LIMITS, OpLimit
from runner.service_settings import (
    SECRET_VARIABLES,
    SecretKey,
    compose_database_url,
    parse_control_token,
    parse_control_url,
    parse_database_url,
    parse_nats_credentials,
    parse_nats_servers,
    parse_secrets_key,
)
from runner.tasks_server.settings import TASKS_SERVER_TABLE
from runner.telemetry.settings import parse_otlp_endpoint, parse_otlp_headers, parse_service_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MIB: Final = 1 << 20
_LONGEST_NAME: Final = 100


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set; the meaning is in the public contract under the variable's name."""

    mode: Mode = Mode.PINNED
    lanes: int = 1
    hosts: int = 1
    processes: int = 1
    """Runner processes of one ``serve``, which share lanes, hosts and places in the queue."""
    scheduling: str = "batch"
    """Of the event loop's thread: ``batch`` or ``normal``."""
    max_queued: int = 10
    worker_wait_timeout_ms: int = 10_000
    isolate_pool_size: int = 1000
    isolate_queue_size: int = 10
    isolate_queue_timeout_ms: int = 5000
    max_isolates_per_tenant: int = 10
    max_concurrent_per_worker: int = 10
    max_concurrent_per_tenant: int = 8
    heap_initial_mb: int = 10
    heap_max_mb: int = 50
    cpu_time_limit_ms: int = 100
    wall_clock_timeout_ms: int = 64_000
    context_reuse: str = "off"
    v8_flags: str = ""
    v8_jitless: bool = False
    sandbox: str = "auto"
    http_addr: Address = Address("0.0.0.0", 8080)  # noqa: S104
    control_addr: Address = Address("127.0.0.1", 9420)
    control_token: str = ""
    """Without one, the API is closed."""
    control_url: str = ""
    """Where the verbs of the command line find a runner's API."""
    http_pool_max_idle_per_host: int = 100
    worker_domains: tuple[str, ...] = ("workers.rocks",)
    trusted_proxies: tuple[str, ...] = ("loopback",)
    """Networks; ``loopback`` stands for 127.0.0.0/8 and ::1."""
    fetch_allow_private_network: bool = False
    fetch_allowed_networks: tuple[str, ...] = ()
    """Networks that ``fetch`` may reach although they are not public."""
    max_request_body_bytes: int = 10 * MIB
    drain_timeout_ms: int = 30_000
    expose_errors: bool = True
    op_limits: dict[str, OpLimit] = msgspec.field(default_factory=DEFAULT_OP_LIMITS.copy)
    cache_bytes: int = 64 * MIB
    """Of the Cache API, in this process."""
    cache_tenant_bytes: int = 16 * MIB
    assets_cache_bytes: int = 64 * MIB
    """Of workers' static files, in this process."""
    code_cache_entries: int = 5000
    code_cache_bytes: int = 512 * MIB
    log_retention_days: int = 7
    """Of console lines and scheduled events; 0 = for ever."""
    log_retention_lines: int = 10_000
    """Of one worker; 0 = all."""
    log_level: str = "info"
    log_format: str = "auto"
    no_colour: bool = False
    database_url: str = ""
    database_sessions: int = 15
    """Of workers, in all their databases."""
    nats_servers: tuple[str, ...] = ()
    nats_credentials: str = ""
    """The content of a credentials file, however it was given."""
    secrets_keys: tuple[SecretKey, ...] = ()
    """The first seals."""
    job_concurrency: int = 5
    """Tasks at once, of one executor."""
    job_timeout_ms: int = 300_000
    """Of tasks that say nothing, nor their queues or handlers."""
    job_worker_id: str = ""
    """The executor's name; empty: made of host, process and chance."""
    job_task_types: tuple[str, ...] = ()
    """Globs of the tasks that are executed; none: all, and tasks without a type."""
    job_poll_ms: int = 1000
    job_lease_ms: int = 6000
    job_rescue_ms: int = 1000
    max_pending_tasks: int = 1_000_000
    """Of one tenant; 0: any number."""
    task_table: str = "ow_tasks"
    """Of ``db-listen``."""
    backup_method: Method = "LOCAL"
    backup_folder: Path = Path("backups")
    backup_cron: str = ""
    """When backups are made; empty: by hand only."""
    backup_timezone: str = "UTC"
    backup_keep: int = 14
    """So many; 0: all."""
    backup_endpoint: str = ""
    """Empty: Amazon's."""
    backup_access_key: str = ""
    backup_secret_key: str = ""
    backup_session_token: str = ""
    backup_bucket: str = ""
    backup_path: str = ""
    backup_region: str = ""
    tasks_addr: Address | None = None
    """Where the tasks server listens beside the control listener."""
    tasks_registration_token: str = ""
    """Of who may register owners; empty: clients of this machine, ``open``: anybody."""
    tasks_rate_requests: int = 10
    """Of one client to the tasks server in one window; 0: any number."""
    tasks_rate_window_ms: int = 60_000
    tasks_certificates_folder: Path | None = None
    """Where certificates lie that tasks name by path."""
    tasks_tls_cert: Path | None = None
    tasks_tls_key: Path | None = None
    tasks_tls_ca: Path | None = None
    http_tasks_concurrency: int = 200
    """HTTP tasks that are sent at once; 0: this runner sends none."""
    http_tasks_networks: dict[UUID, tuple[str, ...]] = {}
    """Networks that an owner's HTTP tasks may reach although they are not public."""
    connectivity_hostname: str = ""
    """HTTP tasks wait until this name is resolved; empty: for nothing."""
    otlp_endpoint: str = ""
    """The base of a collector's OTLP/HTTP addresses; empty: no telemetry leaves the runner."""
    otlp_service_name: str = "openworkers-runner"
    otlp_headers: tuple[tuple[str, str], ...] = ()
    otlp_traces_per_second: int = 5
    """Of each worker; errors come on top. 0: errors only."""
    snapshot_dir: Path = Path(".isolane")
    host_writable_folders: list[str] = []
    """Where hosts may write in spite of their sandbox: for tools that measure them."""
    host_environ: dict[str, str] = {}
    """The whole environment of isolate hosts: no secret of the runner's reaches them."""


# --- how a variable's text becomes a value; a ValueError's text says what is allowed ------------------------------


def _whole(least: int, most: int = 1 << 53) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            upper = f" to {most}" if most < 1 << 53 else " or more"
            raise ValueError(f"a whole number, {least}{upper}, is allowed")
        return int(text)

    return parse


def _flag(text: str) -> bool:
    values = {"true": True, "1": True, "yes": True, "on": True}
    values |= {"false": False, "0": False, "no": False, "off": False}
    if text.lower() not in values:
        raise ValueError("true or false is allowed")
    return values[text.lower()]


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        for name in names:
            if text.lower() == name.lower():
                return name
        raise ValueError(f"{', '.join(names[:-1])} or {names[-1]} is allowed")

    return parse


def _mode(text: str) -> Mode:
    return Mode(_one_of(*Mode)(text))


def _text(text: str) -> str:
    return text


def parse_address(text: str) -> Address:
    """Return ``HOST:PORT``, ``[V6]:PORT``, ``:PORT`` or ``PORT`` as an address.

    Raises
    ------
    ValueError
        It is none of those.

    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("HOST:PORT is allowed, an IPv6 address in brackets")
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise ValueError("HOST:PORT is allowed, with a port up to 65535")
    return Address(host or "0.0.0.0", int(port))  # noqa: S104


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip().lower().strip(".") for part in text.split(",") if part.strip(" ."))


def _networks(text: str) -> tuple[str, ...]:
    import ipaddress

    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in parts:
        if part == "loopback":
            continue
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise ValueError(
                f"a comma list of addresses and networks (10.0.0.0/8, loopback) is allowed, {part!r} is none"
            ) from None
    return parts


def _globs(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts or any(len(part) > _LONGEST_NAME or not part.isprintable() for part in parts):
        raise ValueError(
            f"a comma list of types with * and ? (email:*,report:*) is allowed, each up to {_LONGEST_NAME} characters"
        )
    return parts


def _executor_name(text: str) -> str:
    if len(text) > _LONGEST_NAME or not text.isprintable():
        raise ValueError(f"a name of up to {_LONGEST_NAME} printable characters is allowed")
    return text


def _op_limit(text: str) -> OpLimit:
    total, slash, at_once = text.partition("/")
    if not (total.isdigit() and (at_once.isdigit() or not slash)):
        raise ValueError("TOTAL or TOTAL/AT_ONCE is allowed, e.g. 50/6; 0 = off")
    return OpLimit(int(total), int(at_once or 0))


TABLE: Final[tuple[tuple[str, str, Callable[[str], Any]], ...]] = (
    ("V8_EXECUTE", "mode", _mode),
    ("WORKER_POOL_SIZE", "lanes", _whole(1, 1024)),
    ("ISOLATE_HOSTS", "hosts", _whole(1, 1024)),
    ("RUNNER_PROCESSES", "processes", _whole(1, 256)),
    ("RUNNER_SCHEDULING", "scheduling", _one_of("batch", "normal")),
    ("MAX_QUEUED_WORKERS", "max_queued", _whole(1)),
    ("WORKER_WAIT_TIMEOUT_MS", "worker_wait_timeout_ms", _whole(0)),
    ("ISOLATE_POOL_SIZE", "isolate_pool_size", _whole(1)),
    ("ISOLATE_QUEUE_SIZE", "isolate_queue_size", _whole(0)),
    ("ISOLATE_QUEUE_TIMEOUT_MS", "isolate_queue_timeout_ms", _whole(0)),
    ("MAX_ISOLATES_PER_TENANT", "max_isolates_per_tenant", _whole(1)),
    ("MAX_CONCURRENT_PER_WORKER", "max_concurrent_per_worker", _whole(1)),
    ("MAX_CONCURRENT_PER_TENANT", "max_concurrent_per_tenant", _whole(1)),
    ("ISOLATE_HEAP_INITIAL_MB", "heap_initial_mb", _whole(1, 4096)),
    ("ISOLATE_HEAP_MAX_MB", "heap_max_mb", _whole(8, 4096)),
    ("CPU_TIME_LIMIT_MS", "cpu_time_limit_ms", _whole(0)),
    ("WALL_CLOCK_TIMEOUT_MS", "wall_clock_timeout_ms", _whole(0)),
    ("CONTEXT_REUSE", "context_reuse", _one_of("off", "warm")),
    ("V8_FLAGS", "v8_flags", _text),
    ("V8_JITLESS", "v8_jitless", _flag),
    ("ISOLATE_SANDBOX", "sandbox", _one_of("auto", "required", "off")),
    ("HTTP_ADDR", "http_addr", parse_address),
    ("CONTROL_ADDR", "control_addr", parse_address),
    ("CONTROL_TOKEN", "control_token", parse_control_token),
    ("CONTROL_URL", "control_url", parse_control_url),
    ("HTTP_POOL_MAX_IDLE_PER_HOST", "http_pool_max_idle_per_host", _whole(0)),
    ("WORKER_DOMAINS", "worker_domains", _names),
    ("TRUSTED_PROXIES", "trusted_proxies", _networks),
    ("MAX_REQUEST_BODY_BYTES", "max_request_body_bytes", _whole(0)),
    ("DRAIN_TIMEOUT_MS", "drain_timeout_ms", _whole(0)),
    ("EXPOSE_ERRORS", "expose_errors", _flag),
    ("CACHE_MAX_BYTES", "cache_bytes", _whole(0)),
    ("CACHE_MAX_BYTES_PER_TENANT", "cache_tenant_bytes", _whole(0)),
    ("ASSETS_CACHE_MAX_BYTES", "assets_cache_bytes", _whole(0)),
    ("SNAPSHOT_CACHE_MAX", "code_cache_entries", _whole(0)),
    ("CODE_CACHE_MAX_BYTES", "code_cache_bytes", _whole(0)),
    ("LOG_RETENTION_DAYS", "log_retention_days", _whole(0, 36_500)),
    ("LOG_RETENTION_LINES", "log_retention_lines", _whole(0)),
    ("LOG_LEVEL", "log_level", _one_of("debug", "info", "warning", "error")),
    ("LOG_FORMAT", "log_format", _one_of("auto", "pretty", "json")),
    ("DATABASE_URL", "database_url", parse_database_url),
    ("DB_POOL_WORKER_SIZE", "database_sessions", _whole(1, 10_000)),
    ("NATS_SERVERS", "nats_servers", parse_nats_servers),
    ("NATS_CREDENTIALS", "nats_credentials", parse_nats_credentials),
    ("SECRETS_KEY", "secrets_keys", parse_secrets_key),
    ("JOB_CONCURRENCY", "job_concurrency", _whole(0, 10_000)),
    ("JOB_TIMEOUT", "job_timeout_ms", _whole(1, (1 << 31) - 1)),
    ("JOB_WORKER_ID", "job_worker_id", _executor_name),
    ("JOB_TASK_TYPES", "job_task_types", _globs),
    ("JOB_POLL_INTERVAL", "job_poll_ms", _whole(10, 3_600_000)),
    ("JOB_LOCK_DURATION", "job_lease_ms", _whole(1000, 3_600_000)),
    ("JOB_STALE_CHECK_INTERVAL", "job_rescue_ms", _whole(100, 3_600_000)),
    ("MAX_PENDING_TASKS_PER_TENANT", "max_pending_tasks", _whole(0, (1 << 31) - 1)),
    ("TASK_TABLE", "task_table", _text),
    *BACKUP_TABLE,
    ("BACKUP_FOLDER", "backup_folder", Path),
    ("BACKUP_KEEP", "backup_keep", _whole(0, 100_000)),
    ("TASKS_ADDR", "tasks_addr", parse_address),
    *TASKS_SERVER_TABLE,
    *HTTP_TASKS_TABLE,
    ("OTLP_ENDPOINT", "otlp_endpoint", parse_otlp_endpoint),
    ("OTLP_SERVICE_NAME", "otlp_service_name", parse_service_name),
    ("OTLP_HEADERS", "otlp_headers", parse_otlp_headers),
    ("OTLP_TRACES_PER_SECOND", "otlp_traces_per_second", _whole(0, 1_000_000)),
    ("SNAPSHOT_DIR", "snapshot_dir", Path),
)


class Variables(NamedTuple):
    """What is set, by where it is set; the process wins."""

    process: dict[str, str]
    file: dict[str, str]


def read_variables(
    environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Variables:
    """Return the process environment, and what ``.env`` in ``folder`` (default: the current one) says.

    Raises
    ------
    EnvFileError
        ``.env`` can not be read.

    """
    env_file = (folder or Path.cwd()) / ".env"
    file = read_env(env_file) if env_file.is_file() else {}
    return Variables(dict(os.environ if environ is None else environ), file)


def load_settings(
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings from the process environment and from ``.env`` in ``folder`` (default: the current one).

    ``defaults`` are a command's own, by variable.

    Raises
    ------
    ConfigError
        A variable's value can not be used.
    EnvFileError
        ``.env`` can not be read.

    """
    given = read_variables(environ, folder)
    variables = {**(defaults or {}), **given.file, **given.process}

    values: dict[str, Any] = {}
    for name, field, parse in TABLE:
        text = variables.get(name, "").strip()
        if text:
            values[field] = _parsed(name, text, parse)
    values["no_colour"] = bool(variables.get("NO_COLOR"))  # https://no-color.org
    values["op_limits"] = _op_limits(variables)
    values |= _fetch_networks(variables)
    host = variables.get("POSTGRES_HOST", "").strip()
    if host and "database_url" not in values:
        values["database_url"] = _parsed(
            "POSTGRES_HOST", host, lambda _: compose_database_url(variables)
        )
    _derive(values, variables)
    return Settings(**values)


def _parsed(name: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        shown = "***" if name in SECRET_VARIABLES else text
        raise ConfigError(name, shown, str(error)) from None


def _op_limits(variables: Mapping[str, str]) -> dict[str, OpLimit]:
    limits = dict(DEFAULT_OP_LIMITS)
    for op in limits:
        name = f"LIMIT_{op.upper()}"
        if text := variables.get(name, "").strip():
            limits[op] = _parsed(name, text, _op_limit)
    return limits


def _fetch_networks(variables: Mapping[str, str]) -> dict[str, Any]:
    name = "FETCH_ALLOW_PRIVATE_NETWORK"
    text = variables.get(name, "").strip()
    if not text:
        return {}
    try:
        return {"fetch_allow_private_network": _flag(text)}
    except ValueError:
        pass
    try:
        return {"fetch_allowed_networks": _networks(text)}
    except ValueError:
        allowed = "true, false or a comma list of networks is allowed"
        raise ConfigError(name, text, allowed) from None


def _derive(values: dict[str, Any], variables: Mapping[str, str]) -> None:
    """Fill what depends on other settings or on the machine."""
    lanes = values.setdefault("lanes", len(os.sched_getaffinity(0)))
    pooled = values.get("mode") is Mode.POOLED
    processes = values.get("processes", 1)
    hosts = values.setdefault("hosts", processes if pooled else lanes)
    if processes > min(lanes, hosts):
        raise ConfigError(
            "RUNNER_PROCESSES",
            str(processes),
            f"each needs a lane and a host, and WORKER_POOL_SIZE={lanes} and ISOLATE_HOSTS={hosts} are all there are",
        )
    if hosts > lanes:
        raise ConfigError(
            "ISOLATE_HOSTS",
            str(hosts),
            f"at most one host for each of the {lanes} lanes is allowed",
        )
    values.setdefault("max_queued", lanes * 10)
    # A fifth of a tenant's isolates is for what its workers call.
    isolates = lanes * values.get("max_isolates_per_tenant", 10)
    values.setdefault("max_concurrent_per_tenant", max(1, isolates * 4 // 5))
    initial, most = values.get("heap_initial_mb", 10), values.get("heap_max_mb", 50)
    if initial > most:
        raise ConfigError(
            "ISOLATE_HEAP_INITIAL_MB",
            str(initial),
            f"at most ISOLATE_HEAP_MAX_MB ({most}) is allowed",
        )
    coverage = {name: text for name, text in variables.items() if name.startswith("COVERAGE_")}
    values["host_environ"] = {"TZ": "UTC", "LC_ALL": "C.UTF-8"} | coverage
    # Coverage writes what it measured when a host ends, into the folder of the project that is measured.
    values["host_writable_folders"] = [str(Path(__file__).resolve().parents[1])] if coverage else []
