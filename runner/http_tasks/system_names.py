"""What the system's resolver says, for many owners at once: a name that nobody answers for holds up its own owner, not the others.

``getaddrinfo`` can not be ended, and takes half a minute if it has to. So it runs in threads that nobody waits for when a runner ends, a few
for each owner, and those that go on in vain count until they end. Must not know what is done with addresses.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from uuid import UUID

_REMEMBERED_S: Final = 5.0
_MAX_REMEMBERED: Final = 2_000
_AT_ONCE: Final = 64
_OF_OWNER: Final = 4


class SystemNames:
    """Remembers answers for a moment: many tasks ask for the same host at once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int], tuple[float, list[str]]] = OrderedDict()
        self._asking: dict[tuple[str, int], asyncio.Future[list[str]]] = {}
        self._all = asyncio.Semaphore(_AT_ONCE)
        self._owners: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    async def resolve(self, owner: UUID, host: str, version: int) -> list[str]:
        """Return a host's addresses of IPv4 or IPv6; none if there are none."""
        if is_local(host):
            host = "localhost"  # not every resolver knows
        key = host, version
        while True:
            if (known := self._remembered(key)) is not None:
                return known
            if (asking := self._asking.get(key)) is not None:
                return await asyncio.shield(asking)
            turn = await self._turn(owner)
            # Somebody else may have asked meanwhile.
            if key in self._asking or self._remembered(key) is not None:
                turn.release()
                self._all.release()
                continue
            self._ask(key, turn)

    async def _turn(self, owner: UUID) -> asyncio.Semaphore:
        """Wait for a place of the owner's, and one of all."""
        turn = self._owners.get(owner)
        if turn is None:
            turn = self._owners[owner] = asyncio.Semaphore(_OF_OWNER)
        await turn.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            turn.release()
            raise
        return turn

    def _remembered(self, key: tuple[str, int]) -> list[str] | None:
        known = self._known.get(key)
        if known is None or asyncio.get_running_loop().time() >= known[0]:
            return None
        return known[1]

    def _ask(self, key: tuple[str, int], turn: asyncio.Semaphore) -> None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()
        self._asking[key] = answer

        def end(addresses: list[str]) -> None:
            turn.release()
            self._all.release()
            if self._asking.get(key) is answer:
                del self._asking[key]
            if addresses:
                self._known[key] = loop.time() + _REMEMBERED_S, addresses
                if len(self._known) > _MAX_REMEMBERED:
                    self._known.popitem(last=False)
            answer.set_result(addresses)

        def look_up() -> None:
            addresses = _addresses(*key)
            # The loop may be gone.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(partial(end, addresses))

        threading.Thread(target=look_up, name=f"resolve {key[0][:40]}", daemon=True).start()


def is_local(host: str) -> bool:
    """Tell whether a name is this machine's (RFC 6761, 6.3)."""
    return f".{host.rstrip('.')}".endswith(".localhost")


def _addresses(host: str, version: int) -> list[str]:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
