"""Questions that are answered together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from runner.tasks_server.batches import Batches

if TYPE_CHECKING:
    from collections.abc import Sequence


class Table:
    """Answers with the double, when it is let."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def answer(self, questions: Sequence[int]) -> list[int]:
        self.asked.append(list(questions))
        await self.gate.wait()
        if 13 in questions:
            raise ValueError("13")
        return [2 * question for question in questions]


async def test_everybody_gets_the_own_answer() -> None:
    table = Table()
    batches = Batches(table.answer)
    assert await asyncio.gather(*map(batches.ask, range(10))) == [2 * n for n in range(10)]
    assert await batches.ask(5) == 10


async def test_who_asks_while_others_are_answered_goes_along_with_the_next() -> None:
    """In batches of no more than so many, one at a time."""
    table = Table()
    table.gate.clear()
    batches = Batches(table.answer, most=3, at_once=1)
    first = asyncio.create_task(batches.ask(0))
    while not table.asked:
        await asyncio.sleep(0)
    others = [asyncio.create_task(batches.ask(n)) for n in range(1, 6)]
    await asyncio.sleep(0)
    table.gate.set()
    assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8, 10]
    assert table.asked == [[0], [1, 2, 3], [4, 5]]


async def test_an_error_is_told_to_all_of_its_batch_and_to_nobody_else() -> None:
    table = Table()
    batches = Batches(table.answer, most=2, at_once=1)
    answers = await asyncio.gather(*map(batches.ask, [12, 13, 14]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ValueError, ValueError, int]


async def test_who_does_not_wait_any_more_is_left_out() -> None:
    table = Table()
    table.gate.clear()
    batches = Batches(table.answer)
    impatient = asyncio.create_task(batches.ask(1))
    patient = asyncio.create_task(batches.ask(2))
    while not table.asked:
        await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    closing = asyncio.create_task(batches.close())
    table.gate.set()
    assert await patient == 4
    await closing
