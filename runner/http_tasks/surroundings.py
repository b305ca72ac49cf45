"""What tasks are sent into: the network as the settings open it, its outage, and owners' certificates.

Must not know tasks.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Final

from runner.ops.addresses import AddressPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from pathlib import Path
    from typing import TypeAlias
    from uuid import UUID

    Contents: TypeAlias = Callable[[UUID, Iterable[str]], Awaitable[dict[str, bytes]]]

_log = logging.getLogger(__name__)
_AGAIN_S: Final = 5.0
_BELIEVED_S: Final = 5.0


class Connectivity:
    """Whether names are resolved at all: without a host nobody asks, and the network is there."""

    def __init__(self, host: str, *, again_s: float = _AGAIN_S) -> None:
        self._host = host
        self._again_s = again_s
        self._believed_until = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def online(self) -> None:
        """Wait until the host has an address; all who wait do so together."""
        if not self._host or asyncio.get_running_loop().time() < self._believed_until:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="http tasks: connectivity")
        await asyncio.shield(self._looking)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        told = False
        while True:
            try:
                await loop.getaddrinfo(self._host, None, family=socket.AF_INET)
            except OSError:
                if not told:
                    told = True
                    _log.warning("http tasks: %s is not found, all wait for it", self._host)
                await asyncio.sleep(self._again_s)
                continue
            self._believed_until = loop.time() + _BELIEVED_S
            return


class Surroundings:
    """``networks``: what each owner's tasks may reach beside what ``base`` opens for everybody's."""

    def __init__(
        self,
        connectivity: Connectivity,
        contents: Contents,
        *,
        folder: Path | None = None,
        allow_all: bool = False,
        base: Iterable[str] = (),
        networks: Mapping[UUID, tuple[str, ...]] | None = None,
    ) -> None:
        self._connectivity = connectivity
        self._contents = contents
        self.folder = folder
        self._everybodys = AddressPolicy(allow_all=allow_all, allowed=base)
        self._policies = {
            owner: AddressPolicy(allow_all=allow_all, allowed=(*base, *more))
            for owner, more in (networks or {}).items()
        }

    async def online(self) -> None:
        """Wait until the network is there, if somebody wants that to be looked after."""
        await self._connectivity.online()

    def policy(self, owner: UUID) -> AddressPolicy:
        """Return where an owner's tasks may connect to."""
        return self._policies.get(owner, self._everybodys)

    async def uploads(self, owner: UUID, names: Iterable[str]) -> dict[str, bytes]:
        """Return the content of an owner's uploads, of those that are there."""
        return await self._contents(owner, names)

    async def close(self) -> None:
        await self._connectivity.close()
