"""PostgreSQL goes away under a running ``isolane serve``, and comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg

from tests.integration.store.line import open_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Running

CODE = "export default { fetch: () => new Response('%s') };"


def insert(url: str, name: str, answer: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "WITH u AS (INSERT INTO users (username) VALUES (%(name)s) RETURNING id),"
            " w AS (INSERT INTO workers (name, user_id, current_version) SELECT %(name)s, id, 1 FROM u RETURNING id)"
            " INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)"
            " SELECT id, 1, 'h', 'javascript', convert_to(%(code)s, 'UTF8') FROM w",
            {"name": name, "code": CODE % answer},
        )


async def test_it_serves_whom_it_knows_asks_others_to_come_again_and_recovers_by_itself(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """What changed meanwhile is seen afterwards; nothing has to be started again."""
    url = servers["DATABASE_URL"]
    insert(url, "known", "before")
    insert(url, "other", "other")
    async with open_line(url) as line:
        running = serve(DATABASE_URL=line.url)
        await asyncio.to_thread(running.reach)

        async def get(name: str) -> tuple[int, str, str]:
            answer = await asyncio.to_thread(running.get, name)
            return answer.status_code, answer.text.strip(), answer.headers.get("retry-after", "")

        assert await get("known") == (200, "before", "")
        await line.cut()
        await asyncio.to_thread(
            running.wait_for, "PostgreSQL is away (listening on isolane_changes)"
        )
        assert (
            await asyncio.gather(*(get("known") for _ in range(20))) == [(200, "before", "")] * 20
        )
        status, _, retry_after = await get("other")
        assert (status, retry_after) == (503, "2")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "UPDATE worker_deployments SET code = convert_to(%s, 'UTF8')", (CODE % "after",)
            )
        await line.join()
        await asyncio.to_thread(
            running.wait_for, "PostgreSQL is back (listening on isolane_changes)"
        )
        assert await get("known") == (200, "after", "")
        assert await get("other") == (200, "after", "")
        assert await asyncio.to_thread(running.stop) == 0
    assert not any("Traceback" in text for text in running.lines)
