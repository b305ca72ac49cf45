"""Requests of a document's stages: one goes out, its redirects are followed, its answer comes in whole and bounded.

Every address is judged, the very one that is connected to. Which places are trusted is said with each request; a redirect to another origin is
somebody else's wish, and never trusted. Must not know events.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpcore
import httpx

from runner.errors import OpError
from runner.ops.addresses import AddressPolicy
from runner.ops.connections import GuardedBackend
from runner.ops.decoding import ACCEPTED, decoder_for, encoding_of
from runner.ops.failures import why_not
from runner.pipelines.stages.http_message import shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SECRETS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_OF_BODY: Final = frozenset({"content-type", "content-length", "content-encoding"})
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PREFIX: Final = "fetch failed: "


class Request(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


class Answer(NamedTuple):
    status: int
    headers: dict[str, Any]
    """By names in lower case; ``set-cookie`` is a list."""
    body: bytes
    charset: str


class NoAnswerError(Exception):
    """There is no answer; the text says why."""

    def __init__(self, reason: str, *, may_pass: bool = True) -> None:
        self.may_pass = may_pass
        super().__init__(reason)


class _Backend(GuardedBackend):
    """Goes where the operator's ``--map`` says, without judging that."""

    def __init__(self, policy: AddressPolicy, place: Callable[[str, int], tuple[str, int]]) -> None:
        super().__init__(policy)
        self._place = place
        self._open = GuardedBackend(AddressPolicy(allow_all=True))

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        mapped = self._place(host, port)
        if mapped != (host, port):
            return await self._open.connect_tcp(*mapped)
        return await super().connect_tcp(host, port)


class HttpClient:
    """Keeps connections for later requests; ``place`` is the context's."""

    def __init__(
        self,
        judged: AddressPolicy,
        place: Callable[[str, int], tuple[str, int]],
        tls: ssl.SSLContext,
        *,
        timeout_s: float,
        max_bytes: int,
        redirects: int,
    ) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._redirects = redirects
        self._judged, self._trusted = (
            httpcore.AsyncConnectionPool(
                ssl_context=tls,
                max_connections=None,
                max_keepalive_connections=20,
                keepalive_expiry=15,
                network_backend=_Backend(policy, place),
            )
            for policy in (judged, AddressPolicy(allow_all=True))
        )

    async def send(self, request: Request, *, trusted: bool, always: bool) -> Answer:
        """Return the answer after all redirects.

        ``trusted``: the request's origin may be any address; ``always``: so may those of redirects.

        Raises
        ------
        NoAnswerError
            It did not come, or not in time, or has too many bytes.

        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(request, trusted=trusted, always=always)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {self._timeout_s:g} s") from None
        except OpError as error:
            refused = error.code == "EACCES"
            hint = "; allowPrivate: true lets this stage reach it" if refused else ""
            reason = error.message.removeprefix(_PREFIX)
            raise NoAnswerError(reason + hint, may_pass=not refused) from error
        except httpcore.ConnectError as error:
            passing = not isinstance(_root(error), ssl.SSLCertVerificationError)
            raise NoAnswerError(f"the server {why_not(error)}", may_pass=passing) from error
        except httpcore.LocalProtocolError as error:
            raise NoAnswerError(f"this is no HTTP: {error}", may_pass=False) from error
        except (httpcore.ProtocolError, httpcore.NetworkError) as error:
            raise NoAnswerError(f"the server left or speaks no HTTP: {error}") from error

    async def close(self) -> None:
        await self._judged.aclose()
        await self._trusted.aclose()

    async def _follow(self, request: Request, *, trusted: bool, always: bool) -> Answer:
        url = parse_url(request.url)
        origin = _origin(url)
        for _ in range(self._redirects + 1):
            near = always or (trusted and _origin(url) == origin)
            answer = await self._exchange(request, url, self._trusted if near else self._judged)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None or not self._redirects:
                return answer
            last, url = url, _joined(url, location)
            request = _redirected(request, answer.status, away=_origin(last) != _origin(url))
        raise NoAnswerError(f"more than {self._redirects} redirects", may_pass=False)

    async def _exchange(
        self, request: Request, url: httpx.URL, pool: httpcore.AsyncConnectionPool
    ) -> Answer:
        headers = {"host": url.netloc.decode("ascii"), "accept": "*/*", "accept-encoding": ACCEPTED}
        headers |= {"user-agent": "isolane-pipeline"}
        if url.userinfo:
            login = f"{url.username}:{url.password}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(login).decode()}"
        headers |= request.headers
        if request.body is not None:
            headers["content-length"] = str(len(request.body))
        elif request.method in {"POST", "PUT", "PATCH"}:
            headers["content-length"] = "0"
        sent = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=[(name.encode(), value.encode("utf-8")) for name, value in headers.items()],
            content=request.body,
        )
        response = await pool.handle_async_request(sent)
        try:
            found = _headers(response.headers)
            encoding = found.get("content-encoding", "") if request.method != "HEAD" else ""
            body = await self._read(response, encoding_of([encoding]))
        finally:
            await response.aclose()
        charset = httpx.Response(200, headers=response.headers).charset_encoding
        return Answer(response.status, found, body, charset or "utf-8")

    async def _read(self, response: httpcore.Response, encoding: str) -> bytes:
        decoder = decoder_for(encoding)
        assert isinstance(response.stream, AsyncIterable)
        pieces: list[bytes] = []
        size = 0
        async for chunk in response.stream:
            for piece in [chunk] if decoder is None else decoder.feed(chunk):
                size += len(piece)
                if size > self._max_bytes:
                    reason = f"the response has more than maxSize: {self._max_bytes} bytes"
                    raise NoAnswerError(reason, may_pass=False)
                pieces.append(piece)
        if decoder is not None and not decoder.complete:
            raise NoAnswerError("the response ends too early")
        return b"".join(pieces)


def parse_url(text: str) -> httpx.URL:
    """Return a URL that a request can go to.

    Raises
    ------
    NoAnswerError
        It is none.

    """
    shown = repr(shown_url(text))
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        # What is quoted behind a colon may be of a password.
        why = str(error).partition(": ")[0]
        raise NoAnswerError(f"{shown} is no URL: {why}", may_pass=False) from None
    host = url.raw_host.decode("ascii")
    if not _HOST.fullmatch(host) or not 0 < (url.port or 80) < 1 << 16:
        raise NoAnswerError(f"{shown} is no URL: its host or port can not be", may_pass=False)
    if url.scheme not in {"http", "https"}:
        raise NoAnswerError(f"{shown} is no URL of http or https", may_pass=False)
    return url


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _joined(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return parse_url(str(url.join(location)))
    except httpx.InvalidURL:
        raise NoAnswerError(
            f"a redirect leads to {shown_url(location)!r}", may_pass=False
        ) from None


def _redirected(request: Request, status: int, *, away: bool) -> Request:
    """Return the request of a redirect: without a body where browsers send none, and without secrets for another origin."""
    method, body, headers = request.method, request.body, dict(request.headers)
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, body = "GET", None
        headers = {name: value for name, value in headers.items() if name not in _OF_BODY}
    if away:
        headers = {name: value for name, value in headers.items() if name not in _SECRETS}
    return Request(method, "", headers, body)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            found.setdefault(name, []).append(value)
        else:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _root(error: BaseException) -> BaseException:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return cause
        error, cause = cause, cause.__cause__ or cause.__context__
    return error
