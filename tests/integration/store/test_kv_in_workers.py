"""Workers that keep things: JavaScript in a real host, values in a real database, files on a real disk."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pools.protocol import Mode, OutcomeKind
from runner.app import Runner, make_kv_purge
from runner.bindings import AssetsBinding, KvBinding
from runner.config import Settings
from runner.deployments import make_deployment, make_limits
from runner.execution import Response
from runner.journal import Silence
from runner.ops.limits import DEFAULT_OP_LIMITS, OpLimit
from runner.store.pool import connect, open_pool
from runner.streams import ByteStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from runner.bindings import Binding
    from runner.deployments import Deployment
    from runner.store.pool import Pool

FETCH = b'{"type":"fetch","method":"GET","url":"http://a.test%s","headers":[],"body":null}'


def deployment(
    source: str, limits: Mapping[str, OpLimit] = DEFAULT_OP_LIMITS, **bindings: Binding
) -> Deployment:
    return make_deployment(
        tenant="t",
        worker="w",
        name="w",
        main="index.js",
        files={"index.js": source},
        variables={},
        limits=make_limits(cpu_ms=2000, wall_ms=10_000, ops=limits),
        bindings=bindings,
    )


async def run(runner: Runner, body: str, **options: Any) -> Any:
    """Run a task with this body; return what it returned."""
    source = f"export default {{ async task(payload, env) {{ {body} }} }}"
    execution = runner.dispatcher.start(
        deployment(source, **options), b'{"type":"task","payload":null}'
    )
    outcome = await execution.ended()
    assert outcome.kind is OutcomeKind.OK, outcome
    assert execution.result is not None
    return json.loads(execution.result.json).get("data")


async def fetch(runner: Runner, work: Deployment, path: str) -> tuple[int, bytes]:
    execution = runner.dispatcher.start(work, FETCH % path.encode())
    answer = await execution.answer
    assert isinstance(answer, Response), answer
    if isinstance(answer.body, ByteStream):
        chunks = []
        while (chunk := await answer.body.read()) is not None:
            chunks.append(chunk)
        return answer.status, b"".join(chunks)
    return answer.status, answer.body or b""


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with open_pool(database) as pool:
        yield pool


@pytest.fixture(params=list(Mode))
async def runner(
    request: pytest.FixtureRequest, pool: Pool, snapshots: Path
) -> AsyncIterator[Runner]:
    settings = Settings(mode=request.param, snapshot_dir=snapshots, host_environ={"TZ": "UTC"})
    async with Runner(settings, Silence()) as runner:
        runner.world.pool = pool
        yield runner


@pytest.fixture
async def namespace(pool: Pool) -> KvBinding:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "WITH owner AS (INSERT INTO users (username) VALUES (gen_random_uuid()::text) RETURNING id)"
            " INSERT INTO kv_configs (user_id, name) SELECT id, 'kv' FROM owner RETURNING id::text"
        )
        rows = await cursor.fetchall()
    return KvBinding(rows[0][0])


async def test_a_worker_keeps_lists_and_deletes(runner: Runner, namespace: KvBinding) -> None:
    body = """
        await env.KV.put('a/1', { n: 1e300, s: '😀' });
        await env.KV.set('a/2', 'text', { expiresIn: 60 });
        await env.KV.put('b', null);
        const first = await env.KV.list({ prefix: 'a/', limit: 1 });
        const second = await env.KV.list({ prefix: 'a/', limit: 1, cursor: first.cursor });
        const value = await env.KV.get('a/1');
        return [value.n === 1e300, value.s, await env.KV.get('a/2'), first, second, second.cursor,
          await env.KV.delete('b'), await env.KV.get('b'), await env.KV.list()];"""
    assert await run(runner, body, KV=namespace) == [
        True, "😀", "text", ["a/1"], ["a/2"], None, True, None, ["a/1", "a/2"]
    ]  # fmt: skip


async def test_what_is_wrong_rejects_and_the_worker_goes_on(
    runner: Runner, namespace: KvBinding
) -> None:
    """Nothing that tenant code can say ends its host."""
    body = r"""
        const said = [];
        for (const wrong of [() => env.KV.get('a\0'), () => env.KV.put('ü'.repeat(257), 1),
          () => env.KV.put('k', 'a\0'), () => env.KV.list({ cursor: '?' }), () => env.KV.list({ prefix: '\ud800' }),
          () => env.KV.put('\ud800', '\ud800'), () => env.KV.put('k', 1n)]) {
          try { said.push(await wrong()) } catch (e) { said.push(e.name) }
        }
        return said;"""
    assert await run(runner, body, KV=namespace) == [
        "TypeError", "RangeError", "TypeError", "TypeError", [], None, "TypeError"
    ]  # fmt: skip


async def test_more_ops_than_allowed_reject(runner: Runner, namespace: KvBinding) -> None:
    body = """
        const all = await Promise.allSettled(Array.from({ length: 4 }, (_, i) => env.KV.get('k' + i)));
        return all.map(it => it.status === 'fulfilled' ? it.value : it.reason.message);"""
    limits = {"kv": OpLimit(3, 2)}
    assert await run(runner, body, limits=limits, KV=namespace) == [
        None, None, None, "kv limit exceeded: kv (4/3)"
    ]  # fmt: skip


async def test_without_a_database_a_namespace_says_so(runner: Runner, namespace: KvBinding) -> None:
    runner.world.pool = None
    body = "try { await env.KV.get('k') } catch (e) { return e.message }"
    assert (
        await run(runner, body, KV=namespace) == "KV is not available: this runner has no database"
    )


async def test_a_tenant_that_waits_for_the_database_leaves_connections_to_others(
    runner: Runner, namespace: KvBinding, database: str
) -> None:
    """All puts of one tenant hang at a row that somebody else holds."""
    source = "export default { async task(payload, env) { %s } }"
    floods = deployment(
        source % "await Promise.all(Array.from({ length: 8 }, () => env.KV.put('k', 3)))",
        KV=namespace,
    )
    others = msgspec.structs.replace(
        deployment(source % "return env.KV.get('other')", KV=namespace), tenant="u"
    )
    event = b'{"type":"task","payload":null}'
    async with open_pool(database, most=5) as few, connect(database) as holder:
        runner.world.pool = few
        await run(runner, "await env.KV.put('k', 1); await env.KV.put('other', 2)", KV=namespace)
        async with holder.transaction():
            await holder.execute("SELECT FROM kv_data WHERE key = 'k' FOR UPDATE")
            flood = runner.dispatcher.start(floods, event)
            async with asyncio.timeout(30):
                while few.get_stats()["pool_size"] - few.get_stats()["pool_available"] < 4:
                    await asyncio.sleep(0)
            other = runner.dispatcher.start(others, event)
            assert (await other.ended()).kind is OutcomeKind.OK
            assert other.result is not None
            assert json.loads(other.result.json)["data"] == 2
        assert (await flood.ended()).kind is OutcomeKind.OK


async def test_the_purge_starts_and_stops_with_its_pool(pool: Pool) -> None:
    purge = make_kv_purge(pool)
    await purge.stop()
    purge.start()
    await purge.stop()


async def test_a_worker_serves_files_without_reading_them(runner: Runner, tmp_path: Path) -> None:
    large = bytes(range(256)) * 4000
    (tmp_path / "index.html").write_text("home")
    (tmp_path / "large.bin").write_bytes(large)
    work = deployment(
        "export default { fetch: (request, env) => env.ASSETS.fetch(request) }",
        ASSETS=AssetsBinding(folder=str(tmp_path)),
    )
    assert await fetch(runner, work, "/") == (200, b"home")
    assert await fetch(runner, work, "/large.bin") == (200, large)
    assert await fetch(runner, work, "/nothing") == (404, b"Not Found\n")
