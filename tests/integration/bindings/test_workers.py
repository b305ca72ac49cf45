"""Storage and databases as workers see them: JavaScript in real hosts, real servers at the other end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from runner.bindings import DatabaseBinding, StorageBinding
from runner.deployments import make_deployment, make_limits
from runner.service_settings import SecretKey
from runner.store.pool import open_pool
from runner.store.secrets import SecretBox
from runner.store.tenant_databases import (
    create_platform_database,
    drop_platform_database,
    place_of_password,
)
from tests.integration.calls.town import town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.calls.town import Town

BOX = SecretBox([SecretKey(1, bytes(32))])
WORKER = """
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    try {
      return await handlers[pathname.slice(1)](request, env);
    } catch (error) {
      return Response.json({ name: error.name, message: error.message, code: error.code });
    }
  },
};
const handlers = {
  async sql(request, { DB }) {
    await DB.query('CREATE TABLE t (id bigint, at timestamptz, data bytea, tags text[], more jsonb, price numeric)');
    await DB.query('INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)',
      [1, new Date(0), new Uint8Array([1, 255]), ['a "b"', null], { x: [1] }, 9.5]);
    const [row] = await DB.query('SELECT *, id = ANY($1) AS mine FROM t', [[1, 2]]);
    return Response.json({ ...row, data: [...row.data], size: (await DB.query('SELECT 1')).length });
  },
  async keep(request, { DB }) {
    const id = await DB.transaction(async tx => {
      await tx.query('CREATE TABLE kept (id int)');
      return (await tx.query('INSERT INTO kept VALUES (7) RETURNING id'))[0].id;
    });
    let thrown;
    try {
      await DB.transaction(async tx => { await tx.query('DELETE FROM kept'); throw new Error('no'); });
    } catch (error) { thrown = error.message; }
    return Response.json({ id, thrown, kept: await DB.query('SELECT * FROM kept') });
  },
  async hold(request, { DB }) {
    await DB.transaction(async tx => {
      await tx.query('CREATE TABLE held (id int)');
      for (;;);
    });
  },
  async held(request, { DB }) {
    return Response.json(await DB.query("SELECT to_regclass('held') AS held"));
  },
  async wrong(request, { DB }) {
    return Response.json(await DB.query('SELECT nothing'));
  },
  async upload(request, { S }) {
    const { etag } = await S.put('files/a', request.body, { contentType: 'text/x', metadata: { who: 'me' } });
    const { size, metadata, contentType } = await S.head('files/a');
    return Response.json({ size, metadata, contentType, keys: (await S.list({ prefix: 'files/' })).keys, etag });
  },
  async download(request, { S }) {
    return S.fetch('/files/a', { headers: request.headers });
  },
  async read(request, { S }) {
    const part = await S.get('files/a', { range: { offset: 1, length: 3 } });
    return Response.json([await part.text(), part.size, await S.get('none'), (await S.get('files/a')).length]);
  },
};
"""


class Site:
    """A worker with both bindings."""

    def __init__(self, town: Town) -> None:
        self.town = town

    async def ask(self, path: str, body: Any = None, **request: Any) -> tuple[int, bytes]:
        headers = [("x-worker-name", "w"), *request.pop("headers", [])]
        return await self.town.ask(
            f"http://w.workers.rocks/{path}", body, headers=headers, **request
        )

    async def json(self, path: str, body: Any = None) -> Any:
        status, content = await self.ask(path, body)
        assert status == 200, content
        return json.loads(content)


@pytest.fixture
async def site(
    tmp_path: Path, snapshots: Path, database: str, s3_server: str
) -> AsyncIterator[Site]:
    async with (
        open_pool(database, most=3) as pool,
        town(tmp_path, snapshots, FETCH_ALLOW_PRIVATE_NETWORK="loopback") as opened,
    ):
        opened.runner.world.pool = pool
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO users (username) VALUES (gen_random_uuid()) RETURNING id"
            )
            row = await cursor.fetchone()
            assert row is not None
            tenant = row[0]
            config = await create_platform_database(pool, database, BOX, tenant=tenant, name="db")
            cursor = await connection.execute(
                "SELECT schema_name, connection_string_sealed FROM database_configs WHERE id = %s",
                [config],
            )
            row = await cursor.fetchone()
            assert row is not None
        password = BOX.open(bytes(row[1]), place_of_password(tenant, config))
        httpx.put(f"{s3_server}/shop", trust_env=False)
        settings = opened.runner.settings
        opened.table.put(
            make_deployment(
                tenant="t",
                worker="11111111-1111-1111-1111-111111111111",
                name="w",
                main="index.js",
                files={"index.js": WORKER},
                variables={},
                limits=make_limits(
                    cpu_ms=200, wall_ms=settings.wall_clock_timeout_ms, ops=settings.op_limits
                ),
                bindings={
                    "DB": DatabaseBinding(id=str(config), schema=row[0], password=password),
                    "S": StorageBinding(
                        id="s",
                        bucket="shop",
                        prefix=config.hex,
                        endpoint=s3_server,
                        access_key_id="a",
                        secret_access_key="hidden",
                    ),
                },
            )
        )
        yield Site(opened)
        await drop_platform_database(pool, database, tenant=tenant, config=config)


async def test_a_worker_queries_its_database(site: Site) -> None:
    assert await site.json("sql") == {
        "id": 1,
        "at": "1970-01-01T00:00:00+00:00",
        "data": [1, 255],
        "tags": ['a "b"', None],
        "more": {"x": [1]},
        "price": 9.5,
        "mine": True,
        "size": 1,
    }
    assert await site.json("wrong") == {
        "name": "DatabaseError",
        "message": 'column "nothing" does not exist',
        "code": "42703",
    }


async def test_a_worker_s_transaction_is_kept_or_undone(site: Site) -> None:
    """Also when an endless loop ends the execution in the middle of it."""
    assert await site.json("keep") == {"id": 7, "thrown": "no", "kept": [{"id": 7}]}
    assert (await site.ask("hold"))[0] == 429
    assert await site.json("held") == [{"held": None}]


async def test_a_worker_stores_a_request_and_serves_it(site: Site) -> None:
    content = bytes(range(256)) * 3000
    stored = await site.json("upload", content)
    assert stored == {
        "size": len(content),
        "metadata": {"who": "me"},
        "contentType": "text/x",
        "keys": ["files/a"],
        "etag": stored["etag"],
    }
    assert await site.ask("download") == (200, content)
    assert await site.ask("download", headers=[("range", "bytes=0-1")]) == (206, b"\x00\x01")
    assert await site.json("read") == [
        "\x01\x02\x03",
        len(content),
        None,
        len(content.decode(errors="replace")),
    ]
