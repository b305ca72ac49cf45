"""Pages of tasks: in each order and direction, of each state, and only those of who asks."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.tasks_server.serving import LATER, execute, row_of

if TYPE_CHECKING:
    from tests.integration.tasks_server.serving import OwnerClient, Served

STATUSES = ("pending", "running", "paused", "completed", "failed", "cancelled")
STATES = {
    "RUNNING": {"pending", "running"},
    "PAUSED": {"paused"},
    "SUCCESS": {"completed"},
    "ERROR": {"failed"},
    "REVOKED": {"cancelled"},
}


async def fill(url: str, alice: OwnerClient) -> dict[str, str]:
    """Register tasks in all statuses, with times in no order; return the status of each."""
    statuses = {}
    for number in range(24):
        queue = await alice.register()
        status = STATUSES[number % 6]
        statuses[queue] = status
        execute(
            url,
            """
            UPDATE tasks SET status = %s, created_at = now() - %s * interval '7 min', scheduled_at = now() + %s * interval '1 min',
                completed_at = CASE WHEN %s IN ('paused', 'completed', 'failed', 'cancelled') THEN now() - %s * interval '1 s' END,
                lease_id = CASE WHEN %s = 'running' THEN gen_random_uuid() END, leased_until = now() + interval '1 h',
                result = CASE WHEN %s IN ('completed', 'failed') THEN '{"statusCode": 299, "response": null}'::jsonb END
            WHERE id = %s
            """,
            status,
            number * 11 % 24,
            number * 5 % 24,
            status,
            number * 7 % 24,
            status,
            status,
            row_of(queue),
        )
    return statuses


async def page(owner: OwnerClient, query: str) -> list[dict[str, Any]]:
    answer = await owner.ask("GET", f"/v1/queues?{query}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert isinstance(found, list)
    return found


async def test_pages_are_in_the_order_that_is_asked_for(empty: str, alice: OwnerClient) -> None:
    """In each order, both ways, of all states and of each."""
    statuses = await fill(empty, alice)
    for order in ("createdAt", "estimateEndAt", "estimateExecutionAt"):
        for sort in ("asc", "desc"):
            for state, of_state in ((None, set(STATUSES)), *STATES.items()):
                query = f"order={order}&sort={sort}&limit=100" + (
                    f"&state={state}" if state else ""
                )
                found = await page(alice, query)
                expected = {name for name, status in statuses.items() if status in of_state}
                assert {one["id"] for one in found} == expected
                keys = [one[order] for one in found]
                assert keys == sorted(keys, reverse=sort == "desc")
                assert all(state in {None, one["state"]} for one in found)


async def test_pages_follow_each_other_without_gaps(empty: str, alice: OwnerClient) -> None:
    await fill(empty, alice)
    whole = await page(alice, "limit=100&order=estimateEndAt")
    parts = [await page(alice, f"limit=5&offset={n}&order=estimateEndAt") for n in range(0, 30, 5)]
    assert [one for part in parts for one in part] == whole
    assert len(await page(alice, "")) == 10


async def test_a_line_has_what_the_seed_has(empty: str, alice: OwnerClient) -> None:
    await fill(empty, alice)
    (line,) = await page(alice, "state=SUCCESS&limit=1")
    assert list(line) == [
        "id", "state", "createdAt", "statusCode", "estimateEndAt", "estimateExecutionAt",
    ]  # fmt: skip
    assert line["statusCode"] == 299
    assert line["estimateEndAt"] > 0
    (waiting,) = await page(alice, "state=running&limit=1")
    assert (waiting["statusCode"], waiting["estimateEndAt"]) == (0, 0)


async def test_tasks_of_the_same_instant_keep_their_order(empty: str, alice: OwnerClient) -> None:
    for _ in range(6):
        await alice.register()
    execute(empty, "UPDATE tasks SET created_at = '2026-01-01Z'")
    ascending = await page(alice, "sort=asc")
    assert await page(alice, "sort=desc") == ascending[::-1]
    for first, second in pairwise(ascending):
        assert row_of(first["id"]) < row_of(second["id"])


async def test_nobody_sees_the_tasks_of_others(served: Served, alice: OwnerClient) -> None:
    bobby = await served.owner("bobby")
    mine = await bobby.register(LATER)
    await alice.register()
    assert [one["id"] for one in await page(bobby, "")] == [mine]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=ten", "offset=-1", "offset=1001", "order=id", "sort=up", "state=DONE", "nonsense=1",
        "limit=", "%FF=1",
    ],
)  # fmt: skip
async def test_a_page_that_can_not_be_is_400(alice: OwnerClient, query: str) -> None:
    answer = await alice.ask("GET", f"/v1/queues?{query}")
    assert answer.status_code == 400
    assert answer.json()["message"]["_errors"] or len(answer.json()["message"]) > 1
