"""A gateway and runners as they are started: processes of their own, real hosts, one bus between them."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.conftest import Running
from tests.integration.nats.fleet import asker
from tests.integration.nats.server import NatsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.integration.conftest import Cli, Dev

WORKERS = {
    "hello": "export default { fetch: (request) => new Response(`Hello from ${request.url}`) };",
    "upload": """export default { async fetch(request) {
        const bytes = new Uint8Array(await request.arrayBuffer());
        return new Response(`${bytes.length} ${bytes.at(-1)}`);
    } };""",
    "stream": """export default { fetch(request) {
        let sent = 0;
        return new Response(new ReadableStream({
            pull(controller) {
                controller.enqueue(new Uint8Array(65536).fill(sent));
                if (++sent === 40) controller.close();
            },
        }));
    } };""",
    "endless": """export default { fetch(request, env, ctx) {
        ctx.signal.addEventListener('abort', () => console.log('aborted'));
        return new Response(new ReadableStream({
            async pull(controller) {
                await new Promise((resolve) => setTimeout(resolve, 10));
                controller.enqueue(new TextEncoder().encode('tick\\n'));
            },
        }));
    } };""",
    "attacker": """export default { async fetch(request) {
        const tries = [];
        for (const [method, body] of [['PUB'], ['HPUB'], ['SUB'], ['GET'], ['POST', 'PUB secret 1\\r\\nx\\r\\n']]) {
            for (const path of ['secret', 'secret%20', 'secret 1', 'secret\\r\\nPUB secret 1\\r\\nx\\r\\n']) {
                try {
                    const url = new URL(request.url).searchParams.get('bus') + path;
                    const answer = await fetch(url, { method, body, headers: { 'PUB': 'secret 1' } });
                    tries.push(`answered ${answer.status}`);
                } catch (error) {
                    tries.push(error.message);
                }
            }
        }
        return Response.json(tries);
    } };""",
}


class Site:
    """A bus, runners that are started on it, and a gateway."""

    def __init__(self, cli: Cli, bus: NatsServer, dev: Callable[..., Dev]) -> None:
        self.cli = cli
        self.bus = bus
        self._dev = dev
        for name, source in WORKERS.items():
            cli.write(f"workers/{name}.js", source)
        self.gateway = Running(
            cli,
            *("gateway", "--http-addr", "127.0.0.1:0", "--nats", bus.url),
            CONTROL_ADDR="127.0.0.1:0",
            LOG_FORMAT="pretty",
        )
        self.gateway.reach()

    def runner(self, **environ: str) -> Dev:
        """Start a runner, and wait until it serves."""
        environ = {"MAX_QUEUED_WORKERS": "1000", **environ}
        return self._dev("workers", NATS_SERVERS=self.bus.url, **environ)

    async def get(self, worker: str, target: str = "/") -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.gateway.url, trust_env=False) as client:
            return await client.get(target, headers={"x-worker-name": worker}, timeout=30)


@pytest.fixture
async def site(cli: Cli, dev: Callable[..., Dev], tmp_path: Path) -> AsyncIterator[Site]:
    async with NatsServer(tmp_path) as bus:
        made = Site(cli, bus, dev)
        yield made
        if made.gateway.process.poll() is None:
            made.gateway.process.kill()
        made.gateway.stop()


async def test_a_gateway_serves_what_runners_have(site: Site) -> None:
    assert (await site.get("hello")).status_code == 503
    runner = site.runner()
    answer = await site.get("hello", "/a?b=c")
    assert (answer.status_code, answer.text) == (200, f"Hello from {site.gateway.url}/a?b=c")
    assert answer.headers["x-request-id"]
    host = f"hello.workers.dev.localhost:{site.gateway.port}"
    by_host = site.gateway.http.get("/", headers={"host": host})
    assert by_host.text == f"Hello from http://{host}/"
    assert (await site.get("nobody")).status_code == 502
    body = bytes(3 << 20) + b"\7"
    up = site.gateway.http.post("/", content=body, headers={"x-worker-name": "upload"})
    assert up.text == f"{len(body)} 7"
    down = await site.get("stream")
    assert down.content == b"".join(bytes([n]) * 65536 for n in range(40))
    assert runner.wait_for("GET").count("hello")
    assert site.gateway.stop() == 0


async def test_a_client_that_leaves_the_gateway_is_told_to_the_worker(site: Site) -> None:
    runner = site.runner()
    headers = {"x-worker-name": "endless"}
    with site.gateway.http.stream("GET", "/", headers=headers) as answer:
        assert next(answer.iter_raw()) == b"tick\n"
    runner.wait_for("aborted")


async def test_runners_share_the_load_and_one_that_is_killed_loses_nothing(site: Site) -> None:
    runners = [site.runner(), site.runner()]
    for _ in range(20):
        assert (await site.get("hello")).status_code == 200
    assert all(runner.wait_for("hello") for runner in runners)
    under_way = [asyncio.create_task(site.get("hello")) for _ in range(30)]
    runners[0].process.send_signal(signal.SIGKILL)
    under_way += [asyncio.create_task(site.get("hello")) for _ in range(30)]
    answers = await asyncio.gather(*under_way)
    assert {answer.status_code for answer in answers} == {200}


async def test_a_runner_that_is_asked_to_end_finishes_what_it_was_sent(site: Site) -> None:
    first, _ = site.runner(), site.runner()
    under_way = [asyncio.create_task(site.get("hello")) for _ in range(10)]
    await asyncio.sleep(0)
    assert await asyncio.to_thread(first.stop) == 0
    under_way += [asyncio.create_task(site.get("hello")) for _ in range(10)]
    assert {answer.status_code for answer in await asyncio.gather(*under_way)} == {200}


async def test_a_runner_says_at_its_start_that_it_is_there(site: Site) -> None:
    async with asker(site.bus.url) as one:
        subscription = await one.bus.client.subscribe("boot")
        await one.bus.flush()
        site.runner()
        message = await subscription.next_msg(timeout=10)
        assert message.data == b"0"
        info = json.loads((await one.bus.client.request("$SRV.INFO.isolane")).data)
        assert [endpoint["subject"] for endpoint in info["endpoints"]] == ["fetch.*", "fetch"]


@pytest.mark.parametrize("private", ["false", "true"])
async def test_a_worker_can_not_speak_to_the_bus(site: Site, private: str) -> None:
    runner = site.runner(FETCH_ALLOW_PRIVATE_NETWORK=private, LIMIT_FETCH="100")
    async with asker(site.bus.url) as one:
        heard = await one.bus.client.subscribe(">")
        await one.bus.flush()
        params = {"bus": site.bus.url.replace("nats:", "http:") + "/"}
        answer = runner.get("attacker", params=params)
        tries = answer.json()
        assert len(tries) == 20
        assert not [text for text in tries if text.startswith("answered")]
        await one.bus.flush()
        subjects = set()
        while heard.pending_msgs:
            subjects.add((await heard.next_msg()).subject)
        assert not [subject for subject in subjects if "secret" in subject]


def test_a_gateway_without_a_bus_says_what_to_do(cli: Cli) -> None:
    done = cli("gateway", "--http-addr", "127.0.0.1:0")
    assert done.returncode == 2
    assert "NATS_SERVERS" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [("--http-addr", "nowhere", "HOST:PORT"), ("--nats", "http://x", "nats://HOST:PORT")],
)
def test_wrong_options_are_named(cli: Cli, option: str, value: str, allowed: str) -> None:
    done = cli("gateway", option, value, NATS_SERVERS="nats://127.0.0.1:1")
    assert done.returncode == 2
    assert option in done.stderr
    assert allowed in done.stderr


def test_a_gateway_that_waits_for_nats_says_so_and_ends_when_asked(cli: Cli) -> None:
    gateway = Running(
        cli,
        *("gateway", "--http-addr", "127.0.0.1:0", "--nats", "nats://me:hidden@127.0.0.1:1"),
        CONTROL_ADDR="127.0.0.1:0",
        LOG_FORMAT="pretty",
    )
    line = gateway.wait_for("waiting for NATS")
    assert "nats://me:***@127.0.0.1:1" in line
    assert gateway.stop() == 0
