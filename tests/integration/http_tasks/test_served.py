"""What the settings say of HTTP tasks, in a runner of its own."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from runner.http_tasks.model import HttpConfig, HttpRequest, HttpTask
from runner.http_tasks.sealing import TaskSealing
from runner.service_settings import SecretKey
from runner.store.secrets import SecretBox
from runner.tasks.engine import TaskEngine, open_engine
from runner.tasks_server.ids import new_ulid, write_ulid
from tests.integration.http_tasks.site import Asked, Reply, open_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.integration.conftest import Running

KEY = b"k" * 32
SEALING = TaskSealing(SecretBox([SecretKey(1, KEY)]))
SECRETS = {"SECRETS_KEY": base64.b64encode(KEY).decode()}
WAIT_S = 30


async def add(engine: TaskEngine, owner: UUID, url: str) -> UUID:
    row = uuid4()
    request = HttpRequest(url=url, method="GET")
    options = SEALING.seal(HttpTask(request=request, config=HttpConfig()), owner, row)
    async with engine.lines.lend() as line:
        await line.connection.execute(
            "INSERT INTO tasks (id, tenant, queue, kind, options) VALUES (%s, %s, 'http', 'http', to_jsonb(%s::text))",
            (row, owner, options),
        )
    return row


async def status(engine: TaskEngine, owner: UUID, row: UUID) -> int:
    task = await engine.wait(row, timeout_s=WAIT_S)
    assert task.status.ended
    return SEALING.open_answer(task.result, owner, row).status_code


@asynccontextmanager
async def served(running: Running, url: str) -> AsyncIterator[TaskEngine]:
    await asyncio.to_thread(running.reach)
    async with open_engine(url) as engine:
        yield engine
    await asyncio.to_thread(running.stop)


async def test_a_runner_sends_as_many_at_once_as_it_may_where_owners_may(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """One network is open for one owner; one task goes out at a time."""
    insider, outsider = new_ulid(), new_ulid()
    at_once = most = 0

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> Reply:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.to_thread(int)  # another one could come meanwhile
        at_once -= 1
        return Reply()

    running = serve(
        **SECRETS,
        HTTP_TASKS_CONCURRENCY="1",
        HTTP_TASKS_ALLOWED_NETWORKS=f"{write_ulid(insider)}=loopback",
        CONNECTIVITY_HOSTNAME="localhost",
    )
    async with served(running, servers["DATABASE_URL"]) as engine, open_site(answer) as site:
        inside = [await add(engine, insider, site.url()) for _ in range(8)]
        outside = await add(engine, outsider, site.url())
        assert {await status(engine, insider, row) for row in inside} == {200}
        assert await status(engine, outsider, outside) == 500
    assert (len(site.asked), most) == (8, 1)


async def test_without_a_network_tasks_wait_and_a_runner_ends_all_the_same(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """The task goes back as it came."""
    owner = new_ulid()
    running = serve(**SECRETS, CONNECTIVITY_HOSTNAME="no-such-host.invalid", DRAIN_TIMEOUT_MS="100")
    async with open_site(Reply()) as site:
        async with served(running, servers["DATABASE_URL"]) as engine:
            row = await add(engine, owner, site.url())
            await asyncio.to_thread(running.wait_for, "no-such-host.invalid is not found")
        async with open_engine(servers["DATABASE_URL"]) as engine:
            task = await engine.get(row)
    assert (task.status, task.attempts, site.asked) == ("pending", 0, [])
