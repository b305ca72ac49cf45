"""An HTTP task as it was registered, checked and with its defaults: what the tasks server stores and the executor sends.

Source: the tasks server of seed 004. Times are milliseconds since 1970, durations milliseconds where the name does not say seconds.
Must not know where tasks come from, nor how they are sent. Stored as JSON, sealed; fields may be added with a default, and none may change.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

DEFAULT_USER_AGENT: Final = "Tasks-Server/1.0 (compatible; Linux x86_64; +http://tasks-server)"
MAX_RESPONSE_BYTES: Final = 32_768
Transport: TypeAlias = Literal["fetch", "curl"]
HttpVersion: TypeAlias = Literal["0.9", "1.0", "1.1", "2", "2-prior-knowledge"]
TlsVersion: TypeAlias = Literal["1.0", "1.1", "1.2", "1.3"]
Proto: TypeAlias = Literal["http", "https"]


class _Stored(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    pass


class Credentials(_Stored, frozen=True, kw_only=True):
    """For a server or a proxy."""

    username: str
    password: str


class AwsSigv4(_Stored, frozen=True, kw_only=True):
    """Signs the request as AWS wants it."""

    provider1: str
    provider2: str
    region: str
    service: str
    key: str
    secret: str


class Field(_Stored, frozen=True, kw_only=True):
    """Of a multipart body."""

    name: str
    value: str


class Cookie(_Stored, frozen=True, kw_only=True):
    """One to be sent."""

    name: str
    value: str


class HttpRequest(_Stored, frozen=True, kw_only=True):
    """What is asked, of whom."""

    url: str
    """Normalised."""
    method: Literal["GET", "POST", "DELETE", "PUT", "PATCH"]
    transport: Transport = "fetch"
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    data: str | list[Field] | dict[str, object] | None = None
    """Text is sent as ``plain/text``, fields as multipart, an object as JSON; none with GET and DELETE."""
    cookie: str | list[Cookie] | None = None
    """Text: a Netscape cookie file in base64."""
    auth_basic: Credentials | None = None
    auth_digest: Credentials | None = None
    auth_ntlm: Credentials | None = None
    auth_aws_sigv4: AwsSigv4 | None = None


class Certificate(_Stored, frozen=True, kw_only=True):
    """``value``: a path below the configured folder, base64 of the file's bytes, or ``upload:ID``."""

    value: str
    password: str | None = None


class Resolve(_Stored, frozen=True, kw_only=True):
    """Where a host's name leads."""

    host: str
    """``*``: any."""
    port: int
    address: list[str]


class Proxy(_Stored, frozen=True, kw_only=True):
    """It is asked for all requests of the task."""

    protocol: Proto
    host: str
    port: int


class Signature(_Stored, frozen=True, kw_only=True):
    """Of each request, over time and body, by HMAC-SHA256 with this secret."""

    secret: str
    header: str = "x-tasks-signature"


class HttpConfig(_Stored, frozen=True, kw_only=True):
    """When it is sent, how often, and how."""

    # Schedule
    execution_delay: int = 1
    execute_at: int | None = None
    execute_immediately: bool = False

    # Retry
    retry: int = 0
    retry_interval: int = 1
    retry_exponential: bool = True
    """The seed's word for linear growth: interval x n."""
    retry_backoff: Literal["fixed", "linear", "exponential"] | None = None
    """Ours; true exponential growth with jitter. None: what ``retry_exponential`` says."""
    retry_at: int | None = None
    ignore_status_code: list[int] = []

    # Timeout
    timeout: int = 30_000
    timeout_at: int | None = None

    # HTTP
    http_version: HttpVersion = "1.1"
    user_agent: str = DEFAULT_USER_AGENT
    ip_version: Literal[4, 6] = 4
    referer_url: str = "AUTO"
    keep_alive_duration: int = 30
    """Seconds; 0: none."""
    hsts: bool | str = False
    """Text: an HSTS cache file in base64."""
    session_id: bool = True
    insecure: bool = False
    trace_response_data: bool = True
    credentials: Literal["include", "omit", "same-origin"] | None = None
    referrer_policy: str | None = None
    mode: Literal["cors", "navigate", "no-cors", "same-origin"] | None = None
    signature: Signature | None = None

    # Certificates
    ca: str | None = None
    cert: Certificate | None = None
    cert_type: Literal["DER", "ENG", "P12", "PEM"] | None = None
    cert_status: bool = False
    key: str | None = None
    key_type: Literal["DER", "ENG", "PEM"] | None = None

    # Redirects
    location: bool = True
    redirect_attempts: int = 8
    location_trusted: Credentials | None = None
    proto: Proto | None = None
    proto_redirect: Proto | None = None

    # Network
    dns_server: list[str] = []
    resolve: list[Resolve] = []
    doh_url: str | None = None
    doh_insecure: bool = False
    tls_version: TlsVersion | None = None
    tls_max_version: TlsVersion | None = None

    # Proxy
    proxy: Proxy | None = None
    proxy_headers: dict[str, str] = {}
    proxy_insecure: bool = False
    proxy_http_version: Literal["1.0", "1.1"] = "1.1"
    proxy_auth_basic: Credentials | None = None
    proxy_auth_digest: Credentials | None = None
    proxy_auth_ntlm: Credentials | None = None
    ha_proxy_client_ip: str | None = None
    ha_proxy_protocol: bool = False


class HttpTask(_Stored, frozen=True, kw_only=True):
    """The whole."""

    request: HttpRequest
    config: HttpConfig
    metadata: dict[str, str] | None = None


class Answered(_Stored, frozen=True, kw_only=True):
    """How an attempt ended, for the task's row.

    ``status`` is the server's, or 408 (it took too long), 422 (its answer is too large), 500 (there was none). ``body`` is
    its answer, or what went wrong; None if it is not to be kept.
    """

    status: int
    body: bytes | None
    retry_after_s: float | None = None
    """What the server asked for."""
