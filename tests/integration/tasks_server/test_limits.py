"""Limits that hold however many ask at once: of tasks in the queue, and of requests of one client."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from runner.tasks_server.owner_routes import RegistrationRule
from runner.tasks_server.rate_limit import RateLimit
from tests.integration.tasks_server.serving import LATER, Served, execute, serve

if TYPE_CHECKING:
    from tests.integration.tasks_server.serving import OwnerClient

FULL = {
    "action": "Do not retry without fixing the problem",
    "message": "Tasks in queue has reached it's limit",
}
TOKEN = "0123456789abcdef-token"


async def register_at_once(owners: list[OwnerClient], count: int) -> list[httpx.Response]:
    return await asyncio.gather(*(
        owners[n % len(owners)].ask("POST", "/v1/queues/register", json=LATER) for n in range(count)
    ))  # fmt: skip


async def test_sixty_registrations_at_once_are_sixty_tasks(alice: OwnerClient) -> None:
    answers = await register_at_once([alice], 60)
    assert Counter(answer.status_code for answer in answers) == {201: 60}
    assert len({answer.json()["id"] for answer in answers}) == 60
    assert await alice.count() == 60


@pytest.mark.timeout(120)
async def test_of_tasks_that_are_registered_at_once_exactly_a_thousand_are_taken(
    empty: str, served: Served, alice: OwnerClient
) -> None:
    """By two servers at the same time; another owner is not concerned, and what ends makes room."""
    async with serve(empty) as other:
        there = type(alice)(other.http, alice.name, alice.id, alice.key)
        answers = await register_at_once([alice, there], 1100)
        assert Counter(answer.status_code for answer in answers) == {201: 1000, 422: 100}
        refused = next(answer for answer in answers if answer.status_code == 422)
        assert refused.json() == FULL
        assert await alice.count() == 1000
        bobby = await served.owner("bobby")
        await bobby.register()
        taken = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
        await alice.ask("PATCH", f"/v1/queues/{taken}/pause")
        assert (await alice.ask("POST", "/v1/queues/register", json=LATER)).status_code == 422
        await alice.ask("PATCH", f"/v1/queues/{taken}/revoke")
        assert Counter(a.status_code for a in await register_at_once([alice, there], 4)) == {
            201: 1,
            422: 3,
        }


async def test_an_owner_who_leaves_leaves_no_task_behind(empty: str, alice: OwnerClient) -> None:
    """Whoever registers while the owner is removed: either there is a task and its owner, or neither."""
    answers = await asyncio.gather(*(
        alice.ask("DELETE", "/v1/owners/alice") if n == 10
        else alice.ask("POST", "/v1/queues/register", json=LATER)
        for n in range(20)
    ))  # fmt: skip
    ((owners,),) = execute(empty, "SELECT count(*) FROM tasks_owners")
    ((tasks,),) = execute(empty, "SELECT count(*) FROM tasks")
    assert answers[10].status_code == (422 if owners else 200)
    assert bool(tasks) == bool(owners)


async def test_who_was_removed_is_unknown_to_all_servers(empty: str, alice: OwnerClient) -> None:
    """Although they have just known its key."""
    async with serve(empty) as other:
        there = type(alice)(other.http, alice.name, alice.id, alice.key)
        assert (await there.ask("GET", "/v1/queues")).status_code == 200
        assert (await alice.ask("DELETE", "/v1/owners/alice")).status_code == 200
        assert (await alice.ask("GET", "/v1/queues")).status_code == 403
        async with asyncio.timeout(30):
            while (await there.ask("GET", "/v1/queues")).status_code != 403:
                pass


async def test_a_client_may_ask_so_often_in_a_window_over_all_servers(empty: str) -> None:
    """Also what is open, what is refused and what is not there counts; 429 says when to come back."""
    limit = RateLimit(10, 600_000)
    async with serve(empty, limit=limit) as one, serve(empty, limit=limit) as two:
        answers = []
        for n in range(10):
            http = (one, two)[n % 2].http
            answers.append(await http.get(("/status", "/v1/queues", "/nowhere")[n % 3]))
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == [
            f"{left}" for left in range(9, -1, -1)
        ]
        assert {answer.headers["ratelimit-policy"] for answer in answers} == {"10;w=600"}
        assert {answer.headers["ratelimit-limit"] for answer in answers} == {"10"}
        for http in (one.http, two.http, one.http):
            refused = await http.get("/status")
            assert refused.status_code == 429
            assert refused.json() == {
                "action": "Please wait until the server restore your connection",
                "message": "Too many requests in a given amount of time",
            }
            assert refused.headers["ratelimit-remaining"] == "0"
            assert 0 < int(refused.headers["ratelimit-reset"]) <= 600
            assert refused.headers["x-frame-options"] == "DENY"


async def test_another_window_begins_when_one_is_over(empty: str) -> None:
    async with serve(empty, limit=RateLimit(2, 600_000)) as served:
        for _ in range(2):
            assert (await served.http.get("/status")).status_code == 200
        execute(empty, "UPDATE tasks_throttle SET ends_at = now() - interval '1 s'")
        answer = await served.http.get("/status")
        assert answer.headers["ratelimit-remaining"] == "1"


async def test_requests_at_once_are_all_counted(empty: str) -> None:
    async with serve(empty, limit=RateLimit(10, 600_000)) as served:
        answers = await asyncio.gather(*(served.http.get("/status") for _ in range(40)))
        assert Counter(answer.status_code for answer in answers) == {200: 10, 429: 30}


async def test_behind_a_trusted_proxy_clients_are_counted_by_what_it_says(empty: str) -> None:
    """By the last address that is no proxy's: what a client has written itself does not count."""

    async def ask(served: Served, **headers: str) -> int:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await served.http.get("/status", headers=names)).status_code

    limit = RateLimit(1, 600_000)
    async with serve(empty, limit=limit, proxies=("loopback", "10.0.0.0/8")) as served:
        assert await ask(served, x_forwarded_for="203.0.113.1") == 200
        assert await ask(served, x_forwarded_for="203.0.113.1") == 429
        assert await ask(served, x_forwarded_for="198.51.100.7, 203.0.113.1") == 429
        assert await ask(served, x_forwarded_for="203.0.113.1, 10.1.2.3") == 429
        assert await ask(served, x_forwarded_for="203.0.113.2:4711") == 200
        assert await ask(served, forwarded='for="[2001:db8::1]:4711";proto=https') == 200
        assert await ask(served, forwarded="for=x, For=2001:db8::2") == 429
    async with serve(empty, limit=limit, proxies=()) as served:
        assert await ask(served, x_forwarded_for="203.0.113.9") == 200
        assert await ask(served, x_forwarded_for="203.0.113.10") == 429


@pytest.mark.parametrize("limit", [RateLimit(0, 60_000), RateLimit(10, 0)])
async def test_without_a_limit_nothing_is_counted(empty: str, limit: RateLimit) -> None:
    async with serve(empty, limit=limit) as served:
        for _ in range(12):
            answer = await served.http.get("/status")
            assert answer.status_code == 200
            assert "ratelimit-limit" not in answer.headers
    assert execute(empty, "SELECT * FROM tasks_throttle") == []


async def test_with_a_token_only_who_has_it_may_register_owners(empty: str) -> None:
    async with serve(empty, rule=RegistrationRule.of(TOKEN)) as served:

        async def register(name: str, **headers: str) -> int:
            answer = await served.http.post(
                "/v1/owners/register", json={"name": name}, headers=headers
            )
            return answer.status_code

        assert await register("first") == 403
        assert await register("first", authorization="Basic x") == 403
        assert await register("first", authorization=f"Bearer {TOKEN}x") == 401
        assert await register("first", authorization=f"Bearer {TOKEN}") == 201


async def test_without_a_token_clients_of_this_machine_may_register_owners(empty: str) -> None:
    """No web page that a browser of this machine shows, and nobody else."""
    async with serve(empty, rule=RegistrationRule.of("")) as served:

        async def register(name: str, **headers: str) -> int:
            names = {one.replace("_", "-"): value for one, value in headers.items()}
            answer = await served.http.post(
                "/v1/owners/register", json={"name": name}, headers=names
            )
            return answer.status_code

        assert await register("first") == 201
        assert await register("other", origin="https://evil.example") == 403
        assert await register("other", host="evil.example") == 403
        assert await register("other", x_forwarded_for="203.0.113.1") == 403
    async with serve(empty, rule=RegistrationRule.of("open")) as served:
        assert await register("other", x_forwarded_for="203.0.113.1") == 201
