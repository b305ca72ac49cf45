"""The parts of the tasks server, opened together: what is the same on every listener. Must not know listeners."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from runner.ingress.proxies import TrustedProxies
from runner.store.secrets import SecretBox
from runner.tasks.lines import Lines
from runner.tasks_server.application import Application
from runner.tasks_server.calls import Answer, Call, Route
from runner.tasks_server.certificate_routes import CertificateRoutes
from runner.tasks_server.owner_routes import OwnerRoutes, RegistrationRule
from runner.tasks_server.owners import Owners
from runner.tasks_server.queue_routes import QueueRoutes
from runner.tasks_server.rate_limit import RateLimit, Throttle
from runner.tasks_server.table import HttpTaskTable, tasks_server_queries
from runner.tasks_server.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Self

    from runner.service_settings import SecretKey
    from runner.tasks.events import TaskEvents

_LINES: Final = 4
"""Connections; whoever asks at the same time goes along with others."""


class ServerOptions(NamedTuple):
    """How it is set."""

    url: str
    """Of the database."""
    keys: Sequence[SecretKey]
    limit: RateLimit
    registration: RegistrationRule
    folder: Path | None = None
    """Where certificates lie that are named by path."""


class TasksServer:
    """``async with`` opens it; :meth:`application` is for listeners."""

    def __init__(self, options: ServerOptions, events: TaskEvents) -> None:
        self._lines = Lines(options.url, most=_LINES, queries=tasks_server_queries())
        self.owners = Owners(options.url, self._lines)
        self.uploads = Uploads(self._lines, SecretBox(options.keys))
        self._table = HttpTaskTable(self._lines, events)
        self._throttle = Throttle(self._lines, options.limit)
        queues = QueueRoutes(self._table, self.uploads, options.keys, options.folder)
        self._paths = {
            ("status",): {"GET": Route(_status, open=True)},
            ("openapi.json",): {"GET": Route(_openapi, open=True)},
            **OwnerRoutes(self.owners, options.registration).paths(),
            **queues.paths(),
            **CertificateRoutes(self.uploads).paths(),
        }
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open it.

        Raises
        ------
        DatabaseUnavailableError
            The database can not be reached.

        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._lines)
            stack.push_async_callback(self._table.close)
            await stack.enter_async_context(self.owners)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def application(self, trusted_proxies: Iterable[str]) -> Application:
        """Return what answers requests; those from trusted proxies say themselves whose they are."""
        return Application(
            self._paths, self.owners, self._throttle, TrustedProxies(trusted_proxies)
        )


async def _openapi(call: Call) -> Answer:
    from runner.tasks_server.openapi import describe_server

    return Answer(describe_server())


async def _status(call: Call) -> Answer:
    return Answer(b"OK")
