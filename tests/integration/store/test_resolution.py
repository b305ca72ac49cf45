"""Resolution in the database: which worker a request is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.integration.store.conftest import Rows

RESOLVE = """
SELECT worker_id, project_id, backend_type::text, assets_storage_id, priority
FROM resolve_worker_from_request(%(host)s::text, %(worker_id)s::uuid, %(worker_name)s::text, %(path)s::text)
WHERE coalesce(worker_id, project_id) IS NOT NULL
"""


class Found(NamedTuple):
    worker: UUID | None
    project: UUID | None = None
    backend: str | None = "worker"
    assets: UUID | None = None
    priority: int | None = None


async def resolve(
    rows: Rows,
    *,
    host: str | None = None,
    number: UUID | None = None,
    name: str | None = None,
    path: str = "/",
) -> Found | None:
    values = {"host": host, "worker_id": number, "worker_name": name, "path": path}
    cursor = await rows.connection.execute(RESOLVE, values)
    row = await cursor.fetchone()
    return Found(*row) if row else None


async def add_domain(rows: Rows, user: UUID, name: str, worker: UUID) -> None:
    statement = "INSERT INTO domains (name, user_id, worker_id) VALUES (%s, %s, %s)"
    await rows.connection.execute(statement, (name, user, worker))


async def add_route(
    rows: Rows, project: UUID, pattern: str, worker: UUID | None, priority: int = 0
) -> None:
    await rows.connection.execute(
        "INSERT INTO project_routes (project_id, pattern, priority, backend_type, worker_id)"
        " VALUES (%s, %s, %s, (CASE WHEN %s::uuid IS NULL THEN 'storage' ELSE 'worker' END)::enum_backend_type, %s)",
        (project, pattern, priority, worker, worker),
    )


async def test_id_wins_over_name_and_name_over_host(rows: Rows) -> None:
    """What is given first decides, also when it is wrong: nothing falls through."""
    user = await rows.user()
    by_id, by_name, by_domain = [await rows.worker(user, name) for name in ("a", "b", "c")]
    await add_domain(rows, user, "shop.example", by_domain)
    assert await resolve(rows, host="shop.example", name="b", number=by_id) == Found(by_id)
    assert await resolve(rows, host="shop.example", name="b") == Found(by_name)
    assert await resolve(rows, host="shop.example") == Found(by_domain)
    assert await resolve(rows, host="shop.example", name="b", number=uuid4()) is None
    assert await resolve(rows, host="shop.example", name="nobody") is None
    assert await resolve(rows, host="elsewhere.example") is None
    assert await resolve(rows) is None


@pytest.mark.parametrize(
    "host",
    ["shop.example", "SHOP.example", "shop.example:8080", "shop.example.", "Shop.Example.:80"],
)
async def test_a_host_is_found_whatever_its_case_port_and_dot(rows: Rows, host: str) -> None:
    user = await rows.user()
    worker = await rows.worker(user, "hello")
    await add_domain(rows, user, "Shop.example", worker)
    assert await resolve(rows, host=host) == Found(worker)
    assert await resolve(rows, host=f"x{host}") is None


async def test_names_have_no_case_and_belong_to_one(rows: Rows) -> None:
    user, other = await rows.user(), await rows.user()
    worker = await rows.worker(user, "Hello")
    assert await resolve(rows, name="hELLO") == Found(worker)
    with pytest.raises(psycopg.errors.UniqueViolation, match="the name hello is taken"):
        async with rows.connection.transaction():
            await rows.worker(other, "hello")
    await rows.connection.execute("SELECT upgrade_worker_to_project(%s)", (worker,))
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with rows.connection.transaction():
            await rows.worker(other, "HELLO")


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("/about", ["/about"], ["/about/", "/", "/About"]),
        ("/*", ["/", "/a", "/a/b"], ["", "a"]),
        ("/api/*", ["/api/", "/api/a", "/api/a/b"], ["/api", "/apis", "/x/api/a"]),
        ("/**", ["/", "/a/b"], ["a"]),
        ("/drip/**", ["/drip/1", "/drip/1/2/3"], ["/drip", "/x/drip/1"]),
        ("/a/*/b", ["/a/x/b"], ["/a/b", "/a/x/y/b", "/a//b"]),
        ("/a/*/*", ["/a/x/y", "/a/x/y/z", "/a/x/"], ["/a/x", "/a//y"]),
        ("/**/end", ["/a/b/end", "/a/end"], ["/end", "/a/ends"]),
        ("*.css", ["x.css"], ["/x.css", "xacss"]),
        ("/f/*.min.js", ["/f/a.min.js"], ["/f/a-min-js", "/f/a/b.min.js", "/f/.min.js"]),
        ("/(a+)+$/*", ["/(a+)+$/x"], ["/aa/x", "/(aa)/x"]),
        ("/[a-c]{2}|x?^\\d/**", ["/[a-c]{2}|x?^\\d/y"], ["/ab/y", "/x"]),
        ("/100%_/*", ["/100%_/x"], ["/100ab/x", "/1000/x"]),
    ],
)
async def test_what_a_pattern_matches(
    rows: Rows, pattern: str, matches: list[str], others: list[str]
) -> None:
    """`*` is a segment, at the end all that follows; `**` is anything; the rest is meant literally."""

    async def match(path: str) -> object:
        return await rows.one("SELECT match_route_pattern(%s, %s)", path, pattern)

    assert [path for path in matches if not await match(path)] == []
    assert [path for path in others if await match(path)] == []


async def test_patterns_from_the_most_to_the_least_specific(rows: Rows) -> None:
    ordered = [
        "/api/users/me",
        "/api",
        "/api/users/*",
        "/api/*/me",
        "/api/*",
        "/api/**",
        "/*",
        "/**",
    ]
    cursor = await rows.connection.execute(
        "SELECT array_agg(pattern ORDER BY route_pattern_specificity(pattern) DESC)"
        " FROM unnest(%s::text[]) AS pattern",
        (sorted(ordered),),
    )
    assert await cursor.fetchone() == (ordered,)


async def test_a_project_wins_over_its_main_worker_and_its_routes_decide(rows: Rows) -> None:
    """Specificity, then priority; without a route there is only the project."""
    user = await rows.user()
    main = await rows.worker(user, "shop")
    assert await rows.one("SELECT upgrade_worker_to_project(%s)", main) == main
    api, admin = [await rows.worker(user, None, project_id=main) for _ in range(2)]
    await add_route(rows, main, "/api/*", api)
    await add_route(rows, main, "/api/**", admin, priority=9)
    await add_route(rows, main, "/a/*/c", api, priority=1)
    await add_route(rows, main, "/a/b/*", admin, priority=2)
    await add_domain(rows, user, "alone.example", api)

    async def target(path: str) -> Found | None:
        return await resolve(rows, name="shop", path=path)

    assert await target("/") == Found(main, main, priority=0)
    assert await target("/api/x") == Found(api, main, priority=0)
    assert await target("/a/b/c") == Found(admin, main, priority=2)
    assert await resolve(rows, host="alone.example", path="/api/x") == Found(api)
    assert await resolve(rows, number=main, path="/api/x") == Found(main)
    await rows.connection.execute("DELETE FROM project_routes WHERE pattern = '/*'")
    assert await target("/elsewhere") == Found(None, main, None)


async def test_a_domain_may_lead_to_a_project(rows: Rows) -> None:
    user = await rows.user()
    main = await rows.worker(user, "shop")
    await rows.connection.execute("SELECT upgrade_worker_to_project(%s)", (main,))
    await rows.connection.execute(
        "INSERT INTO domains (name, user_id, project_id) VALUES ('shop.example', %s, %s)",
        (user, main),
    )
    assert await resolve(rows, host="shop.example", path="/x") == Found(main, main, priority=0)


async def test_files_of_a_project_come_from_the_assets_of_its_main_worker(rows: Rows) -> None:
    """A prerendered page is also there under its file's name."""
    user = await rows.user()
    environment = await rows.environment(user)
    main = await rows.worker(user, "shop", environment_id=environment)
    await rows.connection.execute("SELECT upgrade_worker_to_project(%s)", (main,))
    await add_route(rows, main, "/about", None, priority=1)
    assert await resolve(rows, name="shop", path="/about") == Found(None, main, "storage", None, 1)
    storage = await rows.one(
        "INSERT INTO storage_configs (user_id, name, bucket, access_key_id, secret_access_key)"
        " VALUES (%s, 'files', 'files', 'id', 'key') RETURNING id",
        user,
    )
    await rows.connection.execute(
        "INSERT INTO environment_values (environment_id, user_id, key, value, type)"
        " VALUES (%s, %s, 'ASSETS', %s, 'assets')",
        (environment, user, str(storage)),
    )
    for path in ("/about", "/about.html"):
        assert await resolve(rows, name="shop", path=path) == Found(
            None, main, "storage", storage, 1
        )
    assert await resolve(rows, name="shop", path="/about.htm") == Found(main, main, priority=0)


async def test_nothing_leads_to_another_tenants_worker(rows: Rows) -> None:
    """Neither domain, route, project nor environment may be joined to what somebody else owns."""
    user, other = await rows.user(), await rows.user()
    mine, theirs = await rows.worker(user, "mine"), await rows.worker(other, "theirs")
    await rows.connection.execute("SELECT upgrade_worker_to_project(%s)", (mine,))
    environment = await rows.environment(other)
    for statement, parameters in (
        ("INSERT INTO domains (name, user_id, worker_id) VALUES ('x.y', %s, %s)", (user, theirs)),
        ("UPDATE project_routes SET worker_id = %s WHERE project_id = %s", (theirs, mine)),
        ("UPDATE workers SET project_id = %s WHERE id = %s", (mine, theirs)),
        ("UPDATE workers SET environment_id = %s WHERE id = %s", (environment, mine)),
        ("SELECT link_worker_environment(%s, %s)", (mine, environment)),
    ):
        with pytest.raises(psycopg.errors.CheckViolation, match="of the same user"):
            async with rows.connection.transaction():
                await rows.connection.execute(statement, parameters)
    # Not even where such a row is there already, as in a database of the original.
    await rows.connection.execute("ALTER TABLE project_routes DISABLE TRIGGER USER")
    await rows.connection.execute("ALTER TABLE domains DISABLE TRIGGER USER")
    await rows.connection.execute("UPDATE project_routes SET worker_id = %s", (theirs,))
    await add_domain(rows, user, "x.y", theirs)
    assert await resolve(rows, name="mine", path="/a") == Found(None, mine, None)
    assert await resolve(rows, host="x.y") is None


async def test_a_project_and_its_workers_have_one_environment(rows: Rows) -> None:
    user = await rows.user()
    main = await rows.worker(user, "shop")
    await rows.connection.execute("SELECT upgrade_worker_to_project(%s)", (main,))
    part = await rows.worker(user, None, project_id=main)
    alone = await rows.worker(user, "alone")
    environment = await rows.environment(user)
    await rows.connection.execute("SELECT link_worker_environment(%s, %s)", (part, environment))
    cursor = await rows.connection.execute(
        "SELECT id FROM workers WHERE environment_id = %s UNION ALL"
        " SELECT id FROM projects WHERE environment_id = %s",
        (environment, environment),
    )
    assert sorted(row[0] for row in await cursor.fetchall()) == sorted([main, main, part])
    assert await rows.one("SELECT environment_id FROM workers WHERE id = %s", alone) is None


async def test_resolution_uses_indexes(rows: Rows) -> None:
    """However many workers there are, none is looked at in vain."""
    await rows.connection.execute("SET LOCAL enable_seqscan = off")
    for relation, indexes in (("endpoints", ("workers", "projects")), ("domains", ("domains",))):
        cursor = await rows.connection.execute(
            f"EXPLAIN SELECT FROM {relation} WHERE lower(name) = lower('x')"
        )
        plan = "\n".join(row[0] for row in await cursor.fetchall())
        for index in indexes:
            assert f"idx_{index}_lower_name" in plan
