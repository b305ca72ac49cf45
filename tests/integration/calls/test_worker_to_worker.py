"""Workers that call each other, on real hosts: chains, loops, walls, aborts, full limits, and a drain in the middle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from runner.deployments import worker_id
from runner.drain import drain

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from tests.integration.calls.town import Town

    OpenTown = Callable[..., AbstractAsyncContextManager[Town]]

ECHO = "export default { fetch: (request) => new Response('echo ' + request.url) };"
RELAY = """export default { fetch(request) {
  return fetch(request.headers.get('to') ?? 'http://echo.workers.rocks/', { headers: request.headers });
} };"""


async def test_a_chain_of_workers_is_one_request(open_town: OpenTown) -> None:
    async with open_town() as town:
        town.add("a", "export default { fetch: () => fetch('https://b.workers.rocks/x?y') };")
        town.add(
            "b",
            "export default { fetch: (request, env) => env.NEXT.fetch(request) };",
            services={"NEXT": "t/c"},
        )
        town.add(
            "c",
            "export default { fetch: (request) =>"
            " new Response(request.url + ' ' + request.headers.get('x-request-id')) };",
        )
        answer = await town.ask("http://a.workers.rocks/", request_id="one")
        assert answer == (200, b"https://b.workers.rocks/x?y one")
        events = await town.notes.wait_for_events(3)
        assert {event.worker for event in events} == {"a", "b", "c"}
        assert {event.request_id for event in events} == {"one"}


async def test_a_loop_ends_with_508(open_town: OpenTown) -> None:
    async with open_town() as town:
        town.add("loop", "export default { fetch: () => fetch('http://loop.workers.rocks/') };")
        status, _ = await town.ask("http://loop.workers.rocks/")
        assert status == 508
        assert len(await town.notes.wait_for_events(18)) == 18


async def test_a_tenant_reaches_no_other_tenants_worker(open_town: OpenTown) -> None:
    async with open_town() as town:
        town.add("relay", RELAY)
        town.add("echo", ECHO)
        town.add("private", ECHO, tenant="u")
        town.add("public", ECHO, tenant="u", public=True)
        tricks = [
            ("x-worker-id", worker_id("u", "private")),
            ("x-worker-name", "private"),
            ("x-isolane-hops", "1"),
            ("x-forwarded-host", "private.workers.rocks"),
            ("host", "private.workers.rocks"),
        ]

        async def through(target: str) -> tuple[int, bytes]:
            headers = [*tricks, ("to", target)]
            return await town.ask("http://relay.workers.rocks/", headers=headers)

        assert await through("http://echo.workers.rocks/") == (
            200,
            b"echo http://echo.workers.rocks/",
        )
        assert (await through("http://public.workers.rocks/"))[0] == 200
        for host in (
            "private.workers.rocks",
            "PRIVATE.workers.rocks.",
            "private.workers.rocks:8080",
            "%70rivate.workers.rocks",
            "x@private.workers.rocks",
        ):
            status, body = await through(f"http://{host}/")
            assert status in {500, 502}, host
            assert b"echo" not in body


async def test_a_loop_of_redirects_over_the_wall_ends(open_town: OpenTown) -> None:
    async with open_town() as town:
        town.add(
            "a", "export default { fetch: (r) => Response.redirect('http://b.workers.rocks/') };"
        )
        town.add(
            "b", "export default { fetch: (r) => Response.redirect('http://a.workers.rocks/') };"
        )
        town.add(
            "start",
            "export default { async fetch() { try { await fetch('http://a.workers.rocks/') }"
            " catch (error) { return new Response(error.message) } } };",
        )
        status, body = await town.ask("http://start.workers.rocks/")
        assert (status, body) == (200, b"fetch failed: more than 20 redirects")


async def test_an_abort_reaches_the_worker_that_was_called(open_town: OpenTown) -> None:
    async with open_town() as town:
        town.add(
            "caller",
            """export default { async fetch() {
              const control = new AbortController();
              const asked = fetch('http://slow.workers.rocks/', { signal: control.signal });
              await fetch('http://started.workers.rocks/');
              control.abort();
              return new Response(await asked.then(() => 'answered', (error) => error.name));
            } };""",
        )
        town.add(
            "slow",
            """export default { fetch(request, env, ctx) {
              setTimeout(() => {}, 60000);  // without anything to wait for, it would be ended
              return new Promise((resolve) => ctx.signal.addEventListener('abort', () => {
                console.log('aborted');
                resolve(new Response('late'));
              }));
            } };""",
        )
        town.add("started", ECHO)
        assert await town.ask("http://caller.workers.rocks/") == (200, b"AbortError")
        await town.notes.wait_for_line("slow: aborted")
        await town.notes.wait_for_events(3)


@pytest.mark.parametrize("mode", ["PINNED", "POOLED", "ONESHOT"])
async def test_callers_with_all_places_of_their_tenant_do_not_block_each_other(
    open_town: OpenTown, mode: str
) -> None:
    """Four isolates a lane, three callers at once, each calling itself once and another worker: nobody waits in vain."""
    variables = {
        "V8_EXECUTE": mode,
        "WORKER_POOL_SIZE": "1",
        "MAX_ISOLATES_PER_TENANT": "4",
        "MAX_QUEUED_WORKERS": "100",
        "WORKER_WAIT_TIMEOUT_MS": "50000",
        "ISOLATE_QUEUE_TIMEOUT_MS": "50000",
    }
    async with open_town(**variables) as town, asyncio.timeout(20):
        town.add("front", "export default { fetch: () => fetch('http://echo.workers.rocks/') };")
        town.add("echo", ECHO)
        town.add(
            "twice",
            """export default { async fetch(request) {
              if (request.url.endsWith('again')) return new Response('again');
              return await fetch('http://twice.workers.rocks/again');
            } };""",
        )
        answers = await asyncio.gather(
            *(town.ask("http://front.workers.rocks/") for _ in range(12)),
            *(town.ask("http://twice.workers.rocks/") for _ in range(12)),
        )
        assert {status for status, _ in answers} == {200}
        await town.notes.wait_for_events(48)


async def test_a_worker_that_may_run_once_at_a_time_can_call_itself(open_town: OpenTown) -> None:
    async with open_town(MAX_CONCURRENT_PER_WORKER="1") as town, asyncio.timeout(20):
        town.add(
            "twice",
            """export default { async fetch(request) {
              if (request.url.endsWith('again')) return new Response('again');
              return await fetch('http://twice.workers.rocks/again');
            } };""",
        )
        answers = await asyncio.gather(*(town.ask("http://twice.workers.rocks/") for _ in range(8)))
        assert answers == [(200, b"again")] * 8


async def test_without_a_place_for_calls_they_fail_at_once(open_town: OpenTown) -> None:
    async with open_town(WORKER_POOL_SIZE="1", ISOLATE_POOL_SIZE="1") as town, asyncio.timeout(5):
        town.add(
            "front",
            "export default { async fetch() {"
            " const answer = await fetch('http://echo.workers.rocks/');"
            " return new Response(answer.headers.get('retry-after'), { status: answer.status }) } };",
        )
        town.add("echo", ECHO)
        assert await town.ask("http://front.workers.rocks/") == (429, b"1")


async def test_calls_go_on_while_the_runner_drains(open_town: OpenTown) -> None:
    async with open_town() as town:
        town.add(
            "caller",
            """export default { async fetch(request, env, ctx) {
              await fetch('http://echo.workers.rocks/');
              setTimeout(() => {}, 60000);  // without anything to wait for, it would be ended
              console.log('under way');
              await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
              const last = await fetch('http://echo.workers.rocks/last');
              return new Response(`${ctx.isShuttingDown()} ${await last.text()}`);
            } };""",
        )
        town.add("echo", ECHO)
        asking = asyncio.ensure_future(town.ask("http://caller.workers.rocks/"))
        await town.notes.wait_for_line("caller: under way")
        town.runner.admission.draining = True
        assert await drain(town.runner.supervisor.executions, 20_000) == 0
        assert await asking == (200, b"true echo http://echo.workers.rocks/last")


async def test_a_bound_service_counts_by_its_own_limit(open_town: OpenTown) -> None:
    async with open_town(LIMIT_SERVICE="2") as town:
        town.add(
            "caller",
            """export default { async fetch(request, env) {
              const asked = [1, 2, 3].map(() => env.ECHO.fetch('http://x/'));
              const ends = await Promise.allSettled(asked);
              return new Response(ends.map((end) => end.reason?.message ?? end.status).join());
            } };""",
            services={"ECHO": "t/echo"},
        )
        town.add("echo", ECHO)
        status, body = await town.ask("http://caller.workers.rocks/")
        assert status == 200
        assert body.startswith(b"fulfilled,fulfilled,")
        assert b"limit exceeded: service (3/2)" in body
