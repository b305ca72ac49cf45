"""Events of tasks on their way to one reader."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from runner.api.task_feed import EventsQuery, TaskFeed
from runner.tasks.events import TaskEvent

ALICE, BOB, TASK = (UUID(int=number) for number in (1, 2, 3))


def event(**fields: Any) -> Any:
    given = {"event": "created", "task_id": TASK, "tenant": ALICE, "queue": "q", "kind": "worker"}
    return message(msgspec.json.encode(TaskEvent(**{**given, **fields})))


def message(data: bytes) -> Any:
    return cast("Any", SimpleNamespace(data=data))


async def test_an_event_goes_out_under_its_name() -> None:
    feed = TaskFeed(ALICE, EventsQuery())
    await feed.take(event(event="failed", error="no luck"))
    name, data = (await feed.read(1)).decode().rstrip("\n").split("\n")
    assert name == "event: failed"
    assert json.loads(data.removeprefix("data: "))["error"] == "no luck"


@pytest.mark.parametrize(
    ("tenant", "query", "fields"),
    [
        (ALICE, EventsQuery(), {"tenant": BOB}),
        (ALICE, EventsQuery(task=BOB), {}),
        (None, EventsQuery(queue="other"), {}),
    ],
)
async def test_what_is_not_wanted_is_not_told(
    tenant: UUID | None, query: EventsQuery, fields: dict[str, Any]
) -> None:
    feed = TaskFeed(tenant, query)
    await feed.take(event(**fields))
    assert await feed.read(0) == b": ping\n\n"


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff"])
async def test_what_is_no_event_is_passed_over(data: bytes) -> None:
    feed = TaskFeed(None, EventsQuery())
    await feed.take(message(data))
    assert await feed.read(0) == b": ping\n\n"


async def test_a_reader_that_is_too_slow_is_told_how_much_it_lost() -> None:
    feed = TaskFeed(None, EventsQuery())
    for _ in range(4100):
        await feed.take(event())
    read = [await feed.read(1) for _ in range(4096)]
    assert all(one.startswith(b"event: created\n") for one in read)
    assert await feed.read(0) == b": 4 events were lost\n\n"
    assert await feed.read(0) == b": ping\n\n"
