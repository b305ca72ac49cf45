"""The fetch event: what an HTTP request says, freed of what only the runner may know.

Must not know ASGI servers, lanes or how a worker is found.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from runner.errors import NotResolvedError
from runner.events.context import EventContext
from runner.events.trace import parse_traceparent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_HOST: Final = re.compile(r"[A-Za-z0-9._~-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_NOT_IN_VALUE: Final = re.compile(r"[\x00\r\n]|[^\x00-\xff]")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_TARGET: Final = re.compile(r"[!-~]*")
_REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")
_FORWARDED: Final = re.compile(
    r"""(?:^|;)\s*(?P<name>proto|host)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^;,"]*))""",
    re.IGNORECASE,
)
_REFUSED_TOKENS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})
_MAX_TRACESTATE: Final = 1024
"""It goes out with whatever the worker fetches; the standard wants 512 characters at least to be handed on."""
_OURS: Final = (b"x-worker-", b"x-isolane-")
# Their values decide something here; all others go to the worker unseen.
_SEEN: Final = frozenset(
    {
        b"accept",
        b"connection",
        b"content-length",
        b"forwarded",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"traceparent",
        b"tracestate",
        b"transfer-encoding",
        b"upgrade",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-forwarded-for",
        b"x-request-id",
        b"x-worker-id",
        b"x-worker-name",
    }
)
_OF_CONNECTION: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_OF_PROXIES: Final = frozenset(
    {b"forwarded", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-for"}
)


class RequestIds:
    """Makes ids of 128 bits: unique, not secret, without a system call each."""

    def __init__(self) -> None:
        # Seeded by the operating system.
        self._bits = random.Random().getrandbits  # noqa: S311 - no cryptography

    def __call__(self) -> str:
        return f"{self._bits(128):032x}"


class FetchEvent(msgspec.Struct, frozen=True, tag="fetch", gc=False):
    """``eventJson`` of the boundary."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: Literal["bytes", "stream"] | None


_encode: Final = msgspec.json.Encoder().encode


class Request:
    """An HTTP request: what the worker gets to see, and what the runner needs to serve it."""

    __slots__ = (
        "content_length",
        "has_body",
        "headers",
        "host",
        "id",
        "method",
        "route",
        "scheme",
        "target",
        "traceparent",
        "tracestate",
        "wants_json",
        "worker_id",
        "worker_name",
    )

    def __init__(self, method: str, scheme: str, target: str) -> None:
        self.method = method
        self.scheme = scheme
        self.host = ""
        self.target = target
        """Path and query, as sent."""
        self.headers: list[tuple[str, str]] = []
        """For the worker, in the order they came; lower-case names."""
        self.id = ""
        self.worker_id = ""
        self.worker_name = ""
        self.route = ""
        """The pattern of the project's route that led to the worker, when one did."""
        self.traceparent = ""
        self.tracestate = ""
        self.content_length: int | None = None
        self.has_body = False
        self.wants_json = False

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.target}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def context(self, came_by: Mapping[str, str] | None = None) -> EventContext:
        """Return where the event comes from."""
        if not self.traceparent:
            return EventContext(request_id=self.id, came_by=came_by)
        trace = parse_traceparent(self.traceparent)
        return EventContext(
            request_id=self.id,
            trace=trace,
            came_by=came_by,
            tracestate=self.tracestate if trace and len(self.tracestate) <= _MAX_TRACESTATE else "",
        )

    def event(self, body: Literal["bytes", "stream"] | None) -> bytes:
        return _encode(FetchEvent(self.method, self.url, self.headers, body))


def read_request(
    method: str,
    scheme: str,
    target: str,
    headers: Sequence[tuple[bytes, bytes]],
    *,
    trusted: bool,
    server: str,
    new_id: Callable[[], str],
) -> Request:
    """Sort the headers of a request; names are lower-case already.

    ``trusted``: it comes from a proxy whose ``forwarded``, ``x-worker-*`` and ``x-request-id`` headers count; from others they are
    dropped. ``server`` is our address, for HTTP/1.0 requests without a host; ``new_id()`` gives a request id.

    Raises
    ------
    NotResolvedError
        It has no valid host, or a method that no worker can serve.

    """
    request = Request(method, scheme, target)
    kept = request.headers
    seen: dict[bytes, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        if name in _SEEN:
            if name == b"host" and b"host" in seen:
                raise NotResolvedError(400, "the request has two Host headers")
            seen[name] = f"{seen[name]}, {text}" if name in seen else text
            if (
                name in _OF_CONNECTION
                or (not trusted and name in _OF_PROXIES)
                or name == b"x-request-id"
            ):
                continue
        if not name.startswith(_OURS):
            kept.append((name.decode("latin-1"), text))

    request.host = seen.get(b"host", "") or server
    if trusted:
        request.worker_id = seen.get(b"x-worker-id", "")
        request.worker_name = seen.get(b"x-worker-name", "")
        _take_forwarded(request, seen)
    given = seen.get(b"x-request-id", "") if trusted else ""
    request.id = given if _REQUEST_ID.fullmatch(given) else new_id()
    kept.append(("x-request-id", request.id))
    request.wants_json = "application/json" in seen.get(b"accept", "")
    if b"traceparent" in seen:
        request.traceparent = seen[b"traceparent"]
        request.tracestate = seen.get(b"tracestate", "")
    length = seen.get(b"content-length")
    if length is not None:
        request.content_length = int(length) if length.isascii() and length.isdigit() else 0
    request.has_body = bool(request.content_length) or b"transfer-encoding" in seen
    if method in _REFUSED_TOKENS:
        raise NotResolvedError(405, f"the method {method} is not served")
    if not _HOST.fullmatch(request.host):
        raise NotResolvedError(400, "the Host header is no host")
    return request


# A request that is made has no connection, and whoever makes it is no proxy.
_NOT_TAKEN: Final = frozenset(
    name.decode() for name in {*_OF_CONNECTION, b"content-length", b"host", b"x-request-id"}
)
_OF_PROXIES_TEXT: Final = frozenset(name.decode() for name in _OF_PROXIES)
_OURS_TEXT: Final = tuple(prefix.decode() for prefix in _OURS)


def make_request(
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    *,
    request_id: str,
    body_size: int | None = None,
    trusted: bool = False,
) -> Request:
    """Return a request that came over no connection of its own: from a worker, or in a message.

    ``url`` is absolute, as WHATWG's URL serialises it. ``headers`` may have names in any case; those of the runner, of
    connections and (but for a ``trusted`` sender) of proxies are dropped. ``body_size``: bytes, if that is known and there is a
    body. Who it is for can be said with ``worker_id`` or ``worker_name`` afterwards; else the host says it.

    Raises
    ------
    NotResolvedError
        The URL or a header is none that HTTP could have, or it is a method that no worker can serve.

    """
    scheme, host, target = _parts_of(url)
    if method in _REFUSED_TOKENS or not _TOKEN.fullmatch(method):
        raise NotResolvedError(405, f"the method {method[:64]} is not served")
    request = Request(method, scheme, target)
    request.host = host
    request.id = request_id
    kept = request.headers
    kept.append(("host", host))
    for name, value in headers:
        lower = name.lower()
        if (
            lower in _NOT_TAKEN
            or lower.startswith(_OURS_TEXT)
            or (not trusted and lower in _OF_PROXIES_TEXT)
        ):
            continue
        if not _TOKEN.fullmatch(name) or _NOT_IN_VALUE.search(value):
            raise NotResolvedError(400, f"the header {name[:64]!r} is none that HTTP could have")
        if lower == "accept":
            request.wants_json = request.wants_json or "application/json" in value
        kept.append((lower, value))
    if body_size is not None:
        request.content_length = body_size
        kept.append(("content-length", f"{body_size}"))
    kept.append(("x-request-id", request_id))
    return request


def _parts_of(url: str) -> tuple[str, str, str]:
    """Return scheme, host and target."""
    scheme, colon, rest = url.partition("://")
    end = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
    host, target = rest[:end].rpartition("@")[2], rest[end:].partition("#")[0]
    if not target.startswith("/"):
        target = f"/{target}"
    scheme = scheme.lower()
    if not colon or scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise NotResolvedError(400, "the URL is none that can be served")
    if not _TARGET.fullmatch(target):
        raise NotResolvedError(400, "the URL has characters that must be encoded")
    return scheme, host, target


def _take_forwarded(request: Request, seen: dict[bytes, str]) -> None:
    """Believe what the proxy says of scheme and host: RFC 7239 first, then what was there before it."""
    scheme = seen.get(b"x-forwarded-proto", "").partition(",")[0].strip()
    host = seen.get(b"x-forwarded-host", "").partition(",")[0].strip()
    if forwarded := seen.get(b"forwarded", ""):
        for match in _FORWARDED.finditer(forwarded.partition(",")[0]):
            value = match["quoted"] if match["quoted"] is not None else match["plain"].strip()
            if match["name"].lower() == "proto":
                scheme = value
            else:
                host = value
    if scheme.lower() in {"http", "https"}:
        request.scheme = scheme.lower()
    if host:
        request.host = host
