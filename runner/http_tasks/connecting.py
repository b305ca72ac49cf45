"""New connections of the transport ``fetch``: to a judged address, through a proxy if there is one, with the task's certificates.

Must not know requests, nor which connections there are already.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING, Any, Final

import h11
import httpcore

from runner.http_tasks.errors import ExchangeError
from runner.http_tasks.outgoing import basic_header
from runner.ops.connections import tls_context
from runner.ops.failures import code_of, why_not

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.http_tasks.identity import Identity
    from runner.http_tasks.model import HttpConfig
    from runner.http_tasks.outgoing import Headers
    from runner.http_tasks.session import Session

_CONNECT_S: Final = 5.0
"""For each address but the last, which has all the time that is left."""
_HEAD_BYTES: Final = 16_384
_READ_BYTES: Final = 4096
_OK: Final = range(200, 300)
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class RoutedBackend(httpcore.AsyncNetworkBackend):
    """Connects for one attempt. ``tunnel``: what goes through a proxy has to be a tunnel."""

    def __init__(self, session: Session, *, tunnel: bool) -> None:
        self._session = session
        self._tunnel = tunnel
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        network, proxy = self._session.network, self._session.config.proxy
        if proxy is None:
            return await self._connect(await network.addresses(host, port), host, port)
        addresses = await network.addresses(proxy.host, proxy.port)
        await network.allow_behind_proxy(host, port, addresses)
        stream = await self._connect(addresses, proxy.host, proxy.port)
        try:
            if proxy.protocol == "https":
                context = tls_context()
                if self._session.config.proxy_insecure:
                    _trust_all(context)
                stream = await stream.start_tls(context, server_hostname=proxy.host)
            if self._tunnel:
                await _open_tunnel(stream, host, port, proxy_fields(self._session.config))
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def _connect(
        self, addresses: list[str], host: str, port: int
    ) -> httpcore.AsyncNetworkStream:
        *before, last = addresses
        for address in before:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    return await self._inner.connect_tcp(address, port)
            except (TimeoutError, httpcore.ConnectError):
                continue
        try:
            return await self._inner.connect_tcp(last, port)
        except httpcore.ConnectError as error:
            raise ExchangeError(f"{host}:{port} {why_not(error)}", code_of(error)) from None

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def forwards(config: HttpConfig, scheme: str) -> bool:
    """Tell whether requests are not sent through a tunnel, but given to a proxy."""
    return config.proxy is not None and scheme == "http"


def proxy_fields(config: HttpConfig) -> Headers:
    """Return the headers that are for the proxy."""
    fields = list(config.proxy_headers.items())
    if config.proxy_auth_basic is not None:
        fields.append(("Proxy-Authorization", basic_header(config.proxy_auth_basic)))
    return fields


def context_of(config: HttpConfig, identity: Identity) -> ssl.SSLContext:
    """Return the TLS that a task wants.

    Raises
    ------
    ExchangeError
        OpenSSL does not take its certificates.

    """
    try:
        if identity.ca:
            # As with curl: these instead of the usual ones.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=identity.ca.decode("ascii"))
            context.set_alpn_protocols(["http/1.1"])
        else:
            context = tls_context()
        if config.tls_version is not None:
            context.minimum_version = _VERSIONS[config.tls_version]
        if config.tls_max_version is not None:
            context.maximum_version = _VERSIONS[config.tls_max_version]
        if config.insecure:
            _trust_all(context)
        if identity.certificate:
            _present(context, identity)
    except (ssl.SSLError, ValueError, KeyError) as error:
        reason = getattr(error, "reason", None) or "its values are none that OpenSSL takes"
        raise ExchangeError(f"TLS can not be set up: {reason}", "ERR_TLS_CERT_INVALID") from None
    return context


def _present(context: ssl.SSLContext, identity: Identity) -> None:
    """Load our certificate; OpenSSL's interface wants a file, which is one of memory that nobody else finds."""
    handle = os.memfd_create("identity", os.MFD_CLOEXEC)
    with os.fdopen(handle, "wb") as file:
        file.write(identity.key + identity.certificate)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{handle}")


def _trust_all(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


async def _open_tunnel(
    stream: httpcore.AsyncNetworkStream, host: str, port: int, fields: Headers
) -> None:
    """Have a proxy connect to a host (RFC 9110, 9.3.6)."""
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [("Host", authority), *fields]
    try:
        asked = h11.Request(method="CONNECT", target=authority, headers=headers)
        await stream.write(protocol.send(asked) or b"")
        while (event := protocol.next_event()) is h11.NEED_DATA or (
            isinstance(event, h11.InformationalResponse)
        ):
            if event is h11.NEED_DATA:
                protocol.receive_data(await stream.read(_READ_BYTES))
    except (h11.ProtocolError, httpcore.NetworkError):
        raise ExchangeError("the proxy does not speak HTTP as it should", "EPROTO") from None
    if not isinstance(event, h11.Response) or event.status_code not in _OK:
        status = event.status_code if isinstance(event, h11.Response) else "nothing"
        raise ExchangeError(f"the proxy answers {status}", "ECONNREFUSED")
