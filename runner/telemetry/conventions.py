"""What spans are called and what they say, by OpenTelemetry's semantic conventions for HTTP, FaaS and databases.

https://opentelemetry.io/docs/specs/semconv/. Names of our own begin with ``isolane.``. Neither queries of URLs, which carry
tenants' tokens, nor texts of tenants' errors are said. Must not know OpenTelemetry's SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pools.protocol import Mode, Outcome
    from runner.telemetry.observer import AttributeValue, OpSpan, Run
    from runner.telemetry.tracing import EndedEvent

    Attributes: TypeAlias = dict[str, AttributeValue]

_TRIGGERS: Final = {"fetch": "http", "scheduled": "timer", "task": "pubsub"}
_MAX_TEXT: Final = 1024
"""Characters of what clients and tenants choose: thousands of spans may wait to be sent."""
_DATABASES: Final = {
    "kv": ("postgresql", "kv_data"),
    "database": ("postgresql", ""),
    "storage": ("aws.s3", ""),
}


def event_name(event: EndedEvent) -> str:
    """Return ``GET {route or worker}``, or ``{kind} {worker}``."""
    target = event.attributes.get("http.route") or event.line.worker
    first = event.line.method if event.context.kind == "fetch" else event.context.kind
    return f"{first} {target}"


def event_attributes(event: EndedEvent, mode: Mode) -> Attributes:
    context, line, deployment = event.context, event.line, event.deployment
    said: Attributes = {
        "faas.trigger": _TRIGGERS.get(context.kind, "other"),
        "faas.name": deployment.name,
        "faas.version": f"{deployment.version}",
        "faas.invocation_id": context.request_id,
        "isolane.tenant.id": deployment.tenant,
        "isolane.worker.id": deployment.worker,
        "isolane.mode": f"{mode}",
    }
    if context.hops:
        said["isolane.hops"] = context.hops
    if event.observation.runs:
        said["faas.coldstart"] = event.observation.runs[0].cold
    if context.kind == "fetch":
        said |= _http(line.method, line.url)
        if line.status:
            said["http.response.status_code"] = line.status
    if line.outcome is not None:
        said["isolane.outcome"] = f"{line.outcome}"
    if event.failed:
        said["error.type"] = error_type(event)
    if context.came_by is not None:
        said.update(context.came_by)
    said.update(event.attributes)
    return said


def error_type(event: EndedEvent) -> str:
    """Return the outcome when that is what failed, else the status."""
    outcome = event.line.outcome
    return f"{outcome}" if outcome is not None and outcome != "ok" else f"{event.line.status}"


def run_attributes(run: Run) -> Attributes:
    said: Attributes = {"isolane.lane": run.lane, "faas.coldstart": run.cold}
    if run.outcome is not None:
        usage = run.outcome.usage
        said |= {
            "isolane.outcome": f"{run.outcome.kind}",
            "isolane.cpu_time_ms": usage.cpu_us / 1000,
            "isolane.turns": usage.turns,
        }
        if usage.heap_bytes:
            said["isolane.heap_bytes"] = usage.heap_bytes
        if _failed(run.outcome):
            said["error.type"] = f"{run.outcome.kind}"
    return said


def _failed(outcome: Outcome) -> bool:
    return outcome.kind not in {"ok", "aborted"}


def op_name(op: OpSpan) -> str:
    """Return the method for a request, as clients of HTTP call their spans, else the op's name."""
    method = op.attributes.get("http.request.method")
    return f"{method}" if method else op.name


def op_attributes(op: OpSpan) -> Attributes:
    """Return what an op's name says, and what its handler noted."""
    said: Attributes = {"isolane.op": op.name}
    service, _, operation = op.name.partition(".")
    if service in _DATABASES:
        system, collection = _DATABASES[service]
        said["db.system.name"] = system
        said["db.operation.name"] = operation or service
        if collection:
            said["db.collection.name"] = collection
    if op.error:
        said["error.type"] = op.error
    return said | op.attributes


def client_attributes(method: str, url: str) -> Attributes:
    """Return what is said of a request to the world: its URL without query and login."""
    said = _http(method, url)
    if "server.address" in said:
        host, port = f"{said['server.address']}", said.get("server.port")
        host = f"[{host}]" if ":" in host else host
        place = host if port is None else f"{host}:{port}"
        said["url.full"] = f"{said['url.scheme']}://{place}{said['url.path']}"
    return said


def _http(method: str, url: str) -> Attributes:
    said: Attributes = {"http.request.method": method[:_MAX_TEXT]}
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return said
    said["url.path"] = (parts.path or "/")[:_MAX_TEXT]
    if parts.scheme:
        said["url.scheme"] = parts.scheme
    if host:
        said["server.address"] = host[:_MAX_TEXT]
    if port is not None:
        said["server.port"] = port
    return said
