"""The front page of ``dev``: a list of the workers there are, kept true while they change.

Must not know how the page looks.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from runner.errors import DatabaseUnavailableError
from runner.ingress.host_names import is_private
from runner.pages import Listed

if TYPE_CHECKING:
    from typing import Self

    from runner.events.fetch import Request
    from runner.pages import Page, Pages
    from runner.resolution import DatabaseResolver
    from runner.store.session import Store

_log = logging.getLogger(__name__)
_KINDS: Final = frozenset({"all", "worker", "name"})


class FrontPage:
    """Answers requests that address no worker. ``async with`` reads the list, and follows its changes."""

    def __init__(self, pages: Pages, store: Store, resolver: DatabaseResolver) -> None:
        self._pages = pages
        self._store = store
        self._resolver = resolver
        self._reading: asyncio.Task[None] | None = None
        self._changed = False
        self.workers: tuple[Listed, ...] = ()

    async def __aenter__(self) -> Self:
        self._resolver.on_change.append(self._note)
        await self._read()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._resolver.on_change.remove(self._note)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def page(self, request: Request) -> Page | None:
        """Return the runner's own answer to a request that addresses no worker."""
        # Any other host may be a tenant's domain.
        if self._resolver.addresses_worker(request) or not is_private(request.host):
            return None
        return self._pages.answer(request, self.workers)

    def _note(self, change: str) -> None:
        if change.partition(" ")[0] in _KINDS:
            self._changed = True
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._follow(), name="front page")

    async def _follow(self) -> None:
        """Read until nothing has changed since."""
        while self._changed:
            self._changed = False
            try:
                await self._read()
            except DatabaseUnavailableError as error:
                # It comes back with a change of everything.
                _log.warning("the list of workers is not up to date: %s", error)

    async def _read(self) -> None:
        async with self._store.session() as session:
            workers = await session.workers.all()
        self.workers = tuple(
            Listed(str(worker.id), worker.name) for worker in workers if worker.name is not None
        )
