"""Tenants, workers and their deployments, as rows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from runner.errors import (
    ConflictError,
    DatabaseUnavailableError,
    NotFoundError,
    RefusedError,
    TenantLimitError,
)
from runner.store.versions import Code
from runner.store.workers import WorkerChange

if TYPE_CHECKING:
    from uuid import UUID

    from runner.store.session import Session, Store

ONE = Code("index.js", {"index.js": "export default 1;", "lib/a.js": "// a"})
TWO = Code("index.ts", {"index.ts": "let a: number;"}, {"index.ts": "let a        ;"})


async def make(session: Session, tenant: str = "shop", name: str = "hello") -> tuple[UUID, UUID]:
    owner = await session.tenants.ensure(tenant)
    return owner.id, (await session.workers.ensure(owner.id, name)).id


async def test_a_tenant_is_found_by_name_and_id_and_made_once(store: Store) -> None:
    async with store.session() as session:
        made = await session.tenants.ensure("shop")
        assert await session.tenants.ensure("shop") == made
        assert await session.tenants.get("shop") == made
        assert await session.tenants.get(str(made.id)) == made
        assert await session.tenants.all() == [made]
        with pytest.raises(NotFoundError, match="there is no tenant 'other'"):
            await session.tenants.get("other")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x00"])
async def test_what_is_no_name_for_a_tenant_is_refused(store: Store, name: str) -> None:
    with pytest.raises(RefusedError):
        async with store.session() as session:
            await session.tenants.ensure(name)


async def test_a_worker_is_made_once_and_found_whatever_the_case(store: Store) -> None:
    number = uuid4()
    async with store.session() as session:
        owner = await session.tenants.ensure("shop")
        made = await session.workers.ensure(owner.id, "Hello", number)
        assert made.id == number
        assert await session.workers.ensure(owner.id, "hello") == made
        assert await session.workers.get(owner.id, str(made.id)) == made
        assert await session.workers.all(owner.id) == [made] == await session.workers.all()


@pytest.mark.parametrize(
    "name", ["", "a.b", "a b", "-a", "a-", "ä", "a" * 256, "a\x00", "'; --", str(uuid4())]
)
async def test_what_is_no_name_for_a_worker_is_refused(store: Store, name: str) -> None:
    with pytest.raises(RefusedError, match="is no name for a worker"):
        async with store.session() as session:
            await make(session, name=name)


async def test_nobody_reaches_another_tenants_worker(store: Store) -> None:
    """Neither by its name nor by its id, whatever is to be done with it."""
    async with store.session() as session:
        _, worker = await make(session)
        other = (await session.tenants.ensure("other")).id
        for call in (
            session.workers.get(other, "hello"),
            session.workers.get(other, str(worker)),
            session.workers.delete(other, str(worker)),
            session.workers.change(other, "hello", WorkerChange(public=True)),
            session.versions.store(other, worker, ONE),
            session.versions.all(other, worker),
            session.versions.read(other, worker),
            session.versions.rollback(other, worker),
        ):
            with pytest.raises(NotFoundError):
                await call
        assert await session.workers.all(other) == []
    with pytest.raises(ConflictError, match="the name HELLO is taken"):
        async with store.session() as session:
            await session.workers.ensure(other, "HELLO")


async def test_a_tenant_has_as_many_workers_as_it_may(store: Store) -> None:
    async with store.session() as session:
        tenant, _ = await make(session)
        await session.tenants.limit(tenant, workers=1)
        with pytest.raises(TenantLimitError, match="1 workers already"):
            await session.workers.ensure(tenant, "second")
        await session.tenants.limit(tenant, workers=2)
        await session.workers.ensure(tenant, "second")


async def test_limits_are_set_one_by_one_and_set_back(store: Store) -> None:
    async with store.session() as session:
        tenant, _ = await make(session)
        change = WorkerChange(cpu_ms=5, context_reuse="warm")
        first = await session.workers.change(tenant, "hello", change)
        second = await session.workers.change(
            tenant, "hello", WorkerChange(public=True, cpu_ms=None)
        )
    assert (first.public, first.cpu_ms, first.context_reuse) == (False, 5, "warm")
    assert (second.public, second.cpu_ms, second.context_reuse) == (True, None, "warm")
    with pytest.raises(RefusedError):
        async with store.session() as session:
            await session.workers.change(tenant, "hello", WorkerChange(wall_ms=-1))


async def test_each_deployment_is_a_version_with_all_its_files(store: Store) -> None:
    async with store.session() as session:
        tenant, worker = await make(session)
        assert await session.versions.store(tenant, worker, ONE) == (1, True)
        assert await session.versions.store(tenant, worker, TWO, by=tenant, message="two") == (
            2,
            True,
        )
        assert await session.versions.read(tenant, worker) == TWO
        assert await session.versions.read(tenant, worker, 1) == ONE
        second, first = await session.versions.all(tenant, worker)
        assert (await session.workers.get(tenant, "hello")).version == 2
    assert (second.version, second.current, second.files, second.code_type) == (
        2,
        True,
        1,
        "typescript",
    )
    assert (second.deployed_by, second.message) == ("shop", "two")
    assert (first.version, first.current, first.files, first.bytes) == (1, False, 2, 21)


async def test_the_same_files_are_the_same_version(store: Store) -> None:
    """Also when another was served meanwhile: that one is served again."""
    async with store.session() as session:
        tenant, worker = await make(session)
        await session.versions.store(tenant, worker, ONE)
        assert await session.versions.store(tenant, worker, ONE) == (1, False)
        await session.versions.store(tenant, worker, TWO)
        assert await session.versions.store(tenant, worker, ONE) == (1, False)
        assert (await session.workers.get(tenant, "hello")).version == 1


async def test_rollback_goes_to_the_version_before_or_to_any(store: Store) -> None:
    async with store.session() as session:
        tenant, worker = await make(session)
        for text in ("1", "2", "3"):
            await session.versions.store(tenant, worker, Code("a.js", {"a.js": text}))
        assert (await session.versions.rollback(tenant, worker)).version == 2
        assert (await session.versions.rollback(tenant, worker)).version == 1
        with pytest.raises(NotFoundError, match="no version 'before 1'"):
            await session.versions.rollback(tenant, worker)
        assert (await session.versions.rollback(tenant, worker, 3)).current
        with pytest.raises(NotFoundError, match="no version '9'"):
            await session.versions.rollback(tenant, worker, 9)
        assert (await session.versions.store(tenant, worker, TWO)).version == 4


async def test_the_originals_tools_see_a_single_script(store: Store, own_database: str) -> None:
    async with store.session() as session:
        tenant, worker = await make(session)
        await session.versions.store(tenant, worker, TWO)
    with psycopg.connect(own_database) as connection:
        row = connection.execute(
            "SELECT d.code, d.code_type FROM workers w"
            " JOIN worker_deployments d ON d.worker_id = w.id AND d.version = w.current_version"
        ).fetchone()
        assert row == (b"let a: number;", "typescript")
        connection.execute(
            "INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)"
            " VALUES (%s, 2, 'x', 'javascript', 'theirs')",
            (worker,),
        )
    async with store.session() as session:
        assert await session.versions.read(tenant, worker, 2) == Code(
            "index.js", {"index.js": "theirs"}
        )


async def test_a_session_is_done_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(RefusedError):
        async with store.session() as session:
            await make(session)
            await session.workers.ensure((await session.tenants.get("shop")).id, "no name")
    async with store.session() as session:
        assert await session.tenants.all() == []


async def test_a_cut_connection_is_an_unavailable_database(store: Store) -> None:
    with pytest.raises(DatabaseUnavailableError, match="can not connect to test"):
        async with store.session() as session:
            await session.tenants._statements.connection.execute(
                "SELECT pg_terminate_backend(pg_backend_pid())"
            )


async def test_a_tenant_goes_with_all_it_has(store: Store) -> None:
    async with store.session() as session:
        tenant, worker = await make(session)
        await session.versions.store(tenant, worker, ONE)
        await session.environments.of_worker(tenant, worker, "hello")
        await session.tenants.delete(tenant)
        assert await session.workers.all() == []
        with pytest.raises(NotFoundError):
            await session.tenants.delete(tenant)


async def test_those_who_deploy_at_the_same_time_make_one_worker_and_a_version_each(
    store: Store,
) -> None:
    async def deploy(text: str) -> int:
        async with store.session() as session:
            tenant, worker = await make(session)
            await session.configs.ensure_kv(tenant, "cache")
            stored = await session.versions.store(tenant, worker, Code("a.js", {"a.js": text}))
            return stored.version

    versions = await asyncio.gather(*(deploy(f"{number % 3}") for number in range(9)))
    assert set(versions) == {1, 2, 3}
    async with store.session() as session:
        (worker,) = await session.workers.all()
        assert len(await session.versions.all(worker.tenant, worker.id)) == 3
