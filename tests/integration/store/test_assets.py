"""Static files of deployments: in the database, and from there to workers."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from runner.bindings import AssetsBinding, DeployedAssets
from runner.config import load_settings
from runner.errors import RefusedError
from runner.ops.registry import Ops
from runner.store.asset_sweep import AssetSweep
from runner.store.assets import PIECE_BYTES, Asset, AssetStore, VersionAssets
from runner.store.pool import connect, open_pool
from runner.store.versions import Code
from runner.world import World
from tests.integration.backup.keeping import bring_back, keep
from tests.integration.bindings.asking import Worker, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from uuid import UUID

    from runner.store.session import Store

CODE = Code("index.js", {"index.js": "export default 1;"})
LARGE = os.urandom(2 * PIECE_BYTES + 1000)


class Owner(NamedTuple):
    """A tenant with a worker."""

    tenant: UUID
    worker: UUID


class Site:
    """What a database has of files, and a worker that asks for them."""

    def __init__(self, url: str, store: Store, assets: AssetStore) -> None:
        self.url = url
        self.store = store
        self.assets = assets
        self.headers: dict[str, str] = {}

    async def owner(self, name: str) -> Owner:
        async with self.store.session() as session:
            tenant = await session.tenants.ensure(name)
            worker = await session.workers.ensure(tenant.id, f"worker-of-{name}")
        return Owner(tenant.id, worker.id)

    async def upload(self, tenant: UUID, content: bytes) -> UUID:
        """Return the id of a tenant's file with this content."""
        upload = self.assets.upload(tenant)
        for start in range(0, len(content), 100_000):
            await upload.write(content[start : start + 100_000])
        await upload.complete(sha256(content).digest(), len(content))
        async with self.store.session() as session:
            digest = sha256(content).hexdigest()
            return (await session.assets.want(tenant, [digest]))[digest].id

    async def publish(self, owner: Owner, **contents: bytes) -> AssetsBinding:
        """Deploy files of a worker; ``_`` in a name is its dot."""
        files = []
        for name, content in contents.items():
            file = await self.upload(owner.tenant, content)
            digest = sha256(content).hexdigest()
            files.append(Asset(name.replace("_", "."), file, digest, len(content), "text/x-mine"))
        listed = VersionAssets("ASSETS", tuple(files))
        async with self.store.session() as session:
            stored = await session.versions.store(owner.tenant, owner.worker, CODE, assets=listed)
        return binding_of(owner, stored.version)

    async def count(self, table: str) -> Any:
        async with connect(self.url) as connection:
            cursor = await connection.execute(f"SELECT count(*) FROM {table}")
            row = await cursor.fetchone()
            assert row is not None
            return row[0]

    async def run(self, statement: str) -> None:
        async with connect(self.url) as connection:
            await connection.execute(statement)


def binding_of(owner: Owner, version: int) -> AssetsBinding:
    deployed = DeployedAssets(
        tenant=str(owner.tenant), worker=str(owner.worker), version=version, hash=f"h{version}"
    )
    return AssetsBinding(deployed=deployed)


class Asking:
    """Workers that ask for files, under settings of the environment."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops
        self.headers: dict[str, str] = {}

    async def __call__(
        self, binding: AssetsBinding, path: str, *headers: tuple[str, str], method: str = "GET"
    ) -> tuple[int, bytes]:
        worker = Worker(self._ops, deployment(ASSETS=binding))
        args: dict[str, Any] = {"binding": "ASSETS", "method": method, "headers": headers}
        asked = worker.ask("assets", args | {"url": f"https://a.test{path}", "body": None})
        answer = await asked.result()
        if isinstance(answer, str):
            return 0, answer.encode()
        self.headers = dict(map(tuple, answer["headers"]))
        if answer["body"] == "stream":
            return answer["status"], await asked.read()
        return answer["status"], asked.attachment or b""


@pytest.fixture
async def site(own_database: str, store: Store) -> AsyncIterator[Site]:
    async with open_pool(own_database) as pool:
        yield Site(own_database, store, AssetStore(pool, "test"))


@asynccontextmanager
async def asking(url: str, **environ: str) -> AsyncIterator[Asking]:
    async with open_pool(url) as pool:
        world = World(load_settings(environ))
        world.pool = pool
        ops = Ops({"assets": world.handlers()["assets"]})
        yield Asking(ops)
        await ops.close()
        await world.close()


@pytest.fixture
async def ask(own_database: str) -> AsyncIterator[Asking]:
    async with asking(own_database) as asked:
        yield asked


async def test_a_file_of_several_pieces_comes_whole_and_in_ranges(site: Site, ask: Asking) -> None:
    binding = await site.publish(await site.owner("a"), large_bin=LARGE, none_txt=b"")
    assert await ask(binding, "/large.bin") == (200, LARGE)
    assert ask.headers["content-type"] == "text/x-mine"
    assert ask.headers["etag"] == f'"{sha256(LARGE).hexdigest()}"'
    first, last = PIECE_BYTES - 10, PIECE_BYTES + 9
    part = await ask(binding, "/large.bin", ("range", f"bytes={first}-{last}"))
    assert part == (206, LARGE[first : last + 1])
    assert ask.headers["content-range"] == f"bytes {first}-{last}/{len(LARGE)}"
    assert await ask(binding, "/large.bin", ("range", "bytes=-5")) == (206, LARGE[-5:])
    assert (await ask(binding, "/large.bin", ("range", f"bytes={len(LARGE)}-")))[0] == 416
    assert await ask(binding, "/large.bin", method="HEAD") == (200, b"")
    assert ask.headers["content-length"] == f"{len(LARGE)}"
    assert await ask(binding, "/none.txt") == (200, b"")


async def test_dates_decide_nothing(site: Site, ask: Asking) -> None:
    """By a date, an older version that is served again would look like the newer one."""
    binding = await site.publish(await site.owner("a"), a_txt=b"abc")
    since = ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")
    assert await ask(binding, "/a.txt", since) == (200, b"abc")
    assert "last-modified" not in ask.headers
    ranged = ("range", "bytes=0-0")
    assert await ask(binding, "/a.txt", ranged, ("if-range", since[1])) == (200, b"abc")
    assert await ask(binding, "/a.txt", ranged, ("if-range", "no date")) == (200, b"abc")
    etag = f'"{sha256(b"abc").hexdigest()}"'
    assert await ask(binding, "/a.txt", ranged, ("if-range", etag)) == (206, b"a")
    assert await ask(binding, "/a.txt", ("if-none-match", etag)) == (304, b"")


async def test_pages_have_short_paths(site: Site, ask: Asking) -> None:
    owner = await site.owner("a")
    binding = await site.publish(owner, index_html=b"home", about_html=b"about")
    assert await ask(binding, "/") == (200, b"home")
    assert await ask(binding, "/about") == (200, b"about")
    assert (await ask(binding, "/..%2fabout"))[0] == 404
    assert (await ask(binding, "/other"))[0] == 404


async def test_the_same_bytes_are_there_once_for_each_tenant_and_never_shared(
    site: Site, ask: Asking
) -> None:
    one, two = await site.owner("one"), await site.owner("two")
    first = await site.upload(one.tenant, b"same")
    assert await site.upload(one.tenant, b"same") == first
    second = await site.upload(two.tenant, b"same")
    assert second != first
    assert await site.count("asset_files") == await site.count("asset_pieces") == 2
    assert await site.assets.piece(two.tenant, first, 0) is None
    async with site.store.session() as session:
        other = sha256(b"only one has it").hexdigest()
    await site.upload(one.tenant, b"only one has it")
    async with site.store.session() as session:
        assert await session.assets.want(two.tenant, [other]) == {}


async def test_rows_that_mix_tenants_lead_nowhere(site: Site, ask: Asking) -> None:
    one, two = await site.owner("one"), await site.owner("two")
    theirs = await site.publish(one, secret_txt=b"secret")
    mine = await site.publish(two, mine_txt=b"mine")
    await site.run(
        "INSERT INTO worker_deployment_assets (worker_id, version, path, file_id, content_type)"
        f" SELECT '{two.worker}', 1, 'stolen.txt', file_id, content_type FROM worker_deployment_assets"
        f" WHERE worker_id = '{one.worker}'"
    )
    assert (await ask(mine, "/stolen.txt"))[0] == 404
    assert theirs.deployed is not None
    claimed = DeployedAssets(
        tenant=str(two.tenant), worker=str(one.worker), version=1, hash="claimed"
    )
    assert (await ask(AssetsBinding(deployed=claimed), "/secret.txt"))[0] == 404
    assert await ask(theirs, "/secret.txt") == (200, b"secret")


async def test_files_go_when_no_version_refers_to_them_and_nobody_wants_them(site: Site) -> None:
    owner = await site.owner("a")
    await site.publish(owner, a_txt=b"kept", b_txt=b"kept, too")
    await site.publish(owner, a_txt=b"newer")
    await site.upload(owner.tenant, b"never deployed")
    await site.assets.upload(owner.tenant).write(bytes(PIECE_BYTES))
    assert await site.assets.sweep() == 0
    assert await site.assets.sweep(after_s=0) == 2
    assert await site.count("asset_files") == 3
    async with site.store.session() as session:
        await session.workers.delete(owner.tenant, str(owner.worker))
    assert await site.assets.sweep() == 0
    assert await site.assets.sweep(after_s=0) == 3
    assert await site.count("asset_pieces") == 0


async def test_an_upload_that_was_swept_meanwhile_is_refused(site: Site) -> None:
    owner = await site.owner("a")
    upload = site.assets.upload(owner.tenant)
    await upload.write(LARGE)
    assert await site.assets.sweep(after_s=0) == 1
    with pytest.raises(RefusedError):
        await upload.complete(sha256(LARGE).digest(), len(LARGE))


async def test_a_tenant_goes_with_its_files(site: Site) -> None:
    owner = await site.owner("a")
    await site.publish(owner, a_txt=b"a")
    await site.run(f"DELETE FROM users WHERE id = '{owner.tenant}'")
    assert await site.count("asset_files") == await site.count("worker_deployment_assets") == 0


async def test_what_was_read_is_kept(site: Site, ask: Asking) -> None:
    binding = await site.publish(await site.owner("a"), a_txt=b"a", b_txt=b"b")
    assert await ask(binding, "/a.txt") == (200, b"a")
    await site.run("TRUNCATE asset_files CASCADE")
    assert await ask(binding, "/a.txt") == (200, b"a")
    assert await ask(binding, "/b.txt") == (0, b"Error: the file is gone")


async def test_so_much_is_kept(site: Site, own_database: str) -> None:
    binding = await site.publish(await site.owner("a"), a_txt=b"a" * 3000, b_txt=b"b" * 3000)
    async with asking(own_database, ASSETS_CACHE_MAX_BYTES="5000") as ask:
        assert await ask(binding, "/a.txt") == (200, b"a" * 3000)
        assert await ask(binding, "/b.txt") == (200, b"b" * 3000)
        await site.run("TRUNCATE asset_files CASCADE")
        assert await ask(binding, "/b.txt") == (200, b"b" * 3000)
        assert await ask(binding, "/a.txt") == (0, b"Error: the file is gone")


async def test_a_backup_has_them(
    site: Site, own_database: str, create_database: Callable[[str], str], tmp_path: Path
) -> None:
    binding = await site.publish(await site.owner("a"), large_bin=LARGE)
    path = await keep(own_database, tmp_path)
    other = create_database("template1")
    await bring_back(path, other)
    async with asking(other) as ask:
        assert await ask(binding, "/large.bin") == (200, LARGE)


async def test_the_duty_sweeps_again_and_again_and_outlives_its_database(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await site.owner("a")
    await site.upload(owner.tenant, b"a")
    await site.run("UPDATE asset_files SET wanted_at = now() - interval '2 hours'")
    swept = asyncio.Queue[float]()
    go = asyncio.Semaphore(0)

    async def pause(seconds: float) -> None:
        swept.put_nowait(seconds)
        await go.acquire()

    sweep = AssetSweep(site.assets, sleep=pause)
    sweep.start()
    await swept.get()
    assert await site.count("asset_files") == 1
    go.release()
    await swept.get()
    assert await site.count("asset_files") == 0
    await site.run("ALTER TABLE asset_files RENAME TO elsewhere")
    go.release()
    await swept.get()
    assert "stay until the next time" in caplog.text
    await sweep.stop()


async def test_versions_differ_by_their_files_alone(site: Site) -> None:
    owner = await site.owner("a")
    one = await site.publish(owner, a_txt=b"one")
    two = await site.publish(owner, a_txt=b"two")
    assert one.deployed is not None
    assert two.deployed is not None
    assert (one.deployed.version, two.deployed.version) == (1, 2)
    assert await site.publish(owner, a_txt=b"one") == one
    async with site.store.session() as session:
        versions = await session.versions.all(owner.tenant, owner.worker)
    assert [(one.static_files, one.static_bytes, one.current) for one in versions] == [
        (1, 3, False),
        (1, 3, True),
    ]
