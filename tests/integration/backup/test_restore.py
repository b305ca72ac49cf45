"""What is made under load is one moment, and comes back as it was."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from runner.backup.errors import NotEmptyError
from runner.backup.tables import Catalog
from runner.service_settings import SecretKey
from runner.store.migrate import Migration, Migrator, read_migrations
from runner.store.pool import connect
from runner.store.secrets import SecretBox, SecretPlace
from tests.integration.backup.keeping import bring_back, keep, keep_as, look, query
from tests.integration.store.test_migrations import describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self


FILL = """
INSERT INTO users (username) SELECT 'user-' || i FROM generate_series(1, 5) i;
INSERT INTO kv_configs (user_id, name) SELECT id, 'accounts' FROM users;
INSERT INTO kv_data (namespace_id, key, value)
    SELECT id, key, '{"amount": 1000, "text": "a\\tb\\nc\\\\d \\u00fc"}' FROM kv_configs, unnest(ARRAY['a', 'b', E'c\\td\\ne\\\\']) key;
INSERT INTO environments (user_id, name) SELECT id, 'env' FROM users;
INSERT INTO workers (user_id, name, environment_id) SELECT user_id, 'w-' || left(id::text, 8), id FROM environments;
UPDATE environments SET made_for = workers.id FROM workers WHERE environment_id = environments.id;
INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)
    SELECT id, 1, 'x', 'javascript', decode('00ff0a5c2e', 'hex') FROM workers;
UPDATE workers SET current_version = 1;
SELECT upgrade_worker_to_project(id) FROM workers;
INSERT INTO crons (value, worker_id) SELECT '0 0 1 1 *', id FROM workers;
INSERT INTO tasks (script, payload, tenant, scheduled_at)
    SELECT 'a.js', jsonb_build_object('n', i), md5((i % 7)::text)::uuid, now() - i * interval '1 s' FROM generate_series(1, 3000) i;
INSERT INTO tasks (script, status, lease_id, leased_until, leased_by, attempts, started_at)
    SELECT 'b.js', 'running', gen_random_uuid(), now() + interval '1 h', 'gone', 1, now() FROM generate_series(1, 3);
"""
TRANSFER = """
UPDATE kv_data SET value = jsonb_set(value, '{amount}', to_jsonb((value ->> 'amount')::int + CASE key WHEN 'a' THEN %s ELSE -%s END))
WHERE key IN ('a', 'b')
"""
SUMS = "SELECT namespace_id, sum((value ->> 'amount')::int) FROM kv_data WHERE key IN ('a', 'b') GROUP BY 1"


async def fingerprints(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Give all rows of all tables of ours, without what a restore changes."""
    async with connect(url) as connection:
        tables = await Catalog(connection, read_migrations()).tables()
        found: dict[str, list[tuple[object, ...]]] = {}
        for table in tables:
            what = f"SELECT t::text FROM {table.name} t ORDER BY 1"
            if table.name == "tasks":
                what = "SELECT id, tenant, script, payload::text, created_at, scheduled_at FROM tasks ORDER BY id"
            found[table.name] = await (await connection.execute(what.encode())).fetchall()
    return found


class Load:
    """Writers that never pause: transfers between two rows, and tasks that come, run and end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._busy = asyncio.Event()
        self._writes = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._transfer()), asyncio.create_task(self._enqueue())]
        await self.writes(5)
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def writes(self, count: int) -> None:
        """Wait until so many more were made."""
        wanted = self._writes + count
        while self._writes < wanted:
            self._busy.clear()
            await self._busy.wait()

    def _wrote(self) -> None:
        self._writes += 1
        self._busy.set()

    async def _transfer(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            while True:
                await connection.execute(TRANSFER.encode(), (7, 7))
                self._wrote()

    async def _enqueue(self) -> None:
        """Each task has a key with its number, and a row of kv_data that says the same, by one transaction."""
        number = 0
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            while True:
                number += 1
                async with connection.transaction():
                    await connection.execute(
                        "INSERT INTO tasks (script, key) VALUES ('load.js', %s)",
                        (f"load-{number}",),
                    )
                    await connection.execute(
                        "UPDATE kv_data SET value = to_jsonb(%s::int) WHERE key LIKE 'c%%'",
                        (number,),
                    )
                if number % 3 == 0:
                    await connection.execute(
                        "UPDATE tasks SET status = 'completed', completed_at = now() WHERE key = %s",
                        (f"load-{number}",),
                    )
                self._wrote()


async def test_a_backup_under_load_is_one_moment(source: str, target: str, tmp_path: Path) -> None:
    """Two rows between which money goes have the same sum as always; a task and the row that counts it are both there, or neither."""
    query(source, FILL)
    async with Load(source) as load:
        path = await keep(source, tmp_path)
        await load.writes(5)
    restored = await bring_back(path, target)
    assert restored.tasks_released == 3
    assert {amount for _, amount in query(target, SUMS)} == {2000}
    ((tasks, counted),) = query(
        target,
        "SELECT (SELECT count(*) FROM tasks WHERE script = 'load.js'),"
        " (SELECT max(value::text::int) FROM kv_data WHERE key LIKE 'c%')",
    )
    assert tasks == counted > 0
    assert query(source, "SELECT count(*) FROM tasks WHERE script = 'load.js'")[0][0] > tasks


async def test_what_comes_back_is_what_was_there(source: str, target: str, tmp_path: Path) -> None:
    """Rows, schema and triggers; whatever runs is released and costs no attempt."""
    query(source, FILL)
    path = await keep(source, tmp_path)
    restored = await bring_back(path, target)
    assert restored == ([], 3, 0)
    assert await fingerprints(target) == await fingerprints(source)
    async with connect(source) as ours, connect(target) as theirs:
        assert await describe(theirs) == await describe(ours)
    assert (
        query(
            target,
            "SELECT status, attempts, lease_id, leased_until FROM tasks WHERE script = 'b.js'",
        )
        == [("pending", 0, None, None)] * 3
    )
    # Triggers are on again: what is another's can not be named.
    with pytest.raises(psycopg.errors.CheckViolation, match="of the same user"):
        query(
            target,
            "UPDATE workers SET environment_id = (SELECT id FROM environments e WHERE e.user_id <> workers.user_id LIMIT 1)",
        )
    assert query(target, "SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'") == [(0,)]
    manifest = await look(path)
    assert manifest.rows == sum(part.rows for part in manifest.tables) > 3000
    assert "tasks_throttle" not in {part.table for part in manifest.tables}


async def test_an_empty_database_with_the_schema_will_do(
    source: str, tmp_path: Path, create_database: Callable[[str], str], template: str
) -> None:
    query(source, FILL)
    path = await keep(source, tmp_path)
    target = create_database(template)
    await bring_back(path, target)
    assert await fingerprints(target) == await fingerprints(source)
    # Twice it is not empty any more.
    before = await fingerprints(target)
    with pytest.raises(NotEmptyError, match="it has rows in table"):
        await bring_back(path, target)
    assert await fingerprints(target) == before


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_older_schema_is_restored_and_then_migrated(
    target: str, tmp_path: Path, create_database: Callable[[str], str], at_once: bool
) -> None:
    """As if it had been migrated where it came from: rows go through the same files. Enumerations need two transactions on older servers."""
    older = [one for one in read_migrations() if one.number < 9]
    source = create_database("template1")
    async with connect(source) as connection:
        await Migrator(connection, older).up()
    query(source, "INSERT INTO users (username) VALUES ('old')")
    query(source, "INSERT INTO workers (user_id, name) SELECT id, 'hello' FROM users")
    path = await keep(source, tmp_path)
    restored = await bring_back(path, target, at_once=at_once)
    assert restored.migrated == [one.name for one in read_migrations() if one.number >= 9]
    assert query(target, "SELECT name, managed_by FROM workers") == [("hello", None)]
    async with connect(source) as connection:
        await Migrator(connection).up()
        async with connect(target) as restored_one:
            assert await describe(restored_one) == await describe(connection)


async def test_sequences_identities_and_computed_columns_come_back(
    source: str, target: str, tmp_path: Path
) -> None:
    """The next number is the next, and tables of others are named but not taken."""
    more = Migration(
        9999,
        "9999_more",
        "CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, old serial,"
        " twice int GENERATED ALWAYS AS (old * 2) STORED, at timestamptz, share float8, raw bytea);",
        "x",
        baseline=False,
    )
    migrations = [*read_migrations(), more]
    async with connect(source) as connection:
        await Migrator(connection, migrations).up()
    query(
        source,
        "INSERT INTO numbered (at, share, raw) SELECT 'infinity', 0.1::float8 + 0.2, '\\x5c2e0a' FROM generate_series(1, 3)",
    )
    query(source, "CREATE TABLE ow_tasks (id int)")
    path = await keep_as(source, tmp_path, migrations)
    assert (await look(path)).left_out == ["public.ow_tasks"]
    await bring_back(path, target, migrations)
    rows = "SELECT t::text FROM numbered t ORDER BY id"
    assert query(target, rows) == query(source, rows)
    assert query(target, "INSERT INTO numbered (at) VALUES (now()) RETURNING id, old, twice") == [
        (4, 4, 8)
    ]


async def test_the_keys_that_something_is_sealed_with_are_known(
    source: str, tmp_path: Path
) -> None:
    """Wherever something is sealed; what is no sealed text, as SQL may have written it, is in nobody's way."""

    def sealed(key: int) -> bytes:
        place = SecretPlace("t", "c", uuid4(), uuid4())
        return SecretBox([SecretKey(key, b"k" * 32)]).seal("x" * 50, place)

    for options, result in (
        (b64encode(sealed(7)).decode(), {"response": b64encode(sealed(8)).decode()}),
        ("!", {"response": None}),
        (5, [1]),
    ):
        query(
            source,
            "INSERT INTO tasks (kind, options, result) VALUES ('http', %s::jsonb, %s::jsonb)",
            json.dumps(options),
            json.dumps(result),
        )
    query(
        source,
        "WITH owner AS (INSERT INTO users (username) VALUES ('u') RETURNING id)"
        " INSERT INTO storage_configs (user_id, name, bucket, access_key_id, secret_access_key, secret_access_key_sealed)"
        " SELECT id, 's', 'b', 'a', '', %s FROM owner",
        sealed(200),
    )
    assert (await look(await keep(source, tmp_path))).secret_keys == [7, 8, 200]


async def test_no_superuser_is_needed(
    source: str, create_database: Callable[[str], str], tmp_path: Path
) -> None:
    """Who owns the tables may restore them."""
    query(source, FILL)
    path = await keep(source, tmp_path)
    target = create_database("template1")
    database = target.rpartition("/")[2]
    role = f"owner_{uuid4().hex}"
    query(target, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    query(target, f"ALTER DATABASE {database} OWNER TO {role}")
    place = target.partition("@")[2]
    await bring_back(path, f"postgresql://{role}:secret@{place}")
    assert await fingerprints(target) == await fingerprints(source)
    query(
        target, f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
    )
