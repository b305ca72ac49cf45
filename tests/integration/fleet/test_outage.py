"""PostgreSQL or NATS goes away under load for some seconds, and comes back: `make chaos` for half a minute of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from tests.integration.conftest import Running
from tests.integration.fleet.load import Load
from tests.integration.nats.server import NatsServer
from tests.integration.store.line import open_line
from tests.integration.test_serve import insert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.integration.conftest import Cli
    from tests.integration.store.line import Line

HELLO = "export default { fetch: () => new Response('hello') };"
KEEPS = """export default { async fetch(request, { KV }) {
  try {
    await KV.put('key', (await KV.get('key') ?? 0) + 1);
    return new Response('kept');
  } catch (error) {
    return new Response(error.message, { status: 503 });
  }
} };"""
TICKS = "export default { scheduled(event) { console.log('tick', event.scheduledTime); } };"
GROWTH_MB = 40
"""What a runner may be larger after an outage than it was under the same load before."""


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def resident_mb(running: Running) -> float:
    pages = Path(f"/proc/{running.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096 / (1 << 20)


class Site:
    """A runner and a gateway whose servers can be taken away; workers that need them and one that does not."""

    def __init__(
        self, runner: Running, gateway: Running, line: Line, bus: NatsServer, url: str
    ) -> None:
        self.runner = runner
        self.gateway = gateway
        self.line = line
        self.bus = bus
        self.url = url

    async def lines(self, text: str) -> None:
        await asyncio.to_thread(self.runner.wait_for, text)

    async def ticked(self, count: int) -> None:
        """Wait for so many scheduled events more."""
        wanted = self.ticks() + count
        async with asyncio.timeout(60):
            while self.ticks() < wanted:
                await asyncio.sleep(0.05)

    def ticks(self) -> int:
        return sum("tick" in line for line in self.runner.lines)

    def events(self) -> list[tuple[Any, ...]]:
        return query(
            self.url,
            "SELECT scheduled_at, outcome FROM scheduled_events WHERE replied_at IS NOT NULL ORDER BY 1",
        )


@pytest.fixture
async def site(
    cli: Cli, serve: Callable[..., Running], servers: dict[str, str], tmp_path: Path
) -> AsyncIterator[Site]:
    url = servers["DATABASE_URL"]
    for name, code in (("hello", HELLO), ("keeps", KEEPS), ("ticks", TICKS), ("other", HELLO)):
        insert(url, name, code)
    query(
        url,
        "WITH space AS (INSERT INTO kv_configs (user_id, name) SELECT user_id, 'kv' FROM workers WHERE name = 'keeps' RETURNING id)"
        " UPDATE environment_values SET key = 'KV', type = 'kv', value = space.id::text FROM space, workers"
        " WHERE workers.name = 'keeps' AND workers.environment_id = environment_values.environment_id",
    )
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(open_line(url))
        bus = await stack.enter_async_context(NatsServer(tmp_path))
        runner = serve(DATABASE_URL=line.url, NATS_SERVERS=bus.url, LOG_LEVEL="info")
        gateway = Running(
            cli,
            *("gateway", "--http-addr", "127.0.0.1:0", "--nats", bus.url),
            CONTROL_ADDR="127.0.0.1:0",
        )
        for one in (runner, gateway):
            await asyncio.to_thread(one.reach)
        query(
            url,
            "INSERT INTO crons (worker_id, value) SELECT id, '* * * * * *' FROM workers WHERE name = 'ticks'",
        )
        yield Site(runner, gateway, line, bus, url)
        line.thaw()
        for one in (gateway, runner):
            assert one.process.poll() is None
            assert await asyncio.to_thread(one.stop) == 0
            assert not [text for text in one.lines if "Traceback" in text]


async def test_without_the_database_who_is_known_is_served_and_no_scheduled_event_is_lost(
    site: Site, outage_s: float
) -> None:
    """What needs it fails within its limits, what is not known is asked to come again; all is well by itself afterwards."""
    async with (
        Load(site.runner.url, {"x-worker-name": "hello"}) as known,
        Load(site.runner.url, {"x-worker-name": "keeps"}, clients=2) as keeping,
        Load(site.gateway.url, {"x-worker-name": "hello"}, clients=2) as gateway,
    ):
        await site.ticked(2)
        await asyncio.gather(known.more(200), keeping.more(100), gateway.more(100))
        assert keeping.answers.keys() == {200}
        before = resident_mb(site.runner)

        await site.line.cut()
        back = asyncio.create_task(asyncio.sleep(outage_s))
        async with httpx.AsyncClient(base_url=site.runner.url, trust_env=False) as client:
            while not back.done():
                answer = await client.get("/", headers={"x-worker-name": "other"})
                assert answer.status_code == 503
                assert answer.headers["retry-after"]
                await known.more(20)
        await site.line.join()

        kept = keeping.texts["kept"]
        await site.lines("PostgreSQL is back")
        async with asyncio.timeout(20):
            while keeping.texts["kept"] < kept + 100:
                await keeping.more(10)
        await asyncio.gather(known.more(100), gateway.more(100))
        # The line runs in this loop, which must not wait.
        assert (await asyncio.to_thread(site.runner.get, "other")).status_code == 200
        assert resident_mb(site.runner) - before < GROWTH_MB
        await site.ticked(int(outage_s) + 3)
    assert known.problems == []
    assert gateway.problems == []
    assert keeping.answers.keys() <= {200, 503}
    await assert_no_second_is_missing(site)


async def test_a_database_that_says_nothing_holds_nobody(site: Site, outage_s: float) -> None:
    """Connections stay open and nothing comes: who is known is served at once, others are answered within limits, and it ends by itself."""
    async with (
        Load(site.runner.url, {"x-worker-name": "hello"}) as known,
        Load(site.runner.url, {"x-worker-name": "keeps"}, clients=2) as keeping,
    ):
        await asyncio.gather(known.more(200), keeping.more(50))
        site.line.freeze()
        served = known.answers.total()
        back = asyncio.create_task(asyncio.sleep(outage_s))
        async with httpx.AsyncClient(base_url=site.runner.url, trust_env=False) as client:
            while not back.done():
                answer = await client.get("/", headers={"x-worker-name": "other"}, timeout=10)
                assert answer.status_code == 503
                assert answer.headers["retry-after"]
        assert known.answers.total() - served > 100 * outage_s
        site.line.thaw()
        kept = keeping.texts["kept"]
        async with asyncio.timeout(30):
            while keeping.texts["kept"] < kept + 50:
                await keeping.more(5)
        async with httpx.AsyncClient(base_url=site.runner.url, trust_env=False) as client:
            answer = await client.get("/", headers={"x-worker-name": "other"}, timeout=10)
        assert answer.status_code == 200
    assert known.problems == []
    assert keeping.answers.keys() <= {200, 503}
    await assert_no_second_is_missing(site)


async def test_without_nats_http_goes_on_and_the_gateway_says_when_to_come_again(
    site: Site, outage_s: float
) -> None:
    """Schedules do not need it; the gateway answers again as soon as it is back."""
    async with (
        Load(site.runner.url, {"x-worker-name": "hello"}) as direct,
        Load(site.gateway.url, {"x-worker-name": "hello"}, clients=2) as gateway,
    ):
        await asyncio.gather(direct.more(200), gateway.more(100))
        assert gateway.answers.keys() == {200}
        before = resident_mb(site.runner), resident_mb(site.gateway)

        await site.bus.stop()
        ticks = site.ticks()
        await asyncio.gather(gateway.more(10), direct.more(200), asyncio.sleep(outage_s))
        assert site.ticks() - ticks >= int(outage_s) - 1
        async with httpx.AsyncClient(base_url=site.gateway.url, trust_env=False) as client:
            refused = await client.get("/", headers={"x-worker-name": "hello"})
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        await site.bus.start()

        well = gateway.answers[200]
        async with asyncio.timeout(20):
            while gateway.answers[200] < well + 100:
                await gateway.more(10)
        assert resident_mb(site.runner) - before[0] < GROWTH_MB
        assert resident_mb(site.gateway) - before[1] < GROWTH_MB
        await site.ticked(2)
    assert direct.problems == []
    # What was on its way to a runner when the line broke may be lost.
    assert gateway.answers.keys() <= {200, 502, 503}
    assert gateway.answers[502] <= 2
    await assert_no_second_is_missing(site)


async def assert_no_second_is_missing(site: Site) -> None:
    """Each instant of the schedule had its event, which ended well."""
    async with asyncio.timeout(20):
        while query(site.url, "SELECT 1 FROM scheduled_events WHERE replied_at IS NULL")[3:]:
            await asyncio.sleep(0.05)
    times = [time for time, _ in site.events()]
    assert times == [times[0] + timedelta(seconds=n) for n in range(len(times))]
    assert {outcome for _, outcome in site.events()} == {"ok"}
