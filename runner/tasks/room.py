"""How many tasks of a tenant may wait: counted now and then, guessed between.

Counting is too slow for each task that comes. What a count leaves room for is given away without asking, in parts where other
processes give, too: together they may let in a little more than the limit. Must not know what is enqueued.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from runner.tasks.errors import TasksLimitError
from runner.tasks.task import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from uuid import UUID

    from runner.tasks.lines import Lines

_KNOWN: Final = 10_000
_SMALL: Final = 1_000
"""So many are given away as a whole."""
_PARTS: Final = 8
_BUSY: Final = 20
"""Counting for one tenant takes no more than this part of the time."""


class _Room:
    """What may still come of one tenant's, and from when on it may be counted again."""

    __slots__ = ("again_at", "left")

    def __init__(self) -> None:
        self.left = 0
        self.again_at = 0.0


class PendingRoom:
    """``most`` tasks of one tenant may wait; 0: any number. What is nobody's is not counted.

    ``clock`` gives seconds.
    """

    def __init__(
        self, lines: Lines, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lines = lines
        self._most = most
        self._clock = clock
        self._rooms: OrderedDict[UUID, _Room] = OrderedDict()

    async def take(self, tenants: Iterable[UUID]) -> None:
        """Take the room for one more task of each of these, which may be the same.

        Raises
        ------
        TasksLimitError
            One has none. Nothing was taken.

        """
        if not self._most:
            return
        wanted: dict[UUID, int] = {}
        for tenant in tenants:
            if tenant != NOBODY:
                wanted[tenant] = wanted.get(tenant, 0) + 1
        for tenant, number in wanted.items():
            room = self._room(tenant)
            if room.left < number:
                await self._count(tenant, room, number)
        self._give(wanted)

    def _give(self, wanted: Mapping[UUID, int]) -> None:
        for tenant, number in wanted.items():
            if self._room(tenant).left < number:
                raise TasksLimitError(self._most)
        for tenant, number in wanted.items():
            self._room(tenant).left -= number

    def _room(self, tenant: UUID) -> _Room:
        room = self._rooms.get(tenant)
        if room is None:
            room = self._rooms[tenant] = _Room()
            if len(self._rooms) > _KNOWN:
                self._rooms.popitem(last=False)
        self._rooms.move_to_end(tenant)
        return room

    async def _count(self, tenant: UUID, room: _Room, number: int) -> None:
        begun = self._clock()
        if begun < room.again_at:
            return
        async with self._lines.lend() as line:
            row = await line.first("count_pending", tenant=tenant, most=self._most)
        assert row is not None
        left = max(0, self._most - row[0])
        if left > _SMALL:
            # Who counts at the same time gives away another part.
            left = max(_SMALL, left // _PARTS, min(left, number))
        room.left = left
        ended = self._clock()
        room.again_at = ended + (ended - begun) * _BUSY
