"""PostgreSQL or NATS is there and says nothing: what needs it fails within bounds, ends come in time, and all is well by itself afterwards.

The bounds are those of machines that are busy: ten seconds for an operation, some more for an end.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.integration.conftest import Running
from tests.integration.fleet.load import Load
from tests.integration.nats.server import NatsServer
from tests.integration.store.line import open_line
from tests.integration.test_serve import insert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.integration.conftest import Cli
    from tests.integration.store.line import Line

TOKEN: Final = "0123456789abcdef-token"
BOUND_S: Final = 30
HELLO: Final = "export default { fetch: () => new Response('hello') };"
ASKS: Final = """export default { async fetch(request, { KV, DB, TASKS }) {
  console.log('begun');
  try {
    switch (new URL(request.url).pathname) {
      case '/kv': await KV.put('key', 1); break;
      case '/query': await DB.query('SELECT 1'); break;
      case '/transaction': await DB.transaction(tx => tx.query('SELECT 1')); break;
      case '/tasks': await TASKS.enqueue('nothing'); break;
    }
    return new Response('done');
  } catch (error) {
    return new Response(error.message, { status: 500 });
  }
}, task: () => 1 };"""
MANIFEST: Final = """main = "index.js"
[[kv]]
binding = "KV"
[[databases]]
binding = "DB"
name = "db"
[[tasks]]
binding = "TASKS"
"""
_NOT_AVAILABLE: Final = "the database is not available, try again later|no connection to the database was free within 5 s"
OPERATIONS: Final = {
    "/kv": "KV is not available: the database (does not answer|can not be reached)",
    "/query": f"{_NOT_AVAILABLE}|the statement took longer than 3 s",
    "/transaction": f"{_NOT_AVAILABLE}|begin took longer than 3 s",
    "/tasks": "tasks are not available: the database (does not answer|can not be reached)",
}


class Site:
    """A runner behind lines that can be silenced, with workers that need the database and workers that do not."""

    def __init__(self, running: Running, line: Line, bus: NatsServer) -> None:
        self.running = running
        self.line = line
        self.bus = bus
        self.client = httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=BOUND_S)

    async def ask(self, path: str) -> tuple[int, str]:
        answer = await self.client.get(path, headers={"x-worker-name": "asks"})
        return answer.status_code, answer.text.strip()

    async def lines(self, text: str) -> None:
        await asyncio.to_thread(self.running.wait_for, text)

    async def end(self) -> int:
        self.running.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.running.process.wait, BOUND_S)

    def silence(self, what: str) -> None:
        if what != "NATS":
            self.line.freeze()
        self.bus.pause()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def line(servers: dict[str, str], stack: AsyncExitStack) -> Line:
    line = await stack.enter_async_context(open_line(servers["DATABASE_URL"]))
    stack.callback(line.thaw)
    return line


@pytest.fixture
async def bus(stack: AsyncExitStack, tmp_path: Path) -> NatsServer:
    config = {"jetstream": {"store_dir": str(tmp_path / "js")}}
    return await stack.enter_async_context(NatsServer(tmp_path, **config))


@pytest.fixture
async def site(
    cli: Cli, serve: Callable[..., Running], servers: dict[str, str], line: Line, bus: NatsServer
) -> AsyncIterator[Site]:
    url = servers["DATABASE_URL"]
    insert(url, "hello", HELLO)
    cli.write("asks/index.js", ASKS)
    cli.write("asks/worker.toml", MANIFEST)
    running = serve(
        DATABASE_URL=line.url,
        NATS_SERVERS=bus.url,
        SECRETS_KEY=base64.b64encode(b"k" * 32).decode(),
        CONTROL_TOKEN=TOKEN,
        TASKS_ADDR="127.0.0.1:0",
        BACKUP_CRON="* * * * * *",
        DRAIN_TIMEOUT_MS="1000",
    )
    await asyncio.to_thread(running.reach)
    place = {"CONTROL_TOKEN": TOKEN, "CONTROL_URL": running.wait_for("Control ").split()[1]}
    for verb in (
        ("tenants", "create", "t"),
        ("databases", "create", "db", "--timeout", "3", "--tenant", "t"),
        ("deploy", "asks", "asks", "--tenant", "t"),
    ):
        done = await asyncio.to_thread(cli, *verb, **place)
        assert done.returncode == 0, done.stderr
    site = Site(running, line, bus)
    for path in OPERATIONS:
        assert await site.ask(path) == (200, "done")
    yield site
    await site.client.aclose()
    assert not [text for text in running.lines if "Traceback" in text]


async def test_operations_fail_with_what_it_is_and_work_again_by_themselves(site: Site) -> None:
    """However many a tenant starts; who needs no database is served meanwhile."""
    async with Load(site.running.url, {"x-worker-name": "hello"}, clients=2) as hello:
        await hello.more(20)
        site.line.freeze()
        asked = {
            path: [asyncio.create_task(site.ask(path)) for _ in range(3)] for path in OPERATIONS
        }
        await hello.more(50)
        for path, message in OPERATIONS.items():
            answers = await asyncio.gather(*asked[path])
            assert {status for status, _ in answers} == {500}
            assert not [text for _, text in answers if not re.fullmatch(message, text)]
        await hello.more(50)
        site.line.thaw()
        async with asyncio.timeout(BOUND_S):
            for path in OPERATIONS:
                while await site.ask(path) != (200, "done"):
                    pass
    assert hello.problems == []
    assert await site.end() == 0


@pytest.mark.parametrize("what", ["NATS", "both"])
async def test_a_signal_ends_it_all_the_same(site: Site, what: str) -> None:
    """Whatever waits for a server just then: executions, crons, claims, a backup, listeners."""
    begun = sum("begun" in line for line in site.running.lines)
    site.silence(what)
    asked = [asyncio.create_task(site.ask(path)) for path in OPERATIONS]
    async with asyncio.timeout(BOUND_S):
        while sum("begun" in line for line in site.running.lines) < begun + len(asked):
            await asyncio.sleep(0)
    assert await site.end() == 0
    await asyncio.gather(*asked, return_exceptions=True)


async def wait_and_end(running: Running, said: str) -> None:
    await asyncio.to_thread(running.wait_for, said, BOUND_S)
    running.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(running.process.wait, BOUND_S) == 0
    assert not [text for text in running.lines if "Traceback" in text]


async def test_a_database_that_says_nothing_is_waited_for_by_name(
    serve: Callable[..., Running], line: Line
) -> None:
    line.freeze()
    running = serve(DATABASE_URL=line.url)
    await wait_and_end(running, "waiting for PostgreSQL (")


async def test_nats_that_says_nothing_is_waited_for_by_name(
    serve: Callable[..., Running], bus: NatsServer
) -> None:
    bus.pause()
    running = serve(NATS_SERVERS=bus.url)
    await wait_and_end(running, f"waiting for NATS at {bus.url}")


async def test_the_gateway_ends_while_nats_says_nothing(cli: Cli, bus: NatsServer) -> None:
    gateway = Running(
        cli,
        *("gateway", "--http-addr", "127.0.0.1:0", "--nats", bus.url),
        CONTROL_ADDR="127.0.0.1:0",
    )
    await asyncio.to_thread(gateway.reach)
    bus.pause()
    assert await asyncio.to_thread(gateway.stop) == 0
    assert not [text for text in gateway.lines if "Traceback" in text]


async def test_the_doctor_says_who_says_nothing(cli: Cli, line: Line, bus: NatsServer) -> None:
    line.freeze()
    bus.pause()
    place = {"DATABASE_URL": line.url, "NATS_SERVERS": bus.url}
    done = await asyncio.to_thread(cli, "doctor", "--json", **place)
    assert done.returncode == 1
    content: dict[str, Any] = json.loads(done.stdout)
    for name in ("PostgreSQL", "NATS"):
        (finding,) = (one for one in content["checks"] if one["name"] == name)
        assert not finding["ok"]
        assert "can not connect" in finding["message"]
        assert finding["advice"]
