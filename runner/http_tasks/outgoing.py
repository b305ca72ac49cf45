"""What is sent first: the request that a task describes, the same for both transports. Must not know connections, nor redirects."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlencode, urlsplit

import msgspec

from runner.http_tasks.errors import ExchangeError
from runner.http_tasks.model import Credentials
from runner.http_tasks.signature import sign
from runner.ops.locations import DEFAULT_PORTS, locate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from runner.http_tasks.model import HttpRequest, HttpTask

    Headers: TypeAlias = list[tuple[str, str]]

# Framing is the transports', and a body's length and end are never a task's word; nor is which task it is.
_NOT_TAKEN: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-tasks-estimate-next-retry-at",
        "x-tasks-queue-id",
        "x-tasks-retry-count",
        "x-tasks-retry-limit",
    }
)
_NO_FIELD: Final = re.compile(r"[\0\r\n]")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Outgoing(msgspec.Struct):
    """One request; redirects change it. ``body`` is None for methods that have none."""

    method: str
    url: str
    headers: Headers
    body: bytes | None = None
    redirects: int = 0
    at_home: bool = True
    """It goes to the origin that the task names: credentials go along."""

    @property
    def origin(self) -> tuple[str, str, int]:
        return origin_of(self.url)

    def named(self, name: str) -> bool:
        """Tell whether there is such a header; ``name`` in small letters."""
        return any(one.lower() == name for one, _ in self.headers)

    def drop(self, names: Iterable[str]) -> None:
        self.headers = [header for header in self.headers if header[0].lower() not in names]


class Incoming(msgspec.Struct):
    """An answer, whole. Header names are in small letters."""

    status: int
    headers: Headers
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for one, value in self.headers if one == name]


def first_request(task: HttpTask, tracing: Headers) -> Outgoing:
    """Return the request that goes out first; ``tracing`` are the headers that say which task and attempt it is.

    Raises
    ------
    ExchangeError
        A header can not be sent.

    """
    request, config = task.request, task.config
    url, user = _without_user(_with_query(request))
    outgoing = Outgoing(request.method, url, list(request.headers.items()))
    outgoing.drop(_NOT_TAKEN)
    if request.method not in {"GET", "DELETE"}:
        outgoing.body, content_type = _body(request)
        if content_type.startswith("multipart"):
            outgoing.drop({"content-type"})
        if content_type and not outgoing.named("content-type"):
            outgoing.headers.append(("Content-Type", content_type))
    outgoing.headers.append(("User-Agent", config.user_agent))
    if not outgoing.named("accept"):
        outgoing.headers.append(("Accept", "*/*"))
    if config.referer_url != "AUTO" and not outgoing.named("referer"):
        outgoing.headers.append(("Referer", config.referer_url))
    outgoing.headers += tracing
    basic = request.auth_basic or user
    if basic is None and request.auth_digest is None and request.auth_aws_sigv4 is None:
        basic = config.location_trusted
    if basic is not None:
        outgoing.drop({"authorization"})
        outgoing.headers.append(("Authorization", basic_header(basic)))
    for name, value in outgoing.headers:
        if not _TOKEN.fullmatch(name) or _NO_FIELD.search(value):
            raise ExchangeError(f"the header {name[:64]!r} can not be sent", "EINVAL")
    return outgoing


def signed(outgoing: Outgoing, task: HttpTask, seconds: int) -> Headers:
    """Return the header that signs this very request; none where it was redirected to somebody else."""
    signature = task.config.signature
    if signature is None or not outgoing.at_home:
        return []
    return [(signature.header, sign(signature.secret, seconds, outgoing.body or b""))]


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)


def target_of(url: str) -> str:
    """Return path and query, as a request line has them."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def basic_header(credentials: Credentials) -> str:
    text = f"{credentials.username}:{credentials.password}"
    return f"Basic {b64encode(text.encode()).decode()}"


def _with_query(request: HttpRequest) -> str:
    url = request.url.partition("#")[0]
    if not request.query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(request.query)}"


def _without_user(url: str) -> tuple[str, Credentials | None]:
    """Return a URL that can be fetched, and the credentials that stood in it."""
    parts = urlsplit(url)
    user = None
    if parts.username is not None:
        user = Credentials(username=unquote(parts.username), password=unquote(parts.password or ""))
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return located(url, ""), user


def located(base: str, location: str) -> str:
    try:
        return locate(base, location)
    except ValueError as error:
        why = str(error) if str(error).startswith(("which", "a URL")) else "which is no URL"
        where = "" if not location else f"redirected to {location[:200]!r}, "
        raise ExchangeError(f"{where}{why}", "EINVAL") from None


def _body(request: HttpRequest) -> tuple[bytes, str]:
    """Return a body and its type; empty for none."""
    data = request.data
    if data is None:
        return b"", ""
    if isinstance(data, str):
        # The original's word, which its receivers know.
        return data.encode(), "plain/text"
    if isinstance(data, dict):
        return msgspec.json.encode(data), "application/json"
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(field.name)}"\r\n\r\n{field.value}\r\n'
        for field in data
    ]
    text = "".join(parts) + f"--{boundary}--\r\n"
    return text.encode(), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    # https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
