"""While PostgreSQL is away the tasks server says so, and goes on when it is back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.integration.tasks_server.serving import LATER, execute, serve

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_it_refuses_while_the_database_is_away_and_goes_on_afterwards(
    create_database: Callable[[str], str], template: str, postgres_url: str
) -> None:
    """What was registered is there; nothing of the outage is told but that there is one."""
    url = create_database(template)
    name = url.rpartition("/")[2]
    async with serve(url) as served:
        alice = await served.owner("alice")
        queue = await alice.register()
        execute(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            execute(
                postgres_url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                name,
            )
            for method, path, body in (
                ("GET", f"/v1/queues/{queue}", None),
                ("GET", "/v1/queues", None),
                ("POST", "/v1/queues/register", LATER),
                ("PATCH", f"/v1/queues/{queue}/pause", None),
            ):
                answer = await alice.ask(method, path, json=body)
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["message"] == "The database can not be reached"
        finally:
            execute(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        async with asyncio.timeout(30):
            while (answer := await alice.ask("GET", f"/v1/queues/{queue}")).status_code == 503:
                pass
        assert answer.json()["state"] == "RUNNING"
        assert await alice.count() == 1
