"""httpx's transport interface over connections that were judged: what ``httpx.AsyncHTTPTransport`` does, with our backend.

httpx's own transport makes its pool itself, without a place for a network backend. Like it, this one sends a request as
it is and hands its response over undecoded. A connection belongs to the tenant that a request names as its extension
``tenant``, and nobody else's request goes over it: what one tenant could leave in a connection must not be another's
answer. Must not know redirects, ops or executions.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Final

import httpcore
import httpx

from runner.ops.connections import GuardedPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.ops.addresses import AddressPolicy

_ERRORS: Final[dict[type[BaseException], type[httpx.TransportError]]] = {
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.ProtocolError: httpx.ProtocolError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
}
_RAISED: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ProtocolError,
)


class _Place(httpcore.Origin):
    """Where a connection leads, and whose it is: the pool takes only one that is equal."""

    def __init__(self, origin: httpcore.Origin, tenant: str) -> None:
        super().__init__(origin.scheme, origin.host, origin.port)
        self._tenant = tenant

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Place) and self._tenant == other._tenant and super().__eq__(other)

    __hash__ = None  # type: ignore[assignment] # as its base


class _Target(httpcore.URL):
    """A URL as one tenant asks for it."""

    tenant = ""

    @property
    def origin(self) -> httpcore.Origin:
        return _Place(super().origin, self.tenant)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Owns the connections of all executions. What the guard refuses is its ``OpError``, not an error of httpx."""

    def __init__(self, policy: AddressPolicy, max_idle: int) -> None:
        self._pool = GuardedPool(policy, max_idle)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        extensions = dict(request.extensions)
        target = _Target(
            scheme=url.raw_scheme,
            host=url.raw_host,
            port=url.port,
            target=extensions.pop("target", url.raw_path),
        )
        target.tenant = extensions.pop("tenant", "")
        sent = httpcore.Request(
            request.method,
            target,
            headers=request.headers.raw,
            content=request.stream,
            extensions=extensions,
        )
        try:
            response = await self._pool.handle_async_request(sent)
        except _RAISED as error:
            raise _mapped(error) from error
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Received(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Received(httpx.AsyncByteStream):
    """A response's body as it came."""

    def __init__(self, response: httpcore.Response) -> None:
        assert isinstance(response.stream, AsyncIterable)
        self._response = response
        self._chunks = response.stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except _RAISED as error:
            raise _mapped(error) from error

    async def aclose(self) -> None:
        await self._response.aclose()


def _mapped(error: Exception) -> httpx.TransportError:
    """Return httpx's own for an error of httpcore's, by its nearest base that has one."""
    kind = next(base for base in type(error).__mro__ if base in _ERRORS)
    return _ERRORS[kind](str(error))
