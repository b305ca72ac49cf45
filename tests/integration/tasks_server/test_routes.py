"""Each route of the seed's table: what it answers, with which status, and what it leaves in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.tasks_server.serving import LATER, TASK, execute, row_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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


async def test_every_answer_has_the_headers(served: Served, alice: OwnerClient) -> None:
    """Of successes, refusals and what is not there."""
    queue = await alice.register()
    answers = [
        await served.http.get("/status"),
        await alice.ask("GET", f"/v1/queues/{queue}"),
        await alice.ask("GET", "/v1/queues?nonsense=1"),
        await served.http.get("/v1/queues"),
        await served.http.get("/nowhere"),
        await alice.ask("POST", "/v1/queues/register", content=b"x" * 40_000),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 403, 404, 413]
    for answer in answers:
        assert SECURITY.items() <= dict(answer.headers).items()


async def test_an_owner_is_told_its_id_and_key(served: Served) -> None:
    answer = await served.http.post("/v1/owners/register", json={"name": "alice"})
    assert answer.status_code == 201
    owner = answer.json()
    assert owner.keys() == {"id", "key"}
    assert len(owner["id"]) == 26
    assert len(owner["key"]) == 64
    assert owner["key"].isalnum()
    again = await served.http.post("/v1/owners/register", json={"name": "alice"})
    assert again.status_code == 409
    assert again.json() == {
        "action": "Do not retry without fixing the problem",
        "message": "Owner has already registered",
    }


async def test_the_database_has_only_the_hash_of_a_key(empty: str, alice: OwnerClient) -> None:
    dump = execute(empty, "SELECT tasks_owners::text FROM tasks_owners")
    assert alice.key not in str(dump)


async def test_a_task_in_the_database_can_not_be_read(empty: str, alice: OwnerClient) -> None:
    queue = await alice.register({**TASK, "metadata": {"who": "nobody-else"}})
    ((text,),) = execute(empty, "SELECT tasks::text FROM tasks WHERE id = %s", row_of(queue))
    assert "target-service" not in text
    assert "nobody-else" not in text


async def test_an_owner_sees_itself_and_leaves_when_nothing_waits(alice: OwnerClient) -> None:
    path = "/v1/owners/alice"
    queue = await alice.register()
    owner = (await alice.ask("GET", path)).json()
    created = owner.pop("createdAt")
    assert owner == {"id": alice.id, "name": "alice", "tasksInQueue": 1, "tasksInQueueLimit": 1000}
    assert isinstance(created, int)
    refused = await alice.ask("DELETE", path)
    assert (refused.status_code, refused.json()) == (422, UNMET)
    await alice.ask("PATCH", f"/v1/queues/{queue}/revoke")
    gone = await alice.ask("DELETE", path)
    assert (gone.status_code, gone.json()) == (200, DONE)
    assert (await alice.ask("GET", path)).status_code == 403


async def test_an_owner_sees_no_other_owner(served: Served, alice: OwnerClient) -> None:
    await served.owner("bobby")
    for name in ("bobby", "nobody"):
        found = await alice.ask("GET", f"/v1/owners/{name}")
        assert (found.status_code, found.json()) == (404, {})
        removed = await alice.ask("DELETE", f"/v1/owners/{name}")
        assert (removed.status_code, removed.json()) == (422, UNMET)
    assert (await alice.ask("GET", "/v1/owners/a--b-")).status_code == 400


async def test_who_has_no_key_or_a_wrong_one_is_refused(served: Served, alice: OwnerClient) -> None:
    """403 for what is missing, malformed or unknown, 401 for a key of another."""
    bearer, owner = alice.headers["authorization"], alice.headers["x-tasks-owner-id"]
    refused = {
        "action": "The request should not be repeated",
        "message": "The server did not accept valid authentication",
    }
    for headers in (
        {},
        {"authorization": bearer},
        {"x-tasks-owner-id": owner},
        {"authorization": bearer[:-1], "x-tasks-owner-id": owner},
        {"authorization": bearer.replace("Bearer", "Basic"), "x-tasks-owner-id": owner},
        {"authorization": bearer, "x-tasks-owner-id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
        {"authorization": bearer, "x-tasks-owner-id": "me"},
    ):
        answer = await served.http.get("/v1/queues", headers=headers)
        assert (answer.status_code, answer.json()) == (403, refused)
    wrong = await served.http.get(
        "/v1/queues", headers={"authorization": f"Bearer {'x' * 64}", "x-tasks-owner-id": owner}
    )
    assert wrong.status_code == 401
    assert wrong.json() == {
        **refused,
        "message": "The request did not include valid authentication",
    }


async def test_pretty_answers_are_indented_by_four(served: Served, alice: OwnerClient) -> None:
    await alice.register()
    answer = await alice.ask("GET", "/v1/queues?limit=1&pretty")
    assert answer.text.startswith('[\n    {\n        "id"')
    refused = await served.http.get("/v1/queues?pretty")
    assert refused.text.startswith('{\n    "action"')


async def test_what_is_no_route_is_404_and_a_wrong_method_405(
    served: Served, alice: OwnerClient
) -> None:
    for path in ("/", "/v1", "/v1/queues/", "/v1/queues/A/b/c", "/v2/queues", "/swagger"):
        answer = await alice.ask("GET", path)
        assert (answer.status_code, answer.content) == (404, b"")
    wrong = await alice.ask("PUT", "/v1/queues")
    assert (wrong.status_code, wrong.content) == (405, b"")
    assert wrong.headers["allow"] == "GET, HEAD"
    head = await served.http.head("/status")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "2")


async def test_bodies_that_are_too_large_are_413_without_a_body(alice: OwnerClient) -> None:
    """Whether their length is told before or not."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 1000

    for content in (b" " * 32_769, pieces()):
        answer = await alice.ask("POST", "/v1/queues/register", content=content)
        assert (answer.status_code, answer.content) == (413, b"")
    allowed = await alice.ask("POST", "/v1/queues/register", content=b" " * 32_768)
    assert allowed.status_code == 400


async def test_what_is_no_json_is_400(alice: OwnerClient) -> None:
    answer = await alice.ask("POST", "/v1/queues/register", content=b"{")
    assert answer.status_code == 400
    assert answer.json()["message"] == "A request includes an invalid credential or value"


async def test_ids_that_no_task_can_have_are_400(alice: OwnerClient) -> None:
    """And one that none has is 404, or not to be changed."""
    short = await alice.ask("GET", "/v1/queues/ABC")
    assert short.status_code == 400
    assert "String must contain exactly 24 character(s)" in short.text
    strange = await alice.ask("GET", f"/v1/queues/{'-' * 24}")
    assert "Invalid queue id" in strange.text
    for name in ("0" * 24, "Z" * 24):
        missing = await alice.ask("GET", f"/v1/queues/{name}")
        assert (missing.status_code, missing.json()) == (404, {})
        for method, step in (
            ("PATCH", "/pause"), ("PATCH", "/resume"), ("PATCH", "/revoke"), ("POST", "/execute"), ("DELETE", ""),
        ):  # fmt: skip
            answer = await alice.ask(method, f"/v1/queues/{name}{step}")
            assert (answer.status_code, answer.json()) == (422, UNMET)
