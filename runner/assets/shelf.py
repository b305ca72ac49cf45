"""What was read lately, up to so many bytes; what many want at once is read once. Must not know what it keeps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

V = TypeVar("V")


class Shelf(Generic[V]):
    """Keeps values up to ``most`` bytes in all, the ones used last; ``size_of(value)`` says how many one has."""

    def __init__(self, most: int, size_of: Callable[[V], int]) -> None:
        self._most = most
        self._size_of = size_of
        self._kept: LRUCache[Hashable, V] = LRUCache(most, getsizeof=size_of)
        self._reading: dict[Hashable, asyncio.Task[V]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """Return what is kept, at once, or what ``read()`` returns; what that raises goes through and is not kept."""
        value = self._kept.get(key)
        if value is not None:
            return value
        reading = self._reading.get(key)
        if reading is None:
            reading = asyncio.get_running_loop().create_task(self._read(key, read))
            self._reading[key] = reading
            # Nobody may have waited for it.
            reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Who gives up waiting does not take it from the others.
        return await asyncio.shield(reading)

    async def close(self) -> None:
        """End what is under way."""
        reading = list(self._reading.values())
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def _read(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, V]]) -> V:
        try:
            value = await read()
            if self._size_of(value) <= self._most:
                self._kept[key] = value
            return value
        finally:
            del self._reading[key]
