"""The storage op against a real server that speaks S3."""

from __future__ import annotations

import asyncio
import hashlib
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from runner.bindings import KvBinding, StorageBinding
from runner.ops.addresses import AddressPolicy
from runner.ops.registry import Ops
from runner.ops.storage import Storage
from runner.ops.transport import GuardedTransport
from runner.s3.upload import PART_BYTES, Uploads
from tests.integration.bindings.asking import Worker, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_numbers = count(1)


def binding(endpoint: str, bucket: str, **options: str) -> StorageBinding:
    fields = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "hidden-secret"} | options
    return StorageBinding(id="s", bucket=bucket, endpoint=endpoint, **fields)


@pytest.fixture
def bucket(s3_server: str) -> str:
    name = f"bucket-{next(_numbers)}"
    assert httpx.put(f"{s3_server}/{name}", trust_env=False).status_code == 200
    return name


@pytest.fixture
async def ops() -> AsyncIterator[Ops]:
    """The op, allowed to reach this machine."""
    storage = Storage(GuardedTransport(AddressPolicy(allowed=["loopback"]), 10))
    ops = Ops({"storage": storage})
    yield ops
    await ops.close()
    await storage.close()


class Store:
    """A worker with a binding S, and shorthands."""

    def __init__(self, ops: Ops, bound: StorageBinding, tenant: str = "t") -> None:
        self.worker = Worker(ops, deployment(tenant, S=bound, KV=KvBinding("x")))

    async def __call__(self, action: str, attachment: bytes = b"", **args: Any) -> Any:
        args = {"binding": "S", "action": action, **args}
        return await self.worker("storage", args, attachment)

    async def put(self, key: str, text: str, **options: Any) -> Any:
        return await self("put", key=key, body="text", text=text, **options)

    async def get(self, key: str, *headers: list[str], method: str = "GET") -> tuple[int, bytes]:
        args = {"binding": "S", "action": "get", "key": key, "headers": headers, "method": method}
        asked = self.worker.ask("storage", args)
        answer = await asked.result()
        assert isinstance(answer, dict), answer
        self.headers = dict(answer["headers"])
        if answer["body"] == "stream":
            return answer["status"], await asked.read()
        return answer["status"], asked.attachment or b""

    async def upload(self, key: str, pieces: list[bytes], **options: Any) -> Any:
        """Put a stream, as fast as credit allows."""
        args = {"binding": "S", "action": "put", "key": key, "body": "stream", **options}
        asked = self.worker.ask("storage", args)
        stream = self.worker.outbound(asked.id)
        credit = 1 << 18
        for piece in pieces:
            while credit < len(piece) and not asked.cancelled and not asked.answered.is_set():
                asked.granted.clear()
                await asked.granted.wait()
                credit, asked.credits = credit + asked.credits, 0
            stream.receive(piece)
            credit -= len(piece)
        stream.finish()
        return await asked.result()


@pytest.fixture
def store(ops: Ops, s3_server: str, bucket: str) -> Store:
    return Store(ops, binding(s3_server, bucket))


async def test_an_object_is_written_read_described_and_deleted(store: Store) -> None:
    answer = await store.put(
        "a/b c+ü.txt", "Hello", contentType="text/plain", metadata=[["X-A", "1"]]
    )
    assert answer == {"etag": hashlib.md5(b"Hello").hexdigest()}
    assert await store.get("a/b c+ü.txt") == (200, b"Hello")
    assert store.headers["content-type"] == "text/plain"
    assert store.headers["x-amz-meta-x-a"] == "1"
    assert store.headers["content-length"] == "5"
    assert await store.get("a/b c+ü.txt", method="HEAD") == (200, b"")
    assert store.headers["etag"] == f'"{hashlib.md5(b"Hello").hexdigest()}"'
    assert await store("delete", key="a/b c+ü.txt") is None
    assert await store("delete", key="a/b c+ü.txt") is None
    assert (await store.get("a/b c+ü.txt"))[0] == 404


async def test_a_part_of_an_object_is_read_and_conditions_are_kept(store: Store) -> None:
    await store("put", b"0123456789", key="digits", body="bytes")
    assert await store.get("digits", ["range", "bytes=2-4"]) == (206, b"234")
    assert store.headers["content-range"] == "bytes 2-4/10"
    assert await store.get("digits", ["range", "bytes=-3"]) == (206, b"789")
    assert (await store.get("digits", ["range", "bytes=20-"]))[0] == 416
    assert (await store.get("digits", ["if-none-match", store.headers.get("etag", "*")]))[0] in {
        200,
        304,
    }
    etag = f'"{hashlib.md5(b"0123456789").hexdigest()}"'
    assert await store.get("digits", ["if-none-match", etag]) == (304, b"")


async def test_a_large_object_streams_both_ways_under_credit(store: Store) -> None:
    """Neither the length nor the whole is known to the runner at any time."""
    piece = bytes(range(256)) * 256
    pieces = [piece] * (2 * PART_BYTES // len(piece) + 3)
    assert await store.upload("large", pieces, contentType="application/x-large") == {"etag": ""}
    status, content = await store.get("large")
    assert (status, len(content)) == (200, len(piece) * len(pieces))
    assert content == b"".join(pieces)
    assert store.headers["content-type"] == "application/x-large"
    assert store.headers["etag"].strip('"').endswith("-3")


@pytest.mark.parametrize("size", [0, 5, 300_000])
async def test_a_stream_of_any_length_is_put_at_once_when_it_is_short(
    store: Store, size: int
) -> None:
    content = b"x" * size
    pieces = [content[start : start + 65536] for start in range(0, size, 65536)]
    answer = await store.upload("short", pieces)
    assert answer == {"etag": hashlib.md5(content).hexdigest()}
    answer = await store.upload("known", pieces, size=size)
    assert answer == {"etag": hashlib.md5(content).hexdigest()}
    assert await store.get("known") == (200, content)


async def test_a_stream_of_another_length_than_it_said_is_refused(store: Store) -> None:
    answer = await store.upload("liar", [b"12345"], size=9)
    assert answer == "Error: storage failed: the body has another length than it was said to have"
    answer = await store.upload("liar", [b"1234567890"], size=9)
    assert answer == "Error: storage failed: the body has another length than it was said to have"
    assert (await store.get("liar"))[0] == 404


async def test_a_list_has_pages_prefixes_and_what_is_known_of_each(store: Store) -> None:
    for key in ("a/1", "a/2 &<", "a/ü+%", "b"):
        await store.put(key, key)
    page = await store("list", limit=2)
    assert [one["key"] for one in page["objects"]] == ["a/1", "a/2 &<"]
    assert page["objects"][0]["size"] == 3
    assert page["objects"][0]["etag"] == hashlib.md5(b"a/1").hexdigest()
    assert page["objects"][0]["uploaded"].endswith("Z")
    rest = await store("list", cursor=page["cursor"])
    assert [one["key"] for one in rest["objects"]] == ["a/ü+%", "b"]
    assert rest["cursor"] == ""
    page = await store("list", prefix="a/")
    assert len(page["objects"]) == 3
    page = await store("list", delimiter="/")
    assert (page["prefixes"], [one["key"] for one in page["objects"]]) == (["a/"], ["b"])


async def test_a_binding_with_a_prefix_sees_nothing_else_of_the_bucket(
    ops: Ops, s3_server: str, bucket: str
) -> None:
    whole = Store(ops, binding(s3_server, bucket))
    mine = Store(ops, binding(s3_server, bucket, prefix="/mine/"))
    await whole.put("mine-too/x", "other")
    await whole.put("other", "other")
    await mine.put("/x", "my own")
    assert await whole.get("mine/x") == (200, b"my own")
    assert [one["key"] for one in (await mine("list"))["objects"]] == ["x"]
    for key in (
        "../other",
        "a/../../other",
        "%2e%2e/other",
        "%252E%252e%252fother",
        "..\\other",
        "..%5cother",
    ):
        refusal = "TypeError: Invalid key: directory traversal not allowed"
        assert await mine("get", key=key) == refusal
        assert await mine.put(key, "x") == refusal
        assert await mine("delete", key=key) == refusal
        assert await mine("list", prefix=key) == refusal
    assert (await mine.get("/other"))[0] == 404
    assert (await mine.get("//mine-too/x"))[0] == 404
    assert (
        await mine("get", key="a\nb")
        == "TypeError: Invalid key: control characters are not allowed"
    )
    assert (
        await mine("get", key="a%00b")
        == "TypeError: Invalid key: control characters are not allowed"
    )
    assert await mine("get", key="/./") == "TypeError: Invalid key: it is empty"
    assert (
        await mine("get", key="k" * 1020) == "TypeError: Invalid key: it is longer than 1024 bytes"
    )
    assert (
        await mine("get", key="%" + "25" * 20 + "2e")
        == "TypeError: Invalid key: it is encoded too often"
    )


async def test_only_a_storage_binding_of_the_worker_can_be_used(store: Store) -> None:
    for name in ("KV", "OTHER"):
        answer = await store("list", binding=name)
        assert answer == f"TypeError: this worker has no storage binding '{name}'"


async def test_what_is_no_header_does_not_become_one(store: Store) -> None:
    assert (await store.put("x", "x", contentType="a\r\nx-evil: 1")).startswith("TypeError: ")
    assert (await store.put("x", "x", metadata=[["a b", "1"]])).startswith("TypeError: ")
    assert (await store.put("x", "x", metadata=[["a", "1\r\nx: 2"]])).startswith("TypeError: ")
    assert (await store.put("x", "x", metadata=[["a", "x" * 3000]])).startswith("TypeError: ")


async def test_a_stream_that_fails_leaves_nothing_behind(
    store: Store, s3_server: str, bucket: str
) -> None:
    """Neither an object nor parts of one that would have to be paid for."""
    args = {"binding": "S", "action": "put", "key": "broken", "body": "stream"}
    asked = store.worker.ask("storage", args)
    await _feed(store, asked, PART_BYTES + 65536)
    await _until_upload(s3_server, bucket)
    store.worker.end()
    await asyncio.wait([asked.task])
    handler = store.worker.ops._handlers["storage"]
    await handler._uploads.close()  # type: ignore[attr-defined]
    assert b"<UploadId>" not in httpx.get(f"{s3_server}/{bucket}?uploads", trust_env=False).content
    assert (await Store(store.worker.ops, binding(s3_server, bucket)).get("broken"))[0] == 404


async def _feed(store: Store, asked: Any, size: int) -> None:
    stream = store.worker.outbound(asked.id)
    credit = 1 << 18
    for _ in range(size // 65536):
        while credit < 65536:
            asked.granted.clear()
            await asked.granted.wait()
            credit, asked.credits = credit + asked.credits, 0
        stream.receive(bytes(65536))
        credit -= 65536


async def _until_upload(s3_server: str, bucket: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while b"<UploadId>" not in (await client.get(f"{s3_server}/{bucket}?uploads")).content:
            pass


async def test_errors_say_what_s3_said_and_nothing_of_the_credentials(
    ops: Ops, s3_server: str
) -> None:
    missing = Store(ops, binding(s3_server, "no-such-bucket"))
    assert await missing.put("x", "x") == "Error: storage failed: NoSuchBucket (404)"
    assert await missing("list") == "Error: storage failed: NoSuchBucket (404)"
    for endpoint, said in {
        "ftp://example.com": "the binding's endpoint is no URL of a server",
        "http://u:p@example.com": "the binding's endpoint is no URL of a server",
        "http://127.0.0.1:1": "127.0.0.1:1 refused the connection",
        "https://127.0.0.1:1": "127.0.0.1:1 refused the connection",
    }.items():
        assert (
            await Store(ops, binding(endpoint, "bucket"))("list")
            == f"Error: storage failed: {said}"
        )
    assert "hidden" not in repr(binding(s3_server, "b"))
    assert await Store(ops, binding(s3_server, "../b"))("list") == (
        "Error: storage failed: the binding's bucket is no name of a bucket"
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:9",
        "http://localhost:9",
        "http://169.254.169.254",
        "http://[::1]:9",
        "http://2130706433",
    ],
)
async def test_an_endpoint_that_is_not_public_is_not_connected_to(endpoint: str) -> None:
    """An endpoint is the tenant's word: it is judged like what `fetch` is asked for, when it connects."""
    storage = Storage(GuardedTransport(AddressPolicy(), 1), Uploads())
    ops = Ops({"storage": storage})
    answer = await Store(ops, binding(endpoint, "bucket"))("list")
    assert answer.startswith("Error: storage failed: ")
    assert answer.endswith(" is not a public address")
    await ops.close()
    await storage.close()


async def test_fetch_answers_as_a_server_of_files_would(store: Store) -> None:
    await store.put("a/ü b.html", "<p>", contentType="text/html")

    async def fetch(url: str, *headers: list[str], method: str = "GET") -> Any:
        args = {"binding": "S", "method": method, "url": url, "headers": headers}
        asked = store.worker.ask("storage", args)
        answer = await asked.result()
        return answer if isinstance(answer, str) else (answer["status"], asked.attachment)

    page = "https://binding.internal/a/%C3%BC%20b.html?x#y"
    assert await fetch(page) == (200, b"<p>")
    assert await fetch(page, ["range", "bytes=1-1"], ["cookie", "x"]) == (206, b"p")
    assert await fetch(page, method="HEAD") == (200, None)
    assert await fetch("https://binding.internal/b") == (404, None)
    refusal = "TypeError: Invalid key: directory traversal not allowed"
    assert await fetch("https://binding.internal/a/%2e%2e/b") == refusal
    assert await fetch(page, method="PUT") == "TypeError: storage: fetch reads, it can not PUT"
    assert await store("rename") == "TypeError: storage has no action 'rename'"
