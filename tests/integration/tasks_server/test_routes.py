"""Each route of the seed's table: what it answers, with which status, and what it leaves in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.tasks_server.serving import LATER, TASK, execute, row_of

if TYPE_CHECKING:
    from tests.integration.tasks_server.serving import OwnerClient, Served

SECURITY = {
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=15552000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "0",
}
DONE = {"status": "Done"}
UNMET = {
    "action": "Do not retry without fixing the problem",
    "message": "The request did not meet one of it's preconditions",
}


async def test_the_status_is_ok(served: Served) -> None:
    answer = await served.http.get("/status")
    assert (answer.status_code, answer.text) == (200, "OK")


async def test_a_task_is_registered_and_found(alice: OwnerClient) -> None:
    answer = await alice.ask("POST", "/v1/queues/register", json={**LATER, "metadata": {"a": "b"}})
    assert answer.status_code == 201
    task = answer.json()
    created, scheduled = task["createdAt"], task["estimateExecutionAt"]
    assert task == {
        "id": task["id"], "state": "RUNNING", "createdAt": created, "statusCode": 0, "estimateEndAt": 0,
        "estimateExecutionAt": scheduled, "response": None, "metadata": {"a": "b"},
    }  # fmt: skip
    assert list(task) == [
        "id", "state", "createdAt", "statusCode", "estimateEndAt", "estimateExecutionAt", "response", "metadata",
    ]  # fmt: skip
    assert scheduled == created + 86_400_000
    assert await alice.get(task["id"]) == task
    assert await alice.get(task["id"].lower()) == task
