"""The tasks server as an ASGI application: which handler a request is for, who asks, how often, and how the answer goes out.

Lean on purpose: a request costs a dictionary look-up, no task of its own and no timer. Must not know what handlers do.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from runner.errors import DatabaseUnavailableError
from runner.tasks_server.calls import MAX_BODY_BYTES, Answer, Call, Route
from runner.tasks_server.clients import client_address
from runner.tasks_server.errors import Refused, failed, no_route, too_large, unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from runner.ingress.proxies import TrustedProxies
    from runner.tasks_server.owners import Owners
    from runner.tasks_server.rate_limit import Throttle

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    Scope = dict[str, Any]
    Headers = list[tuple[bytes, bytes]]
    Paths = Mapping[tuple[str, ...], Mapping[str, Route]]

_log = logging.getLogger(__name__)
_SECURITY: Final = [
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=15552000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"x-xss-protection", b"0"),
    (b"cache-control", b"no-store"),
]
_JSON: Final = (b"content-type", b"application/json")
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_READ: Final = frozenset({
    b"authorization", b"content-length", b"content-type", b"forwarded", b"host", b"origin", b"x-forwarded-for",
    b"x-tasks-owner-id",
})  # fmt: skip
_INDENT: Final = 4
_MAX_DRAINED_BYTES: Final = 1 << 20
"""A body that is too large is read up to here, so that its sender gets to read the answer."""
PARAMETER: Final = ":"
"""What a path has in the place of a name."""


class _LeftError(Exception):
    """The client left before its body was there."""


class Application:
    """``paths`` are by their parts, with ``":"`` for a name: ``("v1", "queues", ":")``."""

    def __init__(
        self, paths: Paths, owners: Owners, throttle: Throttle, proxies: TrustedProxies
    ) -> None:
        self._paths = paths
        self._owners = owners
        self._throttle = throttle
        self._proxies = proxies
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        query, pretty = _without_pretty(scope["query_string"])
        counted: dict[str, str] = {}
        headers: Headers
        try:
            answer = await self._answer(scope, receive, query, counted)
            content = answer.content
            if isinstance(content, bytes):
                status, body, headers = answer.status, content, [_TEXT]
            else:
                status, body, headers = answer.status, self._encode(content), [_JSON]
                if pretty:
                    body = msgspec.json.format(body, indent=_INDENT)
        except _LeftError:
            return
        except Exception as error:  # noqa: BLE001 - every failure is an answer
            refusal = _refusal(error)
            status, body = refusal.status, refusal.body(pretty=pretty)
            headers = [_JSON] if body else []
            counted |= refusal.headers
        headers += _SECURITY
        headers += [(name.encode(), value.encode()) for name, value in counted.items()]
        headers.append((b"content-length", b"%d" % len(body)))
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, scope: Scope, receive: Receive, query: bytes, counted: dict[str, str]
    ) -> Answer:
        headers = {name: value for name, value in scope["headers"] if name in _READ}
        peer = scope["client"]
        client = client_address(peer[0], headers, self._proxies) if peer else ""
        if self._throttle.on:
            counted |= await self._throttle.admit(client)
        route, name = self._find(scope["path"], scope["method"])
        call = Call(name, query, headers, client)
        if not route.open:
            call.owner = await self._owners.authenticate(
                headers.get(b"authorization", b"").decode("latin-1"),
                headers.get(b"x-tasks-owner-id", b"").decode("latin-1"),
            )
        if route.has_body:
            call.body = await _read(receive, headers)
        return await route.handler(call)

    def _find(self, path: str, method: str) -> tuple[Route, str]:
        parts = tuple(path.split("/")[1:])
        methods = self._paths.get(parts)
        name = parts[2] if len(parts) > 2 else ""
        if methods is None and name:
            methods = self._paths.get((*parts[:2], PARAMETER, *parts[3:]))
        if methods is None:
            raise no_route()
        found = methods.get("GET" if method == "HEAD" else method)
        if found is None:
            allow = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
            raise Refused(
                HTTPStatus.METHOD_NOT_ALLOWED, None, empty=True, headers={"allow": ", ".join(allow)}
            )
        return found, name


def _without_pretty(query: bytes) -> tuple[bytes, bool]:
    if b"pretty" not in query:
        return query, False
    parts = query.split(b"&")
    others = [part for part in parts if part.partition(b"=")[0] != b"pretty"]
    return b"&".join(others), len(others) < len(parts)


async def _read(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > _MAX_DRAINED_BYTES:
        raise _cut_off()
    message = await receive()
    body: bytes = message.get("body", b"")
    size = len(body)
    while message.get("more_body", False):
        message = await receive()
        piece = message.get("body", b"")
        size += len(piece)
        if size <= MAX_BODY_BYTES:
            body += piece
        elif size > _MAX_DRAINED_BYTES:
            raise _cut_off()
    if message["type"] == "http.disconnect":
        raise _LeftError
    if size > MAX_BODY_BYTES:
        raise too_large()
    return body


def _cut_off() -> Refused:
    refusal = too_large()
    refusal.headers["connection"] = "close"
    return refusal


def _refusal(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case DatabaseUnavailableError():
            _log.warning("the tasks server has no database: %s", error)
            return unavailable("The database can not be reached")
        case _:
            _log.exception("the tasks server failed", exc_info=error)
            return failed()
