"""No route leads an owner to what is another's: neither to see it, nor to change it, nor to find out that it is there."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.tasks_server.certificate import PEM
from tests.integration.tasks_server.serving import LATER

if TYPE_CHECKING:
    from tests.integration.tasks_server.serving import OwnerClient, Served

MISSING = "0" * 24
READING = [("GET", ""), ("GET", "/config"), ("PATCH", "")]
CHANGING = [
    ("DELETE", ""), ("PATCH", "/pause"), ("PATCH", "/resume"), ("PATCH", "/revoke"), ("POST", "/execute"),
]  # fmt: skip


@pytest.fixture
async def bobby(served: Served) -> OwnerClient:
    return await served.owner("bobby")


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize(("method", "step"), READING + CHANGING)
async def test_a_task_of_another_owner_is_as_one_that_is_not_there(
    alice: OwnerClient, bobby: OwnerClient, method: str, step: str, *, paused: bool
) -> None:
    queue = await alice.register(LATER)
    if paused:
        await alice.ask("PATCH", f"/v1/queues/{queue}/pause")
    before = await alice.get(queue)
    options: dict[str, Any] = (
        {"json": {"metadata": {"a": "b"}}} if (method, step) == ("PATCH", "") else {}
    )
    theirs = await bobby.ask(method, f"/v1/queues/{queue}{step}", **options)
    missing = await bobby.ask(method, f"/v1/queues/{MISSING}{step}", **options)
    assert (theirs.status_code, theirs.json()) == (missing.status_code, missing.json())
    assert theirs.status_code == (404 if (method, step) in READING else 422)
    assert await alice.get(queue) == before


async def test_the_key_of_one_is_not_good_for_another(
    served: Served, alice: OwnerClient, bobby: OwnerClient
) -> None:
    mixed = {**alice.headers, "x-tasks-owner-id": bobby.id}
    answer = await served.http.get("/v1/queues", headers=mixed)
    assert answer.status_code == 401


async def test_certificates_are_their_owners(alice: OwnerClient, bobby: OwnerClient) -> None:
    """Others can not see them, remove them, or name them in tasks."""
    added = await alice.ask(
        "POST", "/v1/certificates", json={"value": b64encode(PEM).decode(), "name": "mine"}
    )
    assert added.status_code == 201, added.text
    one = added.json()
    assert one == {
        "id": one["id"], "name": "mine", "holds": "certificate", "size": len(PEM), "createdAt": one["createdAt"],
    }  # fmt: skip
    assert (await alice.ask("GET", "/v1/certificates")).json() == [one]
    assert (await bobby.ask("GET", "/v1/certificates")).json() == []
    removed = await bobby.ask("DELETE", f"/v1/certificates/{one['id']}")
    assert (removed.status_code, removed.json()) == (404, {})
    request = {**LATER["httpRequest"], "transport": "curl"}
    task = {"httpRequest": request, "config": {"ca": f"upload:{one['id']}"}}
    refused = await bobby.ask("POST", "/v1/queues/register", json=task)
    assert refused.status_code == 400
    assert "CA file does not exist" in refused.text
    allowed = await alice.ask("POST", "/v1/queues/register", json=task)
    assert allowed.status_code == 201, allowed.text
    assert (await alice.ask("DELETE", f"/v1/certificates/{one['id']}")).json() == {"status": "Done"}
    assert (await alice.ask("GET", "/v1/certificates")).json() == []


async def test_an_uploaded_key_is_sealed(empty: str, alice: OwnerClient) -> None:
    from tests.integration.tasks_server.serving import execute

    await alice.ask("POST", "/v1/certificates", json={"value": b64encode(PEM).decode()})
    ((sealed,),) = execute(empty, "SELECT sealed FROM tasks_certificates")
    assert b"BEGIN" not in sealed
    assert b64encode(PEM)[:40] not in sealed


async def test_what_is_no_certificate_is_refused(alice: OwnerClient) -> None:
    for value in ("", "%%%", b64encode(b"hello").decode()):
        answer = await alice.ask("POST", "/v1/certificates", json={"value": value})
        assert answer.status_code == 400
