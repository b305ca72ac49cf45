"""Which transport honours which option of an HTTP task: the one table, for those who register tasks and those who read of them.

An option that says the same as its default asks for nothing, and is never refused. Must not know how tasks are sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runner.http_tasks.model import HttpConfig, HttpRequest

if TYPE_CHECKING:
    import msgspec

    from runner.http_tasks.model import HttpTask, Transport

FETCH: Final[frozenset[Transport]] = frozenset({"fetch"})
CURL: Final[frozenset[Transport]] = frozenset({"curl"})
BOTH: Final = FETCH | CURL
NONE: Final[frozenset[Transport]] = frozenset()

REQUEST: Final[dict[str, frozenset[Transport]]] = {
    "url": BOTH,
    "method": BOTH,
    "transport": BOTH,
    "query": BOTH,
    "headers": BOTH,
    "data": BOTH,
    "cookie": BOTH,
    "auth_basic": BOTH,
    "auth_digest": BOTH,
    # libcurl as pycurl brings it is built without NTLM, which Microsoft has given up, too.
    "auth_ntlm": NONE,
    "auth_aws_sigv4": CURL,
}
CONFIG: Final[dict[str, frozenset[Transport]]] = {
    # Schedule, retry, timeout: the queue's
    "execution_delay": BOTH,
    "execute_at": BOTH,
    "execute_immediately": BOTH,
    "retry": BOTH,
    "retry_interval": BOTH,
    "retry_exponential": BOTH,
    "retry_backoff": BOTH,
    "retry_at": BOTH,
    "ignore_status_code": BOTH,
    "timeout": BOTH,
    "timeout_at": BOTH,
    # HTTP
    "http_version": CURL,
    "user_agent": BOTH,
    "ip_version": BOTH,
    "referer_url": BOTH,
    "keep_alive_duration": BOTH,
    "hsts": BOTH,
    "session_id": BOTH,
    "insecure": BOTH,
    "trace_response_data": BOTH,
    "credentials": FETCH,
    "referrer_policy": FETCH,
    "mode": FETCH,
    "signature": BOTH,
    # Certificates
    "ca": BOTH,
    "cert": BOTH,
    "cert_type": BOTH,
    "cert_status": CURL,
    "key": BOTH,
    "key_type": BOTH,
    # Redirects
    "location": BOTH,
    "redirect_attempts": BOTH,
    "location_trusted": BOTH,
    "proto": BOTH,
    "proto_redirect": BOTH,
    # Network
    "dns_server": BOTH,
    "resolve": BOTH,
    "doh_url": BOTH,
    "doh_insecure": BOTH,
    "tls_version": BOTH,
    "tls_max_version": BOTH,
    # Proxy
    "proxy": BOTH,
    "proxy_headers": BOTH,
    "proxy_insecure": BOTH,
    "proxy_http_version": CURL,
    "proxy_auth_basic": BOTH,
    "proxy_auth_digest": CURL,
    "proxy_auth_ntlm": NONE,
    "ha_proxy_client_ip": CURL,
    "ha_proxy_protocol": CURL,
}
VALUES: Final[dict[tuple[str, str], frozenset[Transport]]] = {
    # Engines are gone from OpenSSL.
    ("cert_type", "ENG"): NONE,
    ("key_type", "ENG"): NONE,
    ("tls_version", "1.0"): CURL,
    ("tls_version", "1.1"): CURL,
    ("tls_max_version", "1.0"): CURL,
    ("tls_max_version", "1.1"): CURL,
}
"""Values that fewer transports honour than their option."""


def not_honoured(task: HttpTask) -> str | None:
    """Return the first option, by its name in the API, that the task's transport does not honour; None if it honours all."""
    transport = task.request.transport
    return _first(task.request, REQUEST, transport) or _first(task.config, CONFIG, transport)


def _first(
    asked: HttpRequest | HttpConfig, table: dict[str, frozenset[Transport]], transport: Transport
) -> str | None:
    for name, by in table.items():
        value = getattr(asked, name)
        if isinstance(value, str):
            by = VALUES.get((name, value), by)
        if transport not in by and value != _default(type(asked), name):
            return _api_name(asked, name)
    return None


def _default(kind: type[msgspec.Struct], name: str) -> object:
    fields = kind.__struct_fields__
    return kind.__struct_defaults__[fields.index(name) - len(fields)]


def _api_name(asked: HttpRequest | HttpConfig, name: str) -> str:
    fields = type(asked).__struct_fields__
    return type(asked).__struct_encode_fields__[fields.index(name)]
