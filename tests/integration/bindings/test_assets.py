"""Static files from a real server that speaks S3."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from runner.bindings import AssetsBinding, StorageBinding
from runner.ops.addresses import AddressPolicy
from runner.ops.assets import Assets
from runner.ops.registry import Ops
from runner.ops.transport import GuardedTransport
from runner.s3.bucket import Bucket
from tests.integration.bindings.asking import Worker, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_numbers = count(1)
LARGE = os.urandom(300_000)
OBJECTS = {
    "site/index.html": b"home",
    "site/about.html": b"about",
    "site/docs/index.html": b"docs",
    "site/app.js": b"run()",
    "site/large.bin": LARGE,
    "other/secret.txt": b"secret",
    "secret.txt": b"secret",
}


class Site:
    """A worker whose files are below a prefix of a bucket."""

    def __init__(self, ops: Ops, storage: StorageBinding) -> None:
        self.worker = Worker(ops, deployment(ASSETS=AssetsBinding(storage=storage)))
        self.headers: dict[str, str] = {}

    async def ask(
        self, path: str, *headers: tuple[str, str], method: str = "GET"
    ) -> tuple[int, bytes]:
        args: dict[str, Any] = {"binding": "ASSETS", "method": method, "headers": headers}
        asked = self.worker.ask("assets", args | {"url": f"https://a.test{path}", "body": None})
        answer = await asked.result()
        assert isinstance(answer, dict), answer
        self.headers = dict(map(tuple, answer["headers"]))
        if answer["body"] == "stream":
            return answer["status"], await asked.read()
        return answer["status"], asked.attachment or b""


@pytest.fixture
def storage(s3_server: str) -> StorageBinding:
    bucket = f"assets-{next(_numbers)}"
    with httpx.Client(base_url=s3_server, trust_env=False) as client:
        client.put(f"/{bucket}").raise_for_status()
        for key, content in OBJECTS.items():
            client.put(f"/{bucket}/{key}", content=content).raise_for_status()
        headers = {"content-type": "text/x-mine", "cache-control": "max-age=60"}
        client.put(f"/{bucket}/site/typed.html", content=b"typed", headers=headers)
    return StorageBinding(
        id="s",
        bucket=bucket,
        prefix="site",
        endpoint=s3_server,
        access_key_id="AKIDEXAMPLE",
        secret_access_key="hidden-secret",
    )


@pytest.fixture
async def ops() -> AsyncIterator[Ops]:
    transport = GuardedTransport(AddressPolicy(allowed=["loopback"]), 10)
    ops = Ops({"assets": Assets(lambda binding: Bucket(transport, binding))})
    yield ops
    await ops.close()
    await transport.aclose()


@pytest.fixture
def site(ops: Ops, storage: StorageBinding) -> Site:
    return Site(ops, storage)


async def test_pages_are_found_by_their_short_paths(site: Site) -> None:
    for path, content in [
        ("/", b"home"),
        ("/about", b"about"),
        ("/docs/?x", b"docs"),
        ("/app.js", b"run()"),
    ]:
        assert await site.ask(path) == (200, content), path
    assert site.headers["content-type"] == "text/javascript; charset=utf-8"
    assert site.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert await site.ask("/docs?a=b") == (307, b"")
    assert site.headers == {"location": "/docs/?a=b"}
    assert await site.ask("/nothing") == (404, b"Not Found\n")


async def test_what_an_object_was_stored_with_is_told(site: Site) -> None:
    assert await site.ask("/typed") == (200, b"typed")
    assert site.headers["content-type"] == "text/x-mine"
    assert site.headers["cache-control"] == "max-age=60"


async def test_large_files_stream_and_parts_are_the_stores(site: Site) -> None:
    assert await site.ask("/large.bin") == (200, LARGE)
    tag = site.headers["etag"]
    assert await site.ask("/large.bin", ("range", "bytes=10-19")) == (206, LARGE[10:20])
    assert site.headers["content-range"] == "bytes 10-19/300000"
    assert await site.ask("/large.bin", ("range", "bytes=400000-")) == (
        416,
        b"Range Not Satisfiable\n",
    )
    assert await site.ask("/large.bin", ("if-none-match", tag)) == (304, b"")
    assert await site.ask("/large.bin", method="HEAD") == (200, b"")
    assert site.headers["content-length"] == "300000"


async def test_nothing_leads_out_of_the_prefix(site: Site) -> None:
    for path in (
        "/..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/../secret.txt",
        "/..%5csecret.txt",
    ):
        assert (await site.ask(path))[0] == 404, path


async def test_a_store_that_refuses_is_an_error_without_its_credentials(
    ops: Ops, s3_server: str
) -> None:
    away = StorageBinding(
        id="s",
        bucket="no-such-bucket-here",
        endpoint="http://127.0.0.1:1",
        access_key_id="AKIDEXAMPLE",
        secret_access_key="hidden-secret",
    )
    worker = Worker(ops, deployment(ASSETS=AssetsBinding(storage=away)))
    args = {"binding": "ASSETS", "method": "GET", "headers": [], "url": "https://a.test/x"}
    said = await worker("assets", args)
    assert said.startswith("Error: storage failed: ")
    assert "hidden" not in said
