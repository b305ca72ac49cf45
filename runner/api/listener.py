"""The control listener: its socket, its server, and what it serves so far.

It listens before anything else starts, so that probes are answered, and until all else has ended.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from runner.api.application import Application
from runner.api.guard import Guard
from runner.api.probes import Probes
from runner.config import Address
from runner.errors import AddressError
from runner.ingress.server import HttpServer, bind

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    from starlette.types import ASGIApp

    from runner.api.endpoint import Endpoint

_FINISH_S = 1.0


class ControlListener:
    """Serves endpoints on a listening socket. ``async with`` opens it, with the probes alone."""

    def __init__(
        self, sock: socket.socket, token: str, front: Callable[[ASGIApp], ASGIApp] | None = None
    ) -> None:
        """``front`` makes of an application one that answers some requests itself."""
        self.address = Address(*sock.getsockname()[:2])
        self.token = token
        self.probes = Probes()
        self._app = Application(Guard(token, self.address.host), self.probes.endpoints())
        self._server = HttpServer(front(self._app) if front else self._app, sock)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def add(self, endpoints: Iterable[Endpoint], *, complete: bool = False) -> None:
        """Serve these, too; ``complete`` when nothing more will come."""
        self._app.add(endpoints, complete=complete)

    def add_description(self, describe_others: Callable[[], Mapping[str, Any]]) -> None:
        """Have ``/openapi.json`` tell of what the front answers."""
        self._app.add_description(describe_others)

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.stop_accepting()
        await self._server.finish(_FINISH_S)
        await self._server.close()


def bind_near(address: Address) -> socket.socket:
    """Listen on an address, or on any port of it when that one is taken.

    Raises
    ------
    AddressError
        It is no address of this machine.

    """
    try:
        return bind(address)
    except AddressError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError) or cause.errno != errno.EADDRINUSE:
            raise
        return bind(Address(address.host, 0))
