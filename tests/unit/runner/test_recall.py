"""What is remembered of look-ups, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import BusyError, DatabaseUnavailableError, NotResolvedError
from runner.recall import Answer, Recall


class Source:
    """Answers with how often it was asked; `depends` on the key."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.size = 1

    async def __call__(self, key: str) -> Answer[int]:
        self.asked += 1
        if self.away:
            raise DatabaseUnavailableError("test", "away")
        if key == "nobody":
            return Answer(NotResolvedError(502, "nobody"), [key])
        return Answer(self.asked, [key, "shared"], self.size)


async def test_an_answer_is_kept_until_something_it_depends_on_changes() -> None:
    source = Source()
    recall = Recall(source, 10)
    assert [await recall.get("a"), await recall.get("a"), await recall.get("b")] == [1, 1, 2]
    recall.forget("a")
    assert [await recall.get("a"), await recall.get("b")] == [3, 2]
    recall.forget("shared")
    assert [await recall.get("a"), await recall.get("b")] == [4, 5]
    recall.forget("all")
    assert [recall.known("a"), recall.known("b")] == [None, None]


async def test_the_longest_unused_leave_first_and_none_is_left_behind_in_the_index() -> None:
    recall = Recall(Source(), 2)
    for key in ("a", "b", "a", "c"):
        await recall.get(key)
    assert [recall.known("a"), recall.known("b"), recall.known("c")] == [1, None, 3]
    assert set(recall._kept.of_change) == {"a", "c", "shared"}


async def test_what_is_larger_than_all_there_is_is_answered_and_not_kept() -> None:
    source = Source()
    source.size = 11
    recall = Recall(source, 10)
    assert [await recall.get("a"), await recall.get("a")] == [1, 2]


async def test_that_there_is_none_is_kept_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    recall = Recall(source, 10)
    for _ in range(2):
        with pytest.raises(NotResolvedError):
            await recall.get("nobody")
    assert source.asked == 1
    monkeypatch.setattr("runner.recall._MISSING_S", 0.0)
    recall.forget("nobody")
    for _ in range(2):
        with pytest.raises(NotResolvedError):
            await recall.get("nobody")
    assert source.asked == 3


async def test_what_is_no_longer_fresh_is_given_while_it_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runner.recall._FRESH_S", 0.0)
    source = Source()
    recall = Recall(source, 10)
    assert [await recall.get("a"), recall.known("a")] == [1, 1]
    await recall._lookups["a"].task  # type: ignore[misc]
    assert recall.known("a") == 2
    source.away = True
    await recall._lookups["a"].task  # type: ignore[misc]
    assert recall.known("a") == 2
    await recall.close()


async def test_a_doubtful_answer_is_given_only_while_there_is_no_other() -> None:
    source = Source()
    recall = Recall(source, 10)
    await recall.get("a")
    recall.doubt()
    source.away = True
    assert recall.known("a") is None
    assert await recall.get("a") == 1
    with pytest.raises(BusyError):
        await recall.get("b")
    recall.doubt()
    source.away = False
    assert await recall.get("a") == 4


async def test_what_changes_all_the_time_is_answered_and_not_kept() -> None:
    recall: Recall[str, int]

    async def look_up(key: str) -> Answer[int]:
        recall.forget(key)
        return Answer(1, [key])

    recall = Recall(look_up, 10)
    assert await recall.get("a") == 1
    assert recall.known("a") is None


async def test_a_look_up_that_fails_otherwise_fails_for_all_who_wait_and_is_tried_again() -> None:
    tries = 0

    async def look_up(key: str) -> Answer[int]:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise ValueError(key)

    recall = Recall(look_up, 10)
    results = await asyncio.gather(recall.get("a"), recall.get("a"), return_exceptions=True)
    assert [type(one) for one in results] == [ValueError, ValueError]
    with pytest.raises(ValueError, match="a"):
        await recall.get("a")
    assert tries == 2


async def test_when_all_ask_at_once_after_an_outage_none_is_sent_away() -> None:
    """Who is known gets the old answer, when too much is looked up already."""
    gate = asyncio.Event()
    gate.set()

    async def look_up(key: int) -> Answer[int]:
        await gate.wait()
        return Answer(key, [f"{key}"])

    recall = Recall(look_up, 1000)
    for key in range(300):
        await recall.get(key)
    recall.doubt()
    gate.clear()
    tasks = [asyncio.create_task(recall.get(key)) for key in range(300)]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(waiting)) == (200, 100)
    gate.set()
    assert await asyncio.gather(*tasks) == list(range(300))


async def test_refreshing_leaves_room_for_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runner.recall._FRESH_S", 0.0)
    source = Source()
    recall = Recall(source, 1000)
    for number in range(200):
        await recall.get(f"{number}")
    assert [recall.known(f"{number}") for number in range(200)] == list(range(1, 201))
    assert len(recall._lookups) == 50
    assert await recall.get("new") > 200
    await recall.close()
