"""Settings of lanes, isolates and limits: each is seen to do what it says."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from runner.events.task import TaskEvent, encode_task
from tests.integration.calls.town import town

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.integration.calls.town import Town

    OpenTown = Callable[..., AbstractAsyncContextManager[Town]]

URL = "http://{}.workers.rocks/"
SLOW = """export default { async fetch() {
  console.log('begun');
  await new Promise((resolve) => setTimeout(resolve, 300));
  console.log('ended');
  return new Response('slept');
} };"""
COUNT = "let n = 0; export default { fetch: () => new Response(`${++n}`) };"
ONE_PLACE = {
    "WORKER_POOL_SIZE": "1",
    "MAX_ISOLATES_PER_TENANT": "1",
    "MAX_CONCURRENT_PER_TENANT": "10",
    "MAX_QUEUED_WORKERS": "10",
}


@pytest.fixture
def open_town(tmp_path: Path, snapshots: Path) -> OpenTown:
    """Open a town; arguments are variables of the environment."""
    return partial(town, tmp_path, snapshots)


async def ask(there: Town, *names: str) -> list[tuple[int, bytes]]:
    """Ask workers at the same time."""
    async with asyncio.timeout(20):
        return await asyncio.gather(*(there.ask(URL.format(name)) for name in names))


async def answer_of(open_town: OpenTown, code: str, **variables: str) -> str:
    async with open_town(**variables) as there:
        there.add("w", code)
        ((status, body),) = await ask(there, "w")
        assert status == 200, body
        return body.decode()


async def heard(there: Town, what: str, least: int) -> int:
    """Return what lanes count, once their hosts have told of so much."""
    async with asyncio.timeout(10):
        while True:
            stats = [lane for host in there.runner.supervisor.hosts for lane in host.stats]
            counted: int = sum(getattr(lane, what) for lane in stats)
            if counted >= least:
                return counted
            await asyncio.sleep(0)


@pytest.mark.parametrize(("mode", "made"), [("pinned", 1), ("POOLED", 1), ("OneShot", 4)])
async def test_the_mode_says_whether_isolates_are_used_again(
    open_town: OpenTown, mode: str, made: int
) -> None:
    """V8_EXECUTE, in any case."""
    async with open_town(V8_EXECUTE=mode, WORKER_POOL_SIZE="1") as there:
        there.add("w", COUNT)
        for _ in range(4):
            assert await ask(there, "w") == [(200, b"1")]
        created = await heard(there, "isolates_created", made)
        # One may be made in advance.
        assert made <= created <= made + 1


async def test_lanes_are_spread_over_hosts(open_town: OpenTown) -> None:
    """WORKER_POOL_SIZE and ISOLATE_HOSTS."""
    async with open_town(WORKER_POOL_SIZE="3", ISOLATE_HOSTS="2") as there:
        assert len(there.runner.supervisor.lanes) == 3
        assert len(there.runner.supervisor.hosts) == 2


async def test_a_tenant_has_so_many_isolates_on_a_lane(open_town: OpenTown) -> None:
    """MAX_ISOLATES_PER_TENANT: with one, its executions come one after the other."""
    # Of four, one is for what its workers call.
    for isolates, lines in (("1", "begun ended begun ended"), ("4", "begun begun ended ended")):
        variables = {**ONE_PLACE, "MAX_ISOLATES_PER_TENANT": isolates}
        async with open_town(**variables) as there:
            there.add("w", SLOW)
            assert await ask(there, "w", "w") == [(200, b"slept")] * 2
            assert [line.partition(": ")[2] for line in there.notes.lines] == lines.split()


@pytest.mark.parametrize(
    ("variable", "value", "kinds"),
    [
        ("ISOLATE_QUEUE_SIZE", "1", ["busy", "ok", "ok"]),
        ("ISOLATE_QUEUE_SIZE", "2", ["ok", "ok", "ok"]),
        ("ISOLATE_QUEUE_TIMEOUT_MS", "50", ["busy", "busy", "ok"]),
    ],
)
async def test_so_many_wait_so_long_for_a_lanes_isolate(
    open_town: OpenTown, variable: str, value: str, kinds: list[str]
) -> None:
    """Admission lets no more pass than there are isolates: here it is left out."""
    async with open_town(**ONE_PLACE, **{variable: value}) as there, asyncio.timeout(20):
        there.add("w", SLOW.replace("fetch", "task"))
        (deployment,) = there.table.deployments
        event = encode_task(TaskEvent(payload=msgspec.Raw(b"null")))
        executions = [there.runner.dispatcher.start(deployment, event) for _ in range(3)]
        outcomes = [await execution.ended() for execution in executions]
        assert sorted(outcome.kind for outcome in outcomes) == kinds


async def test_nobody_waits_longer_for_a_turn(open_town: OpenTown) -> None:
    """WORKER_WAIT_TIMEOUT_MS."""
    variables = {"MAX_CONCURRENT_PER_WORKER": "1", "WORKER_WAIT_TIMEOUT_MS": "50"}
    async with open_town(**variables) as there:
        there.add("w", SLOW)
        statuses = sorted(status for status, _ in await ask(there, "w", "w"))
        assert statuses in ([200, 429], [200, 503])


async def test_a_tenant_has_so_many_places_over_all_its_workers(open_town: OpenTown) -> None:
    """MAX_CONCURRENT_PER_TENANT; another tenant has its own."""
    variables = {"MAX_CONCURRENT_PER_TENANT": "1", "WORKER_WAIT_TIMEOUT_MS": "50"}
    async with open_town(**variables) as there:
        there.add("a", SLOW)
        there.add("b", SLOW)
        there.add("c", SLOW, tenant="other")
        (a, b, c) = [status for status, _ in await ask(there, "a", "b", "c")]
        assert (a, c) == (200, 200)
        assert b in {429, 503}


async def test_v8_gets_the_flags(open_town: OpenTown) -> None:
    """V8_FLAGS."""
    code = "export default { fetch: () => new Response(`${(function f(n) { try { return f(n + 1); } catch { return n; } })(0) < 1000}`) };"
    assert await answer_of(open_town, code) == "false"
    assert await answer_of(open_town, code, V8_FLAGS="--stack-size=60") == "true"


async def test_without_compilers_there_is_no_webassembly(open_town: OpenTown) -> None:
    """V8_JITLESS."""
    code = "export default { fetch: () => new Response(typeof WebAssembly) };"
    assert await answer_of(open_town, code) == "object"
    assert await answer_of(open_town, code, V8_JITLESS="true") == "undefined"


async def test_a_larger_first_heap_is_collected_later(open_town: OpenTown) -> None:
    """ISOLATE_HEAP_INITIAL_MB."""
    code = """export default { async fetch() {
      const gone = (() => new WeakRef({}))();
      const kept = [];
      for (let n = 0; n < 100; n++) {
        kept.push(Array.from({ length: 1000 }, () => new Array(125).fill(n)));
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      return new Response(gone.deref() === undefined ? 'collected' : 'still there');
    } };"""
    limits = {"ISOLATE_HEAP_MAX_MB": "400", "CPU_TIME_LIMIT_MS": "5000"}
    assert await answer_of(open_town, code, ISOLATE_HEAP_INITIAL_MB="10", **limits) == "collected"
    late = await answer_of(open_town, code, ISOLATE_HEAP_INITIAL_MB="400", **limits)
    assert late == "still there"


@pytest.mark.parametrize("variable", ["SNAPSHOT_CACHE_MAX", "CODE_CACHE_MAX_BYTES"])
async def test_compiled_code_is_kept_unless_none_may_be(open_town: OpenTown, variable: str) -> None:
    for most, kept in (("1000000", True), ("0", False)):
        async with open_town(**{variable: most}, WORKER_POOL_SIZE="1") as there:
            there.add("w", COUNT)
            for _ in range(3):
                await ask(there, "w")
            assert bool(there.runner.caches.size_bytes) is kept


class Upstream:
    """An HTTP server that counts connections."""

    def __init__(self) -> None:
        self.connections: list[asyncio.Task[None] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.current_task())
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            await writer.wait_closed()

    async def count(self) -> int:
        """Return how many there were, once all are closed."""
        await asyncio.gather(*filter(None, self.connections))
        return len(self.connections)


async def fetch_thrice(open_town: OpenTown, **variables: str) -> tuple[Any, int]:
    """Return the answer of a worker that asks a server on this machine three times, and its number of connections."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    code = f"""export default {{ async fetch() {{
      let text = '';
      for (let n = 0; n < 3; n++) text += await (await fetch('http://127.0.0.1:{port}/')).text();
      return new Response(text);
    }} }};"""
    async with server:
        async with open_town(**variables) as there:
            there.add("w", code)
            ((_, body),) = await ask(there, "w")
        return body, await upstream.count()


@pytest.mark.parametrize(("idle", "connections"), [("1", 1), ("0", 3)])
async def test_so_many_connections_stay_open(
    open_town: OpenTown, idle: str, connections: int
) -> None:
    """HTTP_POOL_MAX_IDLE_PER_HOST."""
    variables = {"HTTP_POOL_MAX_IDLE_PER_HOST": idle, "FETCH_ALLOW_PRIVATE_NETWORK": "true"}
    assert await fetch_thrice(open_town, **variables) == (b"okokok", connections)


@pytest.mark.parametrize(
    ("allowed", "reached"),
    [("false", False), ("true", True), ("127.0.0.0/8", True), ("10.0.0.0/8", False)],
)
async def test_this_machine_is_out_of_reach_unless_it_is_allowed(
    open_town: OpenTown, allowed: str, reached: bool
) -> None:
    """FETCH_ALLOW_PRIVATE_NETWORK."""
    answer, connections = await fetch_thrice(open_town, FETCH_ALLOW_PRIVATE_NETWORK=allowed)
    assert (answer == b"okokok") is reached
    assert bool(connections) is reached
