"""How many tasks of a tenant may wait, with a table that only counts."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from runner.tasks.errors import TasksLimitError
from runner.tasks.room import PendingRoom
from runner.tasks.task import NOBODY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ALICE, BOB = UUID(int=1), UUID(int=2)


class Table:
    """Stands for lines: tasks that wait by tenant, how often they were counted, and the seconds that a count takes."""

    def __init__(self) -> None:
        self.waiting: dict[UUID, int] = {}
        self.counts = 0
        self.now = 0.0
        self.takes_s = 0.1

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Table]:
        yield self

    async def first(self, query: str, /, **values: Any) -> tuple[int]:
        assert query == "count_pending"
        self.counts += 1
        self.now += self.takes_s
        return (min(self.waiting.get(values["tenant"], 0), values["most"]),)

    def room(self, most: int) -> PendingRoom:
        return PendingRoom(self, most, lambda: self.now)  # type: ignore[arg-type]

    async def add(self, room: PendingRoom, number: int, tenant: UUID = ALICE) -> None:
        await room.take([tenant] * number)
        self.waiting[tenant] = self.waiting.get(tenant, 0) + number


async def test_so_many_of_a_tenant_and_no_more() -> None:
    table = Table()
    room = table.room(5)
    await table.add(room, 3)
    with pytest.raises(TasksLimitError, match="5 tasks of this tenant wait already"):
        await table.add(room, 3)
    await table.add(room, 2)
    with pytest.raises(TasksLimitError):
        await table.add(room, 1)
    await table.add(room, 5, BOB)


async def test_many_at_once_are_taken_as_a_whole_or_not_at_all() -> None:
    """Of all their tenants."""
    table = Table()
    room = table.room(5)
    with pytest.raises(TasksLimitError):
        await room.take([ALICE] * 2 + [BOB] * 6)
    await table.add(room, 5)


async def test_what_is_nobodys_is_not_counted() -> None:
    table = Table()
    await table.room(5).take([NOBODY] * 6)
    await table.room(0).take([ALICE] * 10_000)
    assert table.counts == 0


async def test_when_tasks_have_gone_there_is_room_after_a_while() -> None:
    """Counting again and again would be what keeps the database busy."""
    table = Table()
    room = table.room(5)
    await table.add(room, 5)
    table.waiting[ALICE] = 1
    for _ in range(3):
        with pytest.raises(TasksLimitError):
            await table.add(room, 1)
    assert table.counts == 1
    table.now += 20 * table.takes_s
    await table.add(room, 4)
    assert table.counts == 2


async def test_much_room_is_given_away_in_parts() -> None:
    """Others give, too: eight who count at the same time stay below the limit."""
    table = Table()
    table.takes_s = 0.0
    room = table.room(80_000)
    await table.add(room, 10_000)
    assert table.counts == 1
    await table.add(room, 1)
    assert table.counts == 2
    rooms = [table.room(80_000) for _ in range(8)]
    counted = dict(table.waiting)
    for one in rooms:
        table.waiting = dict(counted)
        await one.take([ALICE])
    left = [one._rooms[ALICE].left + 1 for one in rooms]
    assert sum(left) <= 80_000 - counted[ALICE]


async def test_a_part_is_no_hindrance_for_one_who_wants_more() -> None:
    table = Table()
    room = table.room(20_000)
    await table.add(room, 10_000)
