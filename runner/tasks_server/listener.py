"""A listener of the tasks server's own, with TLS if there is a certificate. Must not know what is served."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from runner.config import Address
from runner.errors import ConfigError
from runner.ingress.server import HttpServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from runner.config import Settings

_FINISH_S = 5.0


def open_tls(settings: Settings) -> ssl.SSLContext | None:
    """Return what TLS needs; None without a certificate.

    Raises
    ------
    ConfigError
        A file is none that can be used.

    """
    cert, key, ca = settings.tasks_tls_cert, settings.tasks_tls_key, settings.tasks_tls_ca
    if cert is None:
        if key is not None or ca is not None:
            variable, path = ("PATH_TLS_KEY", key) if key is not None else ("PATH_TLS_CA", ca)
            raise ConfigError(variable, f"{path}", "it is allowed with PATH_TLS_CERT only")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load("PATH_TLS_CERT", cert, lambda: context.load_cert_chain(cert, key))
    if ca is not None:
        # What the certificate's file lacks of its chain is taken from here.
        _load("PATH_TLS_CA", ca, lambda: context.load_verify_locations(ca))
    return context


def _load(variable: str, path: Path, load: Callable[[], object]) -> None:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        allowed = "a PEM file with certificates is allowed, and with their key or PATH_TLS_KEY"
        reason = getattr(error, "reason", None) or error.strerror or "it can not be read"
        raise ConfigError(variable, f"{path}", f"{reason}; {allowed}") from None


def check_tasks_server(settings: Settings) -> None:
    """Find out before anything is started what the listener could not be opened with.

    Raises
    ------
    ConfigError
        It can not be.

    """
    open_tls(settings)
    if settings.tasks_addr is not None and not settings.secrets_keys:
        raise ConfigError(
            "TASKS_ADDR",
            f"{settings.tasks_addr}",
            "it is allowed with SECRETS_KEY only, which seals tasks at rest",
        )


def tasks_url(settings: Settings, where: Address | socket.socket) -> str:
    """Return where the listener is, for people."""
    scheme = "https" if settings.tasks_tls_cert is not None else "http"
    address = where if isinstance(where, Address) else Address(*where.getsockname()[:2])
    return f"{scheme}://{address}"


class TasksListener:
    """Serves the tasks server on a listening socket."""

    def __init__(
        self, app: Callable[..., Awaitable[None]], sock: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        self._server = HttpServer(app, sock, tls=tls)

    async def start(self) -> None:
        await self._server.start()

    def stop_accepting(self) -> None:
        self._server.stop_accepting()

    async def finish(self) -> None:
        """Answer what has been asked."""
        await self._server.finish(_FINISH_S)

    async def close(self) -> None:
        await self._server.close()
