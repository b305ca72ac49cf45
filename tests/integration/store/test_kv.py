"""Key-value namespaces: the op, against a real database."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any, cast

import msgspec
import psycopg
import pytest

from runner.bindings import DatabaseBinding, KvBinding
from runner.deployments import make_deployment, make_limits
from runner.ops.kv import Kv
from runner.ops.registry import OpCall, Ops
from runner.store.kv import KvStore, end_of
from runner.store.kv_purge import KvPurge
from runner.store.pool import connect, open_pool
from tests.integration.store.line import open_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from runner.bindings import Binding
    from runner.execution import Execution
    from runner.store.pool import Pool


class Asking:
    """A worker that has bindings, and asks."""

    def __init__(self, store: KvStore, **bindings: Binding) -> None:
        self.ops = Ops({"kv": Kv(store)})
        self.deployment = make_deployment(
            tenant="t",
            worker="w",
            name="w",
            main="index.js",
            files={},
            variables={},
            limits=make_limits(cpu_ms=100, wall_ms=100, ops={}),
            bindings=bindings,
        )
        self.answer: Any = None

    def deliver(self, *record: Any, attachment: bytes | None = None) -> None:
        assert attachment is None
        self.answer = json.loads(msgspec.json.encode(record))

    def violate(self, reason: str) -> None:
        raise AssertionError(reason)

    async def __call__(self, action: str, *, binding: str = "KV", **args: Any) -> Any:
        text = json.dumps({"binding": binding, "action": action, **args})
        execution = cast("Execution", self)
        await self.ops.start(OpCall(execution, 1, "kv", msgspec.Raw(text.encode()), b""))
        kind, _, value = self.answer
        return value if kind == "resolve" else f"{value['name']}: {value['message']}"

    async def put(self, key: str, value: Any, expires_in: float | None = None) -> Any:
        return await self("put", key=key, json=json.dumps(value), expiresIn=expires_in)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with open_pool(database) as pool:
        yield pool


async def add_namespace(pool: Pool) -> KvBinding:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "WITH owner AS (INSERT INTO users (username) VALUES (gen_random_uuid()::text) RETURNING id)"
            " INSERT INTO kv_configs (user_id, name) SELECT id, 'kv' FROM owner RETURNING id::text"
        )
        rows = await cursor.fetchall()
    return KvBinding(rows[0][0])


@pytest.fixture
async def namespace(pool: Pool) -> KvBinding:
    return await add_namespace(pool)


@pytest.fixture
def ask(pool: Pool, namespace: KvBinding) -> Asking:
    return Asking(KvStore(pool), KV=namespace)


async def expire(pool: Pool, binding: KvBinding, *keys: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE kv_data SET expires_at = now() - interval '1 s' WHERE namespace_id = %s AND key = ANY(%s)",
            (binding.namespace, list(keys)),
        )


async def rows_of(pool: Pool, binding: KvBinding) -> list[str]:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT key FROM kv_data WHERE namespace_id = %s ORDER BY key", (binding.namespace,)
        )
        return [key for (key,) in await cursor.fetchall()]


@pytest.mark.parametrize(
    "value",
    [{"a": [1, 2.5, None, True, "ü😀\n\\u0041"]}, "text", "", 0, [], None, 1e20, 1e-7, -(2**60)],
)
async def test_a_value_comes_back_as_it_was_put(ask: Asking, value: object) -> None:
    assert await ask.put("key", value) is None
    assert await ask("get", key="key") == value


async def test_what_is_not_there_is_null_and_can_be_deleted(ask: Asking) -> None:
    assert await ask("get", key="nothing") is None
    assert await ask("delete", key="nothing") is False
    await ask.put("some", 1)
    assert await ask("delete", key="some") is True
    assert await ask("get", key="some") is None


async def test_what_has_expired_is_gone_for_every_reader(
    ask: Asking, pool: Pool, namespace: KvBinding
) -> None:
    await ask.put("a", 1, expires_in=3600)
    await ask.put("b", 1, expires_in=3600)
    assert await ask("get", key="a") == 1
    await expire(pool, namespace, "a")
    assert await ask("get", key="a") is None
    assert (await ask("list"))["keys"] == ["b"]
    assert await ask("delete", key="a") is False


async def test_a_put_without_expiry_clears_an_older_one(
    ask: Asking, pool: Pool, namespace: KvBinding
) -> None:
    await ask.put("a", 1, expires_in=1)
    await ask.put("a", 2)
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT expires_at FROM kv_data WHERE namespace_id = %s", (namespace.namespace,)
        )
        assert await cursor.fetchall() == [(None,)]


async def test_a_prefix_is_taken_as_it_is(ask: Asking) -> None:
    """What LIKE would take as wildcards, and the last characters there are, mean themselves."""
    keys = [
        "a%b",
        "a_b",
        "axb",
        "a%",
        "a\\",
        "b",
        "ü",
        "\ud7ff1",
        "\ue000",
        "\U0010ffff",
        "\U0010ffff1",
    ]
    for key in keys:
        await ask.put(key, 1)
    for prefix in ["a%", "a_", "a\\", "a", "ü", "\ud7ff", "\U0010ffff", "c"]:
        found = (await ask("list", prefix=prefix))["keys"]
        assert found == sorted(key for key in keys if key.startswith(prefix)), prefix
    assert (await ask("list"))["keys"] == sorted(keys)


async def test_a_cursor_leads_through_all_keys(ask: Asking) -> None:
    keys = [f"k{number:02}" for number in range(7)]
    for key in (*keys, "a", "l"):
        await ask.put(key, 1)
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await ask("list", prefix="k", limit=3, cursor=cursor)
        pages.append(page["keys"])
        cursor = page["cursor"]
        await ask("delete", key=page["keys"][-1])
    assert pages == [keys[:3], keys[3:6], keys[6:]]
    exact = await ask("list", prefix="k", limit=4)
    assert (len(exact["keys"]), exact["cursor"]) == (4, None)


async def test_namespaces_do_not_see_each_other(ask: Asking, pool: Pool) -> None:
    other = Asking(KvStore(pool), KV=await add_namespace(pool))
    await ask.put("key", "mine")
    assert await other("get", key="key") is None
    assert await other("delete", key="key") is False
    assert (await other("list"))["keys"] == []


@pytest.mark.parametrize("name", ["OTHER", "DB", "", "x" * 1000])
async def test_a_name_that_was_not_given_leads_nowhere(
    pool: Pool, namespace: KvBinding, name: str
) -> None:
    ask = Asking(KvStore(pool), KV=namespace, DB=DatabaseBinding(id="d"))
    said = await ask("get", key="key", binding=name)
    assert said == f"TypeError: this worker has no kv binding {name[:64]!r}"


@pytest.mark.parametrize(
    ("action", "args", "said"),
    [
        ("get", {"key": ""}, "TypeError: KV: a key can not be empty"),
        ("get", {"key": "a\0"}, "TypeError: KV: a key can not have the character U+0000"),
        ("get", {"key": "ü" * 257}, "RangeError: KV: a key has at most 512 bytes of UTF-8"),
        ("put", {"key": "k", "json": '"\\u0000"'}, "TypeError: KV: a value can not have the character U+0000"),
        ("put", {"key": "k", "json": '"' + "ü" * 51200 + '"'}, "RangeError: Value too large: 102402 bytes"),
        ("put", {"key": "k", "json": "[" * 50_000 + "]" * 50_000}, "RangeError: KV: the value is nested too deeply"),
        ("put", {"key": "k", "json": f"[{','.join(['1e+308'] * 2001)}]"}, "RangeError: KV: a value can have 2000 numbers"),
        ("put", {"key": "k", "json": "1", "expiresIn": 0}, "RangeError: KV: expiresIn must be more than 0"),
        ("put", {"key": "k", "json": "1", "expiresIn": 1e300}, "RangeError: KV: expiresIn must be more than 0"),
        ("list", {"limit": 1001}, "RangeError: KV list: limit must be from 1 to 1000"),
        ("list", {"cursor": "no cursor"}, "TypeError: KV list: the cursor is not one of list's"),
        ("list", {"cursor": "/w=="}, "TypeError: KV list: the cursor is not one of list's"),
        ("list", {"cursor": base64.b64encode(b"a\0").decode()}, "TypeError: KV: a cursor can not have"),
        ("list", {"prefix": "a\0"}, "TypeError: KV: a prefix can not have the character U+0000"),
    ],
)  # fmt: skip
async def test_what_can_not_be_is_refused_by_what_is_wrong(
    ask: Asking, action: str, args: dict[str, Any], said: str
) -> None:
    answer = await ask(action, **args)
    assert isinstance(answer, str)
    assert answer.startswith(said)


async def test_the_largest_key_and_value_are_kept(ask: Asking) -> None:
    key, value = "\U0010ffff" * 128, "x" * 102_398
    assert await ask.put(key, value) is None
    assert await ask("get", key=key) == value
    assert (await ask("list", prefix=key))["keys"] == [key]


async def test_half_a_surrogate_pair_is_replaced(ask: Asking) -> None:
    """PostgreSQL keeps none, as UTF-8 has none."""
    await ask("put", key="k", json='["\\ud83d","\\\\ud83d","\\ud83d\\ude00"]')
    assert await ask("get", key="k") == ["\ufffd", "\\ud83d", "😀"]


async def test_a_namespace_that_was_deleted_is_gone(ask: Asking, pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM kv_configs")
    assert await ask.put("k", 1) == "Error: KV: the namespace of KV is gone"
    assert await ask("get", key="k") is None


AWAY = "Error: KV is not available: the database can not be reached"


async def test_without_its_database_an_op_rejects_until_it_is_back(
    database: str, namespace: KvBinding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.store.pool._WAIT_S", 0.3)
    async with open_line(database) as line:
        async with open_pool(line.url) as pool:
            ask = Asking(KvStore(pool), KV=namespace)
            await ask.put("k", 1)
            await line.cut()
            assert await ask("get", key="k") == AWAY
            await line.join()
            async with asyncio.timeout(20):
                while (answer := await ask("get", key="k")) == AWAY:
                    pass
            assert answer == 1
        assert await ask("get", key="k") == AWAY


def scans_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the steps of a plan that read an index."""
    if "Index Name" in plan:
        yield plan
    for part in plan.get("Plans", []):
        yield from scans_of(part)


async def test_a_list_is_a_range_of_an_index(database: str, pool: Pool) -> None:
    """Neither the rest of the namespace nor other namespaces are read for a prefix."""
    store, binding = KvStore(pool), await add_namespace(pool)
    async with connect(database) as connection:
        await connection.execute(
            "INSERT INTO kv_data (namespace_id, key, value) SELECT %s, 'k' || n, '1' FROM generate_series(1, 5000) n",
            (binding.namespace,),
        )
        await connection.execute("ANALYZE kv_data")
        values = {"namespace": binding.namespace, "first": "k42", "end": end_of("k42")}
        cursor = await connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {store._queries['list_kv']}", values | {"limit": 1001}
        )
        rows = await cursor.fetchall()
    scans = list(scans_of(rows[0][0][0]["Plan"]))
    assert [scan["Index Name"] for scan in scans] == ["idx_kv_data_bytewise"]
    assert 111 <= scans[0]["Actual Rows"] <= 113
    assert await store.keys(binding.namespace, prefix="k42", limit=1000) == sorted(
        f"k{n}" for n in range(1, 5001) if str(n).startswith("42")
    )


class Pause:
    """A sleep that ends when the test says so."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self._release = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self._release.wait()
        self._release.clear()

    async def end(self) -> float:
        """Let one sleep end; return how long the next one is when the work in between is done."""
        self._release.set()
        return await self.asked.get()


async def test_expired_rows_are_deleted_in_batches(
    ask: Asking, pool: Pool, namespace: KvBinding
) -> None:
    for number in range(5):
        await ask.put(f"old{number}", 1)
    await ask.put("new", 1, expires_in=3600)
    await ask.put("always", 1)
    await expire(pool, namespace, *(f"old{number}" for number in range(5)))
    pause = Pause()
    purge = KvPurge(KvStore(pool), batch=2, sleep=pause)
    purge.start()
    first = await pause.asked.get()
    assert len(await rows_of(pool, namespace)) == 7
    second = await pause.end()
    assert await rows_of(pool, namespace) == ["always", "new"]
    assert first != second
    assert all(30 <= seconds <= 90 for seconds in (first, second))
    await purge.stop()


async def test_runners_that_purge_together_do_not_wait_for_each_other(
    ask: Asking, pool: Pool, namespace: KvBinding, database: str
) -> None:
    for key in "ab":
        await ask.put(key, 1)
    await expire(pool, namespace, "a", "b")
    async with connect(database) as other, other.transaction():
        await other.execute("SELECT FROM kv_data WHERE key = 'a' FOR UPDATE")
        assert await KvStore(pool).purge(10) == 1
    assert await rows_of(pool, namespace) == ["a"]


async def test_a_purge_outlives_its_database(caplog: pytest.LogCaptureFixture) -> None:
    class Away(KvStore):
        def __init__(self) -> None:
            pass

        async def purge(self, limit: int) -> int:
            raise psycopg.OperationalError("away")

    pause = Pause()
    purge = KvPurge(Away(), sleep=pause)
    purge.start()
    await pause.asked.get()
    await pause.end()
    assert "away" in caplog.text
    await purge.stop()


@pytest.mark.parametrize(
    ("prefix", "end"), [("a", "b"), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000"), ("ab", "ac")]
)
def test_the_end_of_a_prefix_is_the_next_string(prefix: str, end: str) -> None:
    assert end_of(prefix) == end
    assert all(prefix + more < end for more in ("", "z", "\U0010ffff"))


def test_nothing_comes_behind_the_end_of_the_empty_prefix(
    create_database: Callable[[str], str],
) -> None:
    assert end_of("") > "\U0010ffff" * 128
    assert end_of("\U0010ffff") == end_of("")
