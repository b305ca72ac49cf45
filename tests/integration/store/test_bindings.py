"""What is in `env`, what leads to workers, and when they want to be called: as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from runner.errors import (
    ConflictError,
    CronError,
    NotFoundError,
    RefusedError,
    SecretError,
    TenantLimitError,
)
from runner.store.configs import NewStorage
from runner.store.pool import open_pool
from runner.store.routing import ManifestRoute
from runner.store.secrets import SecretBox
from runner.store.session import Session, Store
from runner.store.workers import WorkerChange

if TYPE_CHECKING:
    from uuid import UUID

    from runner.store.environments import ValueType
    from runner.store.workers import Worker

BUCKET = NewStorage(bucket="b", access_key_id="id", secret_access_key="hidden")


async def make(session: Session, tenant: str = "shop", name: str = "hello") -> Worker:
    owner = await session.tenants.ensure(tenant)
    return await session.workers.ensure(owner.id, name)


async def environment(session: Session, worker: Worker) -> UUID:
    return await session.environments.of_worker(worker.tenant, worker.id, worker.name)


async def test_a_worker_gets_an_environment_that_goes_with_it(store: Store) -> None:
    async with store.session() as session:
        worker = await make(session)
        made = await environment(session, worker)
        assert await environment(session, worker) == made
        (one,) = await session.environments.all(worker.tenant)
        assert (one.name, one.made_for) == ("hello", worker.id)
        await session.workers.delete(worker.tenant, "hello")
        assert await session.environments.all(worker.tenant) == []


async def test_values_lead_to_what_the_tenant_has(store: Store, own_database: str) -> None:
    """By name or id; secrets are neither shown nor stored in clear text."""
    async with store.session() as session:
        worker = await make(session)
        tenant = worker.tenant
        kv = await session.configs.ensure_kv(tenant, "cache")
        assert await session.configs.ensure_kv(tenant, "cache") == kv
        files = await session.configs.put_storage(tenant, "files", BUCKET)
        base = await session.configs.add_database(tenant, "base")
        env = await environment(session, worker)
        values: list[tuple[str, ValueType, str]] = [
            ("A", "var", "text"),
            ("B", "secret", "s3cret"),
            ("C", "kv", "cache"),
            ("D", "storage", str(files.id)),
            ("E", "assets", "files"),
            ("F", "database", "base"),
            ("G", "service", "hello"),
        ]
        for key, kind, value in values:
            await session.environments.set(tenant, env, key, kind, value)
        shown = await session.environments.values(tenant, env)
    assert [(one.key, one.type, one.value, one.target) for one in shown] == [
        ("A", "var", "text", None),
        ("B", "secret", None, None),
        ("C", "kv", str(kv.id), "cache"),
        ("D", "storage", str(files.id), "files"),
        ("E", "assets", str(files.id), "files"),
        ("F", "database", str(base.id), "base"),
        ("G", "service", str(worker.id), "hello"),
    ]
    with psycopg.connect(own_database) as connection:
        for table in ("environment_values", "storage_configs", "database_configs"):
            text = str(connection.execute(f"SELECT {table}::text FROM {table}").fetchall())
            assert "s3cret" not in text
            assert "hidden" not in text


async def test_nothing_of_another_tenant_can_be_bound(store: Store) -> None:
    """But for workers that were published."""
    async with store.session() as session:
        worker, theirs = await make(session), await make(session, "other", "theirs")
        await session.configs.ensure_kv(theirs.tenant, "cache")
        await session.configs.put_storage(theirs.tenant, "files", BUCKET)
        await session.configs.add_database(theirs.tenant, "base", url="postgresql://x")
        mine, env = worker.tenant, await environment(session, worker)
        kv = (await session.configs.get_kv(theirs.tenant, "cache")).id
        bad: list[tuple[ValueType, str]] = [
            ("kv", "cache"),
            ("kv", str(kv)),
            ("storage", "files"),
            ("assets", "files"),
            ("database", "base"),
            ("service", "theirs"),
            ("service", str(theirs.id)),
        ]
        for kind, value in bad:
            with pytest.raises(NotFoundError):
                await session.environments.set(mine, env, "X", kind, value)
        with pytest.raises(NotFoundError):
            await session.environments.set(theirs.tenant, env, "X", "var", "x")
        assert await session.environments.values(theirs.tenant, env) == []
        await session.workers.change(theirs.tenant, "theirs", WorkerChange(public=True))
        await session.environments.set(mine, env, "X", "service", "theirs")


async def test_setting_again_replaces_and_removing_removes(store: Store) -> None:
    async with store.session() as session:
        worker = await make(session)
        env = await environment(session, worker)
        await session.environments.set(worker.tenant, env, "A", "secret", "one")
        await session.environments.set(worker.tenant, env, "A", "var", "two")
        (one,) = await session.environments.values(worker.tenant, env)
        assert (one.type, one.value) == ("var", "two")
        await session.environments.unset(worker.tenant, env, "A")
        with pytest.raises(NotFoundError, match="there is no value 'A'"):
            await session.environments.unset(worker.tenant, env, "A")


@pytest.mark.parametrize(
    ("key", "value"),
    [("", "x"), ("a b", "x"), ("__proto__", "x"), ("a" * 256, "x"), ("A", "x" * 5121), ("A", "\0")],
)
async def test_what_can_not_be_in_env_is_refused(store: Store, key: str, value: str) -> None:
    with pytest.raises(RefusedError):
        async with store.session() as session:
            worker = await make(session)
            env = await environment(session, worker)
            await session.environments.set(worker.tenant, env, key, "var", value)


async def test_without_a_key_no_secret_is_stored(own_database: str) -> None:
    async with open_pool(own_database) as pool:
        with pytest.raises(SecretError, match="SECRETS_KEY is not set"):
            async with Store(pool, SecretBox([]), "test").session() as session:
                worker = await make(session)
                env = await environment(session, worker)
                await session.environments.set(worker.tenant, env, "A", "secret", "x")


async def test_a_manifest_is_made_true_and_leaves_what_was_set_by_hand(store: Store) -> None:
    async with store.session() as session:
        worker = await make(session)
        tenant, env = worker.tenant, await environment(session, worker)

        async def apply(**values: str) -> dict[str, tuple[str | None, bool]]:
            texts: dict[str, tuple[ValueType, str]] = {
                key: ("var", value) for key, value in values.items()
            }
            await session.environments.apply_manifest(tenant, worker.id, env, texts)
            shown = await session.environments.values(tenant, env)
            return {one.key: (one.value, one.from_manifest) for one in shown}

        assert await apply(A="1", B="1") == {"A": ("1", True), "B": ("1", True)}
        await session.environments.set(tenant, env, "A", "var", "by hand")
        assert await apply(A="2", C="2") == {"A": ("by hand", False), "C": ("2", True)}
        with pytest.raises(RefusedError, match="K: there is no kv namespace 'gone'"):
            await session.environments.apply_manifest(tenant, worker.id, env, {"K": ("kv", "gone")})


async def test_limits_hold_for_all_that_is_counted(store: Store) -> None:
    async with store.session() as session:
        tenant = (await make(session)).tenant
        await session.tenants.limit(tenant, kv=0, storage=0, databases=0)
        with pytest.raises(TenantLimitError, match="limit_kv"):
            await session.configs.ensure_kv(tenant, "a")
        with pytest.raises(TenantLimitError, match="limit_storage"):
            await session.configs.put_storage(tenant, "a", BUCKET)
        with pytest.raises(TenantLimitError, match="limit_databases"):
            await session.configs.add_database(tenant, "a")


async def test_what_bindings_lead_to_is_listed_and_deleted(store: Store) -> None:
    async with store.session() as session:
        tenant = (await make(session)).tenant
        await session.configs.ensure_kv(tenant, "a")
        await session.configs.put_storage(tenant, "a", BUCKET)
        changed = NewStorage(bucket="c", access_key_id="id", secret_access_key="x")
        await session.configs.put_storage(tenant, "a", changed)
        base = await session.configs.add_database(tenant, "a", max_rows=7)
        assert (base.max_rows, base.timeout_seconds, base.provider) == (7, 30, "platform")
        assert [one.name for one in await session.configs.list_kv(tenant)] == ["a"]
        assert [one.bucket for one in await session.configs.list_storage(tenant)] == ["c"]
        assert await session.configs.list_databases(tenant) == [base]
        await session.configs.delete_kv(tenant, "a")
        await session.configs.delete_storage(tenant, "a")
        assert await session.configs.delete_database(tenant, "a") == base
        with pytest.raises(NotFoundError):
            await session.configs.delete_kv(tenant, "a")


async def test_domains_lead_to_workers_or_projects_of_their_tenant(store: Store) -> None:
    async with store.session() as session:
        worker, theirs = await make(session), await make(session, "other", "theirs")
        tenant, routing = worker.tenant, session.routing
        await routing.set_domain(tenant, "Shop.Example.", "hello")
        await routing.set_domain(tenant, "shop.example", str(worker.id))
        (one,) = await routing.domains(tenant)
        assert (one.name, one.worker, one.target) == ("shop.example", worker.id, "hello")
        with pytest.raises(ConflictError, match=r"shop\.example is taken"):
            await routing.set_domain(theirs.tenant, "shop.example", "theirs")
        with pytest.raises(NotFoundError):
            await routing.set_domain(tenant, "other.example", "theirs")
        for bad in ("", "a b", "*.example", "a/b", "a..b", "ä.example", "a:80"):
            with pytest.raises(RefusedError):
                await routing.set_domain(tenant, bad, "hello")
        with pytest.raises(NotFoundError):
            await routing.unset_domain(theirs.tenant, "shop.example")
        project = await routing.ensure_project(tenant, "hello")
        await routing.set_domain(tenant, "shop.example", "hello")
        assert (await routing.domains(tenant))[0].project == project.id
        await routing.unset_domain(tenant, "SHOP.example")
        assert await routing.domains(tenant) == []


async def test_a_worker_becomes_a_project_whose_routes_are_tried_in_order(store: Store) -> None:
    async with store.session() as session:
        worker, api = await make(session), await make(session, name="api")
        tenant, routing = worker.tenant, session.routing
        project = await routing.ensure_project(tenant, "hello")
        assert await routing.ensure_project(tenant, "hello") == project
        assert await routing.projects(tenant) == [project]
        await routing.set_route(tenant, project.id, "/api/*", "api", priority=1)
        await routing.set_route(tenant, project.id, "/logo.png", None)
        shown = await routing.routes(tenant, project.id)
        assert [(one.pattern, one.backend, one.target) for one in shown] == [
            ("/logo.png", "storage", None),
            ("/api/*", "worker", "api"),
            ("/*", "worker", "hello"),
        ]
        assert shown[1].worker == api.id
        for bad in ("", "api", "/a b", "/***", "/" + "a" * 255):
            with pytest.raises(RefusedError):
                await routing.set_route(tenant, project.id, bad, "api")
        theirs = await make(session, "other", "theirs")
        with pytest.raises(NotFoundError):
            await routing.set_route(tenant, project.id, "/x", "theirs")
        with pytest.raises(NotFoundError):
            await routing.set_route(theirs.tenant, project.id, "/x", "theirs")
        with pytest.raises(NotFoundError):
            await routing.unset_route(theirs.tenant, project.id, "/api/*")
        await routing.unset_route(tenant, project.id, "/api/*")
        assert await routing.routes(theirs.tenant, project.id) == []


async def test_the_routes_of_a_manifest_come_and_go_with_it(store: Store) -> None:
    async with store.session() as session:
        await make(session)
        api = await make(session, name="api")
        tenant, routing = api.tenant, session.routing
        pattern = ManifestRoute(project="hello", pattern="/api/*")
        await routing.apply_manifest(tenant, api, [ManifestRoute(domain="A.b"), pattern])
        project = await routing.project(tenant, "hello")
        await routing.set_route(tenant, project.id, "/by-hand", "api")
        assert [one.name for one in await routing.domains(tenant)] == ["a.b"]
        await routing.apply_manifest(tenant, api, [pattern])
        assert await routing.domains(tenant) == []
        await routing.apply_manifest(tenant, api, [])
        shown = await routing.routes(tenant, project.id)
        assert [one.pattern for one in shown] == ["/by-hand", "/*"]
        for bad in (ManifestRoute(), ManifestRoute(domain="a.b", pattern="/x")):
            with pytest.raises(RefusedError, match="a route needs"):
                await routing.apply_manifest(tenant, api, [bad])


async def test_schedules_are_set_by_hand_or_by_a_manifest(store: Store) -> None:
    async with store.session() as session:
        worker, theirs = await make(session), await make(session, "other", "theirs")
        tenant, crons = worker.tenant, session.crons
        await crons.add(tenant, worker.id, "0 0 * * *")
        await crons.add(tenant, worker.id, "0 0 * * *")
        await crons.apply_manifest(tenant, worker.id, ["* * * * *", "0 0 * * *"])
        await crons.apply_manifest(tenant, worker.id, ["*/5 * * * *"])
        shown = await crons.all(tenant)
        assert [(one.value, one.from_manifest) for one in shown] == [
            ("*/5 * * * *", True),
            ("0 0 * * *", False),
        ]
        with pytest.raises(CronError):
            await crons.add(tenant, worker.id, "nonsense")
        with pytest.raises(NotFoundError):
            await crons.add(theirs.tenant, worker.id, "0 0 * * *")
        with pytest.raises(NotFoundError):
            await crons.remove(theirs.tenant, worker.id, "0 0 * * *")
        await crons.remove(tenant, worker.id, "0 0 * * *")
        await crons.remove(tenant, worker.id, str(shown[0].id))
        assert await crons.all(tenant, worker.id) == []
