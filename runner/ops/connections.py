"""Connections for ``fetch``: a pool whose every new connection goes to an address that was judged first.

The judged address is the one connected to, so that a name can not change its mind in between; name and certificate
checks still see the name. Must not know requests or redirects.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

import httpcore

from runner.ops.exchange import Connection
from runner.ops.failures import code_of, failure, why_not

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.ops.addresses import AddressPolicy

CONNECT_S: Final = 5.0
_KEEP_S: Final = 30.0
"""How long a connection waits for its next request."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves, judges, connects."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        shown = f"{host}:{port}"
        try:
            async with asyncio.timeout(CONNECT_S):
                addresses = await self._resolve(host, port)
                allowed = [address for address in addresses if self._policy.allows(address)]
                if not allowed:
                    raise failure(f"{host} is not a public address", "EACCES")
                return await self._connect(allowed, port, local_address, socket_options)
        except TimeoutError:
            raise failure(f"no connection to {shown} within {CONNECT_S:g} s", "ETIMEDOUT") from None
        except httpcore.ConnectError as error:
            raise failure(f"{shown} {why_not(error)}", code_of(error)) from None

    async def _resolve(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        if host.endswith(".localhost"):
            host = "localhost"  # RFC 6761, 6.3: not every resolver knows
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise failure(f"there is no host {host}", "ENOTFOUND") from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def _connect(
        self,
        addresses: list[str],
        port: int,
        local_address: str | None,
        options: Iterable[Any] | None,
    ) -> httpcore.AsyncNetworkStream:
        last: httpcore.ConnectError | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, local_address=local_address, socket_options=options
                )
            except httpcore.ConnectError as error:
                last = error
        assert last is not None
        raise last

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def tls_context() -> ssl.SSLContext:
    """Return what servers' certificates are checked with; HTTP/1.1 is what we speak."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class GuardedPool(httpcore.AsyncConnectionPool):
    """The connections of all executions; each is one of ours, through the guard."""

    def __init__(self, policy: AddressPolicy, max_idle: int) -> None:
        self._backend = GuardedBackend(policy)
        self._tls = tls_context()
        super().__init__(
            # Executions are bounded, and so are the ops of each.
            max_connections=None,
            max_keepalive_connections=max_idle,
        )

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return Connection(origin, self._backend, self._tls, _KEEP_S)
