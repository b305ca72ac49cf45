"""From a request to a deployment: asked once, remembered, forgotten when it changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest

from runner.bindings import (
    AssetsBinding,
    DatabaseBinding,
    KvBinding,
    ServiceBinding,
    StorageBinding,
)
from runner.errors import BusyError, NotResolvedError
from runner.events.fetch import Request
from runner.store.configs import NewStorage
from runner.store.versions import Code
from runner.store.workers import WorkerChange
from tests.integration.store.resolving import open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.store.resolving import World


@pytest.fixture
async def world(own_database: str) -> AsyncIterator[World]:
    async with open_world(own_database) as opened:
        yield opened


def psql(url: str, statement: str, *parameters: object) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement, parameters)


async def status_of(world: World, *arguments: Any, **options: Any) -> int:
    with pytest.raises(NotResolvedError) as caught:
        await world.resolve(*arguments, **options)
    return caught.value.status


async def test_id_then_name_then_domain_then_the_name_in_the_host(world: World) -> None:
    """What is given first decides, also when it is wrong: nothing falls through."""
    workers = [await world.deploy(name) for name in ("a", "b", "c", "d")]
    by_id = workers[0]
    async with world.store.session() as session:
        await session.routing.set_domain(by_id.tenant, "d.workers.test", "c")
    host = "d.workers.test"
    assert (await world.resolve(host, number=by_id.id, name="b")).name == "a"
    assert (await world.resolve(host, number=str(by_id.id).upper())).name == "a"
    assert (await world.resolve(host, name="B")).name == "b"
    assert (await world.resolve(host)).name == "c"
    assert (await world.resolve("d.w.example")).name == "d"
    assert (await world.resolve("D.W.Example.:8080")).name == "d"
    assert await status_of(world, host, number="7", name="b") == 400
    assert await status_of(world, host, number=uuid4(), name="b") == 502
    assert await status_of(world, host, name="nobody") == 502


@pytest.mark.parametrize(
    "host",
    ["", "workers.test", "nobody.workers.test", "a.b.workers.test", "[::1]:80", "x" * 300, "'; --"],
)
async def test_a_host_that_names_nobody_is_502(world: World, host: str) -> None:
    await world.deploy("a")
    assert await status_of(world, host) == 502


@pytest.mark.parametrize(
    "name", ["a b", "-", "ä", "\x00", "a" * 300, "' OR 1=1 --", "a.b", "files of x"]
)
async def test_a_name_that_can_be_none_asks_nobody(world: World, name: str) -> None:
    assert await status_of(world, name=name) == 502
    assert world.lookup.asked == []


async def test_a_hit_asks_nobody_and_waits_for_nothing(world: World) -> None:
    worker = await world.deploy("a")
    requests = []
    for host, number, name in (
        ("x", str(worker.id), ""),
        ("x", "", "a"),
        ("a.workers.test", "", ""),
    ):
        await world.resolve(host, number=number, name=name)
        request = Request("GET", "http", "/")
        request.host, request.worker_id, request.worker_name = host, number, name
        requests.append(request)
    asked = len(world.lookup.asked)
    for request in requests:
        coroutine = world.resolver.resolve(request)
        with pytest.raises(StopIteration) as stopped:
            coroutine.send(None)
        assert stopped.value.value.name == "a"
    assert len(world.lookup.asked) == asked


async def test_many_who_want_the_same_ask_once(world: World, own_database: str) -> None:
    await world.deploy("a")
    # What that changed has been heard when this is.
    with psycopg.connect(own_database, autocommit=True) as connection:
        connection.execute("NOTIFY isolane_changes, 'nothing more'")
    await world.heard("nothing more")
    world.lookup.gate.clear()
    tasks = [asyncio.create_task(world.resolve("a.workers.test")) for _ in range(50)]
    await world.lookup.waiting.wait()
    tasks.pop().cancel()
    world.lookup.gate.set()
    assert {one.name for one in await asyncio.gather(*tasks)} == {"a"}
    assert world.lookup.asked == ["target a.workers.test a", "worker"]


async def test_who_is_not_there_is_remembered_for_a_moment(world: World) -> None:
    """Until one of that name comes."""
    for _ in range(100):
        assert await status_of(world, "new.workers.test") == 502
        assert await status_of(world, number="00000000-0000-0000-0000-000000000001") == 502
    assert len(world.lookup.asked) == 2
    await world.deploy("new")
    await world.heard("name new")
    assert (await world.resolve("new.workers.test")).name == "new"


async def test_too_many_different_names_at_once_are_sent_away(world: World) -> None:
    world.lookup.gate.clear()
    tasks = [asyncio.create_task(world.resolve(name=f"n{number}")) for number in range(150)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert isinstance(done.pop().exception(), BusyError)
    world.lookup.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in results].count(BusyError) == 50
    assert [type(one) for one in results].count(NotResolvedError) == 100


@pytest.mark.parametrize(
    ("statement", "change"),
    [
        ("UPDATE workers SET name = 'b' WHERE name = 'a'", "name a"),
        ("UPDATE workers SET public = true, cpu_ms = 7 WHERE name = 'a'", "worker {worker}"),
        ("DELETE FROM workers WHERE name = 'a'", "name a"),
        ("TRUNCATE workers CASCADE", "all"),
        (
            "UPDATE environment_values SET value = 'new' WHERE key = 'V'",
            "environment {environment}",
        ),
        ("DELETE FROM environment_values", "environment {environment}"),
        ("DELETE FROM environments", "environment {environment}"),
        ("UPDATE storage_configs SET bucket = 'new'", "storage {storage}"),
        ("DELETE FROM storage_configs", "storage {storage}"),
        (
            "INSERT INTO domains (name, user_id, worker_id) SELECT 'A.workers.test', user_id, id FROM workers WHERE name = 'other'",
            "domain a.workers.test",
        ),
        (
            "INSERT INTO projects (id, name, user_id) SELECT id, name, user_id FROM workers WHERE name = 'a'",
            "name a",
        ),
    ],
)
async def test_whatever_is_changed_with_psql_is_seen(
    world: World, own_database: str, statement: str, change: str
) -> None:
    worker = await world.deploy("a")
    await world.deploy("other")
    async with world.store.session() as session:
        environment = await session.environments.of_worker(worker.tenant, worker.id, "a")
        new = NewStorage(bucket="b", access_key_id="i", secret_access_key="s")
        storage = await session.configs.put_storage(worker.tenant, "files", new)
        for key, kind, value in (("V", "var", "old"), ("S", "storage", "files")):
            await session.environments.set(worker.tenant, environment, key, kind, value)  # type: ignore[arg-type]
    await world.heard(f"storage {storage.id}")
    before = await world.resolve("a.workers.test")
    assert await world.resolve("a.workers.test") is before
    psql(own_database, statement)
    await world.heard(change.format(worker=worker.id, environment=environment, storage=storage.id))
    try:
        after = await world.resolve("a.workers.test")
    except NotResolvedError:
        return
    assert after != before


async def test_a_change_that_comes_while_it_is_looked_up_is_not_overlooked(
    world: World, own_database: str
) -> None:
    await world.deploy("a", "1")
    await world.heard("name a")
    world.lookup.gate.clear()
    asking = asyncio.create_task(world.resolve(name="a"))
    await world.lookup.waiting.wait()
    await asyncio.to_thread(psql, own_database, "UPDATE workers SET name = 'b' WHERE name = 'a'")
    await world.heard("name a")
    world.lookup.gate.set()
    with pytest.raises(NotResolvedError):
        await asking


async def test_versions_come_and_go_with_deploy_and_rollback(world: World) -> None:
    worker = await world.deploy("a", "one")
    assert (await world.resolve(name="a")).files == {"index.js": "one"}
    for text, version in (("two", 2), ("one", 1)):
        await world.deploy("a", text)
        world.resolver.forget(f"worker {worker.id}")
        found = await world.resolve(name="a")
        assert (found.version, found.files["index.js"]) == (version, text)
    async with world.store.session() as session:
        await session.versions.rollback(worker.tenant, worker.id, 2)
    world.resolver.forget(f"worker {worker.id}")
    assert (await world.resolve(name="a")).version == 2


async def test_a_worker_of_the_originals_tools_runs(world: World, own_database: str) -> None:
    """A single script, of any spelling; without a current version there is nothing to run."""
    psql(
        own_database,
        "WITH u AS (INSERT INTO users (username) VALUES ('old') RETURNING id),"
        " w AS (INSERT INTO workers (name, user_id, current_version)"
        "       SELECT x.name, u.id, x.version FROM u, (VALUES ('Js', 1), ('ts', 1), ('none', NULL), ('wasm', 1),"
        "       ('bad', 1), ('enum', 1)) AS x (name, version) RETURNING id, name)"
        " INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)"
        " SELECT id, 1, 'h', (CASE name WHEN 'wasm' THEN 'wasm' WHEN 'Js' THEN 'javascript' ELSE 'typescript' END)::enum_code_type,"
        " CASE name WHEN 'bad' THEN '\\xff' ELSE convert_to(CASE name WHEN 'enum' THEN 'enum A {}' ELSE 'let a: T' END, 'UTF8') END"
        " FROM w WHERE name <> 'none'",
    )
    assert (await world.resolve("js.workers.test")).files == {"index.js": "let a: T"}
    assert (await world.resolve(name="ts")).files == {"index.ts": "let a   "}
    (broken,) = (await world.resolve(name="enum")).files.values()
    assert broken.startswith("throw new SyntaxError(")
    for name in ("none", "wasm", "bad"):
        assert await status_of(world, name=name) == 502


async def test_what_was_stripped_when_it_was_deployed_is_not_stripped_again(world: World) -> None:
    worker = await world.deploy("a")
    code = Code("a.ts", {"a.ts": "let a: T; enum", "b.ts": "b: T"}, {"a.ts": "stripped"})
    async with world.store.session() as session:
        await session.versions.store(worker.tenant, worker.id, code)
    world.resolver.forget(f"worker {worker.id}")
    assert (await world.resolve(name="a")).files == {"a.ts": "stripped", "b.ts": "b   "}


async def test_limits_reuse_and_publication_are_the_workers(world: World) -> None:
    worker = await world.deploy("a")
    plain = await world.resolver.worker(str(worker.id))
    assert (plain.limits.cpu_ms, plain.limits.wall_ms, plain.warm, plain.public) == (
        100, 64_000, False, False,
    )  # fmt: skip
    async with world.store.session() as session:
        change = WorkerChange(cpu_ms=0, wall_ms=5, context_reuse="warm", public=True)
        await session.workers.change(worker.tenant, "a", change)
    await world.heard(f"worker {worker.id}")
    await world.heard(f"worker {worker.id}")
    own = await world.resolver.worker(str(worker.id))
    assert (own.limits.cpu_ms, own.limits.wall_ms, own.warm, own.public) == (0, 5, True, True)


async def test_env_is_filled_with_what_the_tenant_has(world: World) -> None:
    worker = await world.deploy("a")
    tenant = worker.tenant
    async with world.store.session() as session:
        environment = await session.environments.of_worker(tenant, worker.id, "a")
        kv = await session.configs.ensure_kv(tenant, "cache")
        new = NewStorage(
            bucket="b", access_key_id="i", secret_access_key="hidden", prefix="p/", region="r"
        )
        storage = await session.configs.put_storage(tenant, "files", new)
        ours = await session.configs.add_database(tenant, "ours", max_rows=7, timeout_seconds=3)
        own = await session.configs.add_database(tenant, "own", url="postgresql://x:y@z/w")
        for key, kind, value in (
            ("VAR", "var", "text"), ("SECRET", "secret", "s3cret"), ("KV", "kv", "cache"),
            ("FILES", "storage", "files"), ("ASSETS", "assets", "files"), ("OURS", "database", "ours"),
            ("OWN", "database", "own"), ("SELF", "service", "a"),
        ):  # fmt: skip
            await session.environments.set(tenant, environment, key, kind, value)  # type: ignore[arg-type]
    world.resolver.forget(f"worker {worker.id}")
    found = await world.resolve(name="a")
    files = StorageBinding(
        id=str(storage.id), bucket="b", prefix="p/", region="r", access_key_id="i", secret_access_key="hidden",
    )  # fmt: skip
    assert found.bindings == {
        "KV": KvBinding(str(kv.id)),
        "FILES": files,
        "ASSETS": AssetsBinding(storage=files),
        "OURS": DatabaseBinding(id=str(ours.id), schema=ours.schema_name or "", max_rows=7, timeout_s=3),
        "OWN": DatabaseBinding(id=str(own.id), url="postgresql://x:y@z/w"),
        "SELF": ServiceBinding(str(worker.id)),
    }  # fmt: skip
    assert found.secrets == ("s3cret",)
    assert b'"VAR":"text"' in found.env
    assert b"hidden" not in found.env
    assert b"postgresql" not in found.env


async def test_a_row_that_leads_to_another_tenant_binds_nothing(
    world: World, own_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever wrote it; a worker that is published again is another matter."""
    mine, theirs = await world.deploy("a"), await world.deploy("b", tenant="other")
    async with world.store.session() as session:
        environment = await session.environments.of_worker(mine.tenant, mine.id, "a")
        kv = await session.configs.ensure_kv(theirs.tenant, "cache")
        new = NewStorage(bucket="b", access_key_id="i", secret_access_key="s")
        storage = await session.configs.put_storage(theirs.tenant, "files", new)
        base = await session.configs.add_database(theirs.tenant, "base")
    for key, kind, number in (
        ("KV", "kv", kv.id), ("FILES", "storage", storage.id), ("ASSETS", "assets", storage.id),
        ("BASE", "database", base.id), ("SERVICE", "worker", theirs.id),
    ):  # fmt: skip
        psql(
            own_database,
            "INSERT INTO environment_values (environment_id, user_id, key, value, type)"
            " VALUES (%s, %s, %s, %s, %s::enum_binding_type)",
            environment, mine.tenant, key, str(number), kind,
        )  # fmt: skip
    world.resolver.forget(f"worker {mine.id}")
    assert (await world.resolve(name="a")).bindings == {}
    assert "a has no KV: its kv is gone, or another tenant's" in caplog.text
    psql(own_database, "UPDATE workers SET public = true WHERE name = 'b'")
    await world.heard(f"worker {theirs.id}")
    await world.heard(f"worker {theirs.id}")
    assert (await world.resolve(name="a")).bindings == {"SERVICE": ServiceBinding(str(theirs.id))}


async def test_a_secret_that_does_not_open_is_500_without_saying_more(
    world: World, own_database: str
) -> None:
    worker = await world.deploy("a")
    async with world.store.session() as session:
        environment = await session.environments.of_worker(worker.tenant, worker.id, "a")
        await session.environments.set(worker.tenant, environment, "S", "secret", "s3cret")
    psql(own_database, "UPDATE environment_values SET sealed = sealed || '\\x00'")
    world.resolver.forget(f"worker {worker.id}")
    assert await status_of(world, name="a") == 500
    psql(own_database, "UPDATE environment_values SET value = 'in clear'")
    await world.heard(f"environment {environment}")
    world.resolver.forget(f"environment {environment}")
    assert (await world.resolve(name="a")).secrets == ("in clear",)


PATTERNS = [
    "/about", "/about.html", "/api", "/api/*", "/api/**", "/api/users/*", "/a/b/*", "/drip/**", "/x**", "/*",
]  # fmt: skip
WILD = ["/a/*/c", "/**/end", "/f/*.min.js", "/(a+)+$/*", "/w*"]
PATHS = [
    "", "/", "/about", "/about.html", "/about.htm", "/about.html.html", "/api", "/api/", "/api/users/1", "/api/x/y",
    "/apis", "/a/b/c", "/a/x/c", "/drip/1/2", "/drip", "/x", "/xyz", "/f/a.min.js", "/q/end", "/(a+)+$/x", "/w1", "/*", "/**",
    "/" * 3000, "/api/" + "a" * 3000, "/a%2Fb", "/\u00fc",
]  # fmt: skip


@pytest.mark.parametrize("patterns", [PATTERNS, [*PATTERNS, *WILD], ["/x"], []])
async def test_routes_lead_where_the_database_says(
    world: World, own_database: str, patterns: list[str]
) -> None:
    """Plain ones are decided here, the others there; with the same result as the original's function."""
    main = await world.deploy("shop")
    async with world.store.session() as session:
        project = await session.routing.ensure_project(main.tenant, "shop")
        await session.routing.unset_route(main.tenant, project.id, "/*")
        for number, pattern in enumerate(patterns):
            worker = await world_worker(session, main.tenant, number)
            await session.routing.set_route(main.tenant, project.id, pattern, worker)
    await world.heard(f"project {project.id}")
    with psycopg.connect(own_database) as connection:
        for path in PATHS:
            row = connection.execute(
                "SELECT w.name FROM resolve_worker_from_request(NULL, NULL, 'shop', %s) AS r"
                " JOIN workers AS w ON w.id = r.worker_id",
                (path,),
            ).fetchone()
            if row is None:
                assert await status_of(world, name="shop", path=path) == 404
            else:
                assert (await world.resolve(name="shop", path=path)).name == row[0]


@pytest.mark.parametrize(
    ("patterns", "path", "route"),
    [
        (["/api/*", "/*"], "/api/x", "/api/*"),
        (["/api/*", "/*"], "/x", "/*"),
        (["/about"], "/about", "/about"),
        (["/a/*/b"], "/a/x/b", "/a/*/b"),
    ],
)
async def test_a_request_notes_the_route_that_it_took(
    world: World, patterns: list[str], path: str, route: str
) -> None:
    """For its span; also when the answer is remembered."""
    main = await world.deploy("shop")
    async with world.store.session() as session:
        project = await session.routing.ensure_project(main.tenant, "shop")
        await session.routing.unset_route(main.tenant, project.id, "/*")
        for pattern in patterns:
            await session.routing.set_route(main.tenant, project.id, pattern, str(main.id))
    await world.heard(f"project {project.id}")
    for _ in range(2):
        request = Request("GET", "http", path)
        request.worker_name = "shop"
        await world.resolver.resolve(request)
        assert request.route == route
    request = Request("GET", "http", path)
    request.worker_id = str(main.id)
    await world.resolver.resolve(request)
    assert request.route == ""


async def world_worker(session: Any, tenant: Any, number: int) -> str:
    worker = await session.workers.ensure(tenant, f"w{number}")
    await session.versions.store(tenant, worker.id, Code("i.js", {"i.js": ""}))
    return str(worker.id)


async def test_the_files_of_a_project_come_from_its_main_workers_assets(world: World) -> None:
    main = await world.deploy("shop")
    async with world.store.session() as session:
        project = await session.routing.ensure_project(main.tenant, "shop")
        await session.routing.set_route(main.tenant, project.id, "/logo.png", None, priority=3)
        await session.routing.set_route(main.tenant, project.id, "/about", None, priority=1)
    await world.heard(f"project {project.id}")
    assert await status_of(world, name="shop", path="/logo.png") == 500
    async with world.store.session() as session:
        environment = await session.environments.of_worker(main.tenant, main.id, "shop")
        new = NewStorage(bucket="b", access_key_id="i", secret_access_key="s")
        await session.configs.put_storage(main.tenant, "files", new)
        await session.environments.set(main.tenant, environment, "ASSETS", "assets", "files")
    await world.heard(f"environment {environment}")
    file = await world.resolve(name="shop", path="/logo.png")
    page = await world.resolve(name="shop", path="/about.html")
    assert (file.tenant, file.worker, list(file.bindings)) == (
        str(main.tenant), str(project.id), ["ASSETS"],
    )  # fmt: skip
    assert (b'"PAGES":""' in file.env, b'"PAGES":"true"' in page.env) == (True, True)
    assert (await world.resolve(name="shop", path="/")).name == "shop"


async def test_the_questions_of_resolution_use_indexes(world: World, own_database: str) -> None:
    """However many workers there are, none is looked at in vain."""
    from runner.store.named_queries import load_queries

    queries = load_queries("resolution")
    values = {
        "host": "a.b", "name": "a", "project": uuid4(), "worker": uuid4(), "path": "/",
        "environment": uuid4(), "tenant": uuid4(),
    }  # fmt: skip
    with psycopg.connect(own_database) as connection:
        connection.execute("SET enable_seqscan = off")
        for name, query in queries.items():
            plan = connection.execute(f"EXPLAIN {query}", values).fetchall()
            text = "\n".join(row[0] for row in plan)
            assert "Index" in text or "Bitmap" in text, name
            assert "Seq Scan" not in text, f"{name}: {text}"
