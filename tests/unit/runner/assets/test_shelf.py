"""What was read lately."""

from __future__ import annotations

import asyncio

import pytest

from runner.assets.shelf import Shelf


class Reading:
    """Reads bytes, when it may; counts how often."""

    def __init__(self, value: bytes = b"", error: Exception | None = None) -> None:
        self._value = value
        self._error = error
        self.count = 0
        self.may = asyncio.Event()

    async def __call__(self) -> bytes:
        self.count += 1
        await self.may.wait()
        if self._error is not None:
            raise self._error
        return self._value

    @classmethod
    def at_once(cls, value: bytes) -> Reading:
        reading = cls(value)
        reading.may.set()
        return reading


@pytest.fixture
def shelf() -> Shelf[bytes]:
    return Shelf(10, len)


async def test_what_many_want_at_once_is_read_once(shelf: Shelf[bytes]) -> None:
    reading = Reading(b"abc")
    asking = [asyncio.create_task(shelf.get("a", reading)) for _ in range(5)]
    left = asyncio.create_task(shelf.get("a", reading))
    await asyncio.sleep(0)
    left.cancel()
    reading.may.set()
    assert await asyncio.gather(*asking) == [b"abc"] * 5
    assert await shelf.get("a", reading) == b"abc"
    assert reading.count == 1


async def test_one_that_nobody_waits_for_any_more_is_kept(shelf: Shelf[bytes]) -> None:
    reading = Reading(b"abc")
    left = asyncio.create_task(shelf.get("a", reading))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait([left])
    reading.may.set()
    assert await shelf.get("a", reading) == b"abc"
    assert reading.count == 1


async def test_the_ones_used_last_stay(shelf: Shelf[bytes]) -> None:
    for key in "ab":
        await shelf.get(key, Reading.at_once(key.encode() * 5))
    await shelf.get("a", Reading.at_once(b"never read"))
    await shelf.get("c", Reading.at_once(b"c" * 5))
    assert await shelf.get("a", Reading.at_once(b"new")) == b"aaaaa"
    assert await shelf.get("b", Reading.at_once(b"new")) == b"new"


async def test_what_is_larger_than_all_is_given_and_not_kept(shelf: Shelf[bytes]) -> None:
    assert await shelf.get("a", Reading.at_once(b"x" * 11)) == b"x" * 11
    assert len(shelf) == 0


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(shelf: Shelf[bytes]) -> None:
    reading = Reading(error=ValueError("away"))
    asking = [asyncio.create_task(shelf.get("a", reading)) for _ in range(2)]
    await asyncio.sleep(0)
    reading.may.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["away", "away"]
    assert await shelf.get("a", Reading.at_once(b"back")) == b"back"


async def test_closing_ends_what_is_read(shelf: Shelf[bytes]) -> None:
    asking = asyncio.create_task(shelf.get("a", Reading(b"abc")))
    await asyncio.sleep(0)
    await shelf.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
