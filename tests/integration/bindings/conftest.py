"""What bindings lead to: a server that speaks S3, and a database with the schema."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest
from moto.server import ThreadedMotoServer

from runner.store.migrate import Migrator
from runner.store.pool import connect, open_pool
from tests.integration.bindings.tenant_platform import LIMITS, Db, Platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def database(postgres_url: str) -> str:
    """The runner's own database."""
    url = f"{postgres_url.rpartition('/')[0]}/bindings"

    async def migrate() -> None:
        async with connect(url) as connection:
            await Migrator(connection).up()

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bindings")
    asyncio.run(migrate())
    return url


@pytest.fixture
async def platform(database: str) -> AsyncIterator[Platform]:
    async with open_pool(database, most=3) as pool:
        platform = Platform(pool, database, LIMITS)
        yield platform
        await platform.close()


@pytest.fixture
async def db(platform: Platform) -> Db:
    return platform.worker(await platform.create(max_rows=5, timeout_s=1))
