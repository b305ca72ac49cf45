"""The database op against a real server: what it gives, what it limits, and whom it lets reach what."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runner.bindings import DatabaseBinding, KvBinding
from runner.databases.places import Places
from runner.databases.pool import SessionLimits, SessionPool
from runner.errors import ConflictError, RefusedError
from runner.ops.addresses import AddressPolicy
from runner.ops.database import Database
from runner.ops.registry import Ops
from runner.service_settings import SecretKey
from runner.store.migrate import Migrator
from runner.store.pool import connect, open_pool
from runner.store.secrets import SecretBox
from runner.store.tenant_databases import (
    TenantRoles,
    create_platform_database,
    drop_platform_database,
    place_of_password,
    role_of,
)
from tests.integration.bindings.asking import Worker, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.store.pool import Pool

BOX = SecretBox([SecretKey(1, bytes(32))])


class Platform:
    """A runner's side: the op over its pool, and databases for tenants."""

    def __init__(self, pool: Pool, url: str, limits: SessionLimits) -> None:
        self.store = pool
        self.url = url
        places = Places(AddressPolicy(allowed=["loopback"]))
        places.serve_platform(url, TenantRoles(pool))
        self.pool = SessionPool(places, limits)
        self.database = Database(self.pool)
        self.ops = Ops({"database": self.database})
        self._made: list[tuple[UUID, UUID]] = []

    async def tenant(self) -> UUID:
        async with self.store.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO users (username) VALUES (gen_random_uuid()) RETURNING id"
            )
            row = await cursor.fetchone()
        assert row is not None
        assert isinstance(row[0], UUID)
        return row[0]

    async def create(self, tenant: UUID | None = None, **options: Any) -> DatabaseBinding:
        tenant = tenant or await self.tenant()
        options.setdefault("name", "db")
        config = await create_platform_database(self.store, self.url, BOX, tenant=tenant, **options)
        self._made.append((tenant, config))
        async with self.store.connection() as connection:
            cursor = await connection.execute(
                "SELECT connection_string_sealed, schema_name, max_rows, timeout_seconds"
                " FROM database_configs WHERE id = %s",
                [config],
            )
            row = await cursor.fetchone()
        assert row is not None
        sealed, schema, max_rows, timeout_s = row
        password = BOX.open(bytes(sealed), place_of_password(tenant, config))
        return DatabaseBinding(
            id=str(config), schema=schema, password=password, max_rows=max_rows, timeout_s=timeout_s
        )

    def worker(self, binding: DatabaseBinding, tenant: str = "t") -> Db:
        return Db(self, binding, tenant)

    async def close(self) -> None:
        await self.ops.close()
        await self.database.close()
        for tenant, config in self._made:
            await drop_platform_database(self.store, self.url, tenant=tenant, config=config)


class Db(Worker):
    """A worker with a database DB."""

    def __init__(self, platform: Platform, binding: DatabaseBinding, tenant: str) -> None:
        super().__init__(platform.ops, deployment(tenant, DB=binding, KV=KvBinding("x")))
        self.binding = binding

    async def do(self, action: str, **args: Any) -> Any:
        return await self("database", {"binding": "DB", "action": action, **args})

    async def query(self, sql: str, *params: str | None, transaction: int = 0) -> Any:
        """Return the rows, how many were changed, or an error."""
        answer = await self.do("query", sql=sql, params=params, transaction=transaction)
        if isinstance(answer, str):
            return answer
        if "error" in answer:
            return f"{answer['error'].get('code')} {answer['error']['message']}"
        return answer["count"] if answer["columns"] is None else answer["rows"]

    async def begin(self) -> int:
        answer = await self.do("begin")
        assert isinstance(answer, dict), answer
        number = answer["transaction"]
        assert isinstance(number, int)
        return number


LIMITS = SessionLimits(total=4, per_tenant=3, per_database=2, wait_s=0.3)


@pytest.fixture
async def platform(database: str) -> AsyncIterator[Platform]:
    async with open_pool(database, most=3) as pool:
        platform = Platform(pool, database, LIMITS)
        yield platform
        await platform.close()


@pytest.fixture
async def db(platform: Platform) -> Db:
    return platform.worker(await platform.create(max_rows=5, timeout_s=1))


async def settled(platform: Platform) -> None:
    """Wait until every session came back."""
    while platform.pool._cleaning:
        await asyncio.wait(platform.pool._cleaning)


# --- what it gives --------------------------------------------------------------------------------------------------


async def test_statements_with_parameters_read_and_change_rows(db: Db) -> None:
    assert await db.query("CREATE TABLE notes (id int PRIMARY KEY, text text)") == 0
    assert await db.query("INSERT INTO notes VALUES ($1, $2), (2, NULL)", "1", "it's") == 2
    assert await db.query("SELECT * FROM notes ORDER BY id") == [["1", "it's"], ["2", None]]
    assert await db.query("SELECT id FROM notes WHERE id = ANY($1::int[])", "{2,3}") == [["2"]]
    assert await db.query("UPDATE notes SET text = $1 RETURNING id, text", None) == [
        ["1", None],
        ["2", None],
    ]
    assert await db.query("DELETE FROM notes WHERE id > 5") == 0
    answer = await db.do("query", sql="SELECT 1::bigint AS a, now() AS b, '\\x01'::bytea AS c")
    assert answer["columns"] == [["a", 20], ["b", 1184], ["c", 17]]
    assert answer["rows"][0][1].endswith("+00")
    assert await db.query("") == 0
    assert await db.query("SELECT length($1)", "x" * 3_000_000) == [["3000000"]]


async def test_errors_are_postgresql_s_with_their_code_and_nothing_of_ours(db: Db) -> None:
    await db.query("CREATE TABLE t (id int CONSTRAINT only_small CHECK (id < 5))")
    answer = await db.do("query", sql="INSERT INTO t VALUES (9)")
    error = answer["error"]
    assert (error["code"], error["constraint"], error["table"]) == ("23514", "only_small", "t")
    error = (await db.do("query", sql="SELECT nothing FROM t"))["error"]
    assert (error["code"], error["position"]) == ("42703", "8")
    assert db.binding.password not in json.dumps(answer)
    assert await db.query("SELECT 1; SELECT 2") == (
        "42601 cannot insert multiple commands into a prepared statement"
    )
    assert (
        await db.query("SELECT 'a\0b'")
        == "TypeError: database: text can not have the character U+0000"
    )
    assert (
        await db.query("SELECT $1", "\0")
        == "TypeError: database: text can not have the character U+0000"
    )
    assert (
        await db.query("SELECT $1", "x" * (5 << 20))
        == "RangeError: database: a statement of more than 4 MiB"
    )
    assert (await db.query("COPY t TO STDOUT")).startswith("0A000 COPY")
    assert (await db.query("COPY t FROM STDIN")).startswith("0A000 COPY")
    assert await db.query("SELECT 1") == [["1"]]
    assert await db.do("drop") == "TypeError: database has no action 'drop'"
    refusal = await db("database", {"binding": "KV", "action": "query", "sql": "SELECT 1"})
    assert refusal == "TypeError: this worker has no database binding 'KV'"


async def test_nothing_of_a_session_is_left_for_the_next(db: Db, platform: Platform) -> None:
    await db.query("SET search_path TO pg_catalog")
    await db.query("SET statement_timeout TO 0")
    await db.query("SELECT pg_advisory_lock(1)")
    await db.query("LISTEN x")
    await settled(platform)
    assert platform.pool.idle == 1
    assert await db.query("SHOW search_path") == [[db.binding.schema]]
    assert await db.query("SHOW statement_timeout") == [["1s"]]
    assert await db.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [["0"]]
    assert (await db.query("BEGIN")).startswith("25001 ")
    await settled(platform)
    assert await db.query("SELECT 1") == [["1"]]


# --- limits ---------------------------------------------------------------------------------------------------------


async def test_more_rows_than_allowed_are_an_error_and_change_nothing(
    db: Db, platform: Platform
) -> None:
    assert len(await db.query("SELECT generate_series(1, 5)")) == 5
    refusal = "54000 the result has more than 5 rows: use LIMIT, or raise max_rows"
    assert await db.query("SELECT generate_series(1, 6)") == refusal
    assert await db.query("SELECT generate_series(1, 1000000000)") == refusal
    await db.query("CREATE TABLE t (id int)")
    assert await db.query("INSERT INTO t SELECT generate_series(1, 300) RETURNING id") == refusal
    await settled(platform)
    assert await db.query("SELECT count(*) FROM t") == [["0"]]
    await db.query("CREATE TABLE u (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    assert (await db.query("INSERT INTO u VALUES (1), (1) RETURNING id")).startswith("23505 ")
    assert await db.query("VACUUM t") == 0
    assert await db.query("EXPLAIN SELECT 1") == [["Result  (cost=0.00..0.01 rows=1 width=4)"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 100000000)",
        "SELECT repeat('x', 4000000) FROM generate_series(1, 5)",
        "SELECT repeat(E'\\x01', 3000000)",
        (
            "DO $$ BEGIN SET client_min_messages = notice; FOR i IN 1..1000 LOOP"
            " RAISE NOTICE '%', repeat('x', 1000000); END LOOP; END $$"
        ),
    ],
)
async def test_a_result_is_refused_before_it_fills_the_memory(platform: Platform, sql: str) -> None:
    db = platform.worker(await platform.create())
    before = _resident()
    assert await db.query(sql) == "54000 the result is larger than 8 MiB: ask for less at once"
    assert _resident() - before < 64 << 20
    await settled(platform)
    assert await db.query("SELECT 1") == [["1"]]


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


async def test_the_time_limit_holds_whatever_the_sql_does_about_it(
    db: Db, platform: Platform
) -> None:
    assert (
        await db.query("SELECT pg_sleep(30)")
        == "57014 canceling statement due to statement timeout"
    )
    stubborn = (
        "DO $$ BEGIN SET statement_timeout = 0; LOOP BEGIN PERFORM pg_sleep(60);"
        " EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"
    )
    # A function's SET is in force for the next statement only.
    await db.query(
        "CREATE FUNCTION stubborn() RETURNS void LANGUAGE plpgsql SET statement_timeout = 0 AS"
        " $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"
    )
    for sql in (stubborn, "SELECT stubborn()"):
        assert await db.query(sql) == "57014 the statement took longer than 1 s"
        await settled(platform)
    async with platform.store.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state = 'active'",
            [role_of(db.binding.id)],
        )
        assert await cursor.fetchone() == (0,)
    assert await db.query("SELECT 1") == [["1"]]


async def test_a_statement_ends_with_its_execution(db: Db, platform: Platform) -> None:
    await db.query("CREATE TABLE t (id int)")
    asked = db.ask(
        "database",
        {"binding": "DB", "action": "query", "sql": "INSERT INTO t SELECT 1 FROM pg_sleep(0.9)"},
    )
    while not await _active(platform, db):
        pass
    db.end()
    await asyncio.wait([asked.task])
    await settled(platform)
    assert await _active(platform, db) == 0
    assert await platform.worker(db.binding).query("SELECT count(*) FROM t") == [["0"]]


async def _active(platform: Platform, db: Db) -> int:
    async with platform.store.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state = 'active'",
            [role_of(db.binding.id)],
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


# --- transactions ---------------------------------------------------------------------------------------------------


async def test_a_transaction_is_committed_or_rolled_back_as_one(db: Db) -> None:
    await db.query("CREATE TABLE t (id int UNIQUE)")
    first = await db.begin()
    await db.query("INSERT INTO t VALUES (1)", transaction=first)
    assert await db.query("SELECT * FROM t") == []
    assert await db.do("commit", transaction=first) == {}
    assert await db.query("SELECT * FROM t") == [["1"]]
    second = await db.begin()
    await db.query("DELETE FROM t", transaction=second)
    assert await db.do("rollback", transaction=second) == {}
    assert await db.query("SELECT * FROM t") == [["1"]]
    for action in ("commit", "rollback"):
        assert (await db.do(action, transaction=second)).startswith(
            "Error: database: the transaction has ended"
        )
    assert (await db.query("SELECT 1", transaction=first)).startswith("Error: ")


async def test_a_failed_statement_spoils_its_transaction_and_commit_says_so(db: Db) -> None:
    await db.query("CREATE TABLE t (id int UNIQUE)")
    number = await db.begin()
    await db.query("INSERT INTO t VALUES (1)", transaction=number)
    await db.query("SAVEPOINT a", transaction=number)
    assert (await db.query("INSERT INTO t VALUES (1)", transaction=number)).startswith("23505 ")
    await db.query("ROLLBACK TO a", transaction=number)
    assert (await db.query("INSERT INTO t VALUES (1)", transaction=number)).startswith("23505 ")
    assert (await db.query("SELECT 1", transaction=number)).startswith("25P02 ")
    answer = await db.do("commit", transaction=number)
    assert answer["error"]["code"] == "25P02"
    assert await db.query("SELECT * FROM t") == []


async def test_a_transaction_can_not_be_ended_or_left_open_by_sql(
    db: Db, platform: Platform
) -> None:
    number = await db.begin()
    assert (await db.query("COMMIT", transaction=number)).startswith("25000 ")
    assert (await db.query("SELECT 1", transaction=number)).startswith("Error: ")
    await settled(platform)
    assert platform.database.open_transactions == 0


async def test_a_transaction_is_rolled_back_when_its_execution_ends(
    db: Db, platform: Platform
) -> None:
    """However it ends: a throw, a limit, a host that was killed."""
    await db.query("CREATE TABLE t (id int)")
    number = await db.begin()
    await db.query("INSERT INTO t VALUES (1)", transaction=number)
    asked = db.ask(
        "database",
        {"binding": "DB", "action": "query", "sql": "SELECT pg_sleep(1)", "transaction": number},
    )
    while not await _active(platform, db):
        pass
    db.end()
    await asyncio.wait([asked.task])
    await settled(platform)
    assert platform.database.open_transactions == 0
    assert await platform.worker(db.binding).query("SELECT count(*) FROM t") == [["0"]]


async def test_a_transaction_has_a_time_limit_as_a_whole(db: Db, platform: Platform) -> None:
    number = await db.begin()
    running = db.ask(
        "database",
        {"binding": "DB", "action": "query", "sql": "SELECT pg_sleep(0.9)", "transaction": number},
    )
    waiting = db.ask(
        "database",
        {"binding": "DB", "action": "query", "sql": "SELECT pg_sleep(0.9)", "transaction": number},
    )
    assert await running.result() != ""
    answer = await waiting.result()
    assert "the transaction was ended while this ran" in str(answer)
    await settled(platform)
    assert platform.database.open_transactions == 0
    idle = await db.begin()
    while platform.database.open_transactions:
        await asyncio.sleep(0)
    assert (await db.query("SELECT 1", transaction=idle)).startswith("Error: ")


async def test_transactions_are_few_and_nobody_else_s(db: Db, platform: Platform) -> None:
    other = platform.worker(await platform.create())
    number = await db.begin()
    for thief in (other, platform.worker(db.binding)):
        assert (await thief.query("SELECT 1", transaction=number)).startswith("Error: ")
        assert (await thief.do("commit", transaction=number)).startswith("Error: ")
    await db.begin()
    assert await db.do("begin") == "Error: database: more than 2 transactions at once"
    db.end()


# --- sessions -------------------------------------------------------------------------------------------------------


async def test_sessions_are_shared_few_and_closed_when_idle(platform: Platform) -> None:
    one, two = await platform.create(), await platform.create()
    first = platform.worker(one, "a")
    transactions = [await first.begin(), await first.begin()]
    refusal = "Error: no connection to the database was free within 0.3 s"
    assert await first.query("SELECT 1") == refusal
    assert await platform.worker(two, "a").query("SELECT 1") == [["1"]]
    await settled(platform)
    third = platform.worker(await platform.create(), "a")
    assert await third.query("SELECT 1") == [["1"]]
    await settled(platform)
    assert (platform.pool.sessions, platform.pool.idle) == (3, 1)
    waiting = first.ask("database", {"binding": "DB", "action": "query", "sql": "SELECT 2"})
    await first.do("rollback", transaction=transactions[0])
    assert (await waiting.result())["rows"] == [["2"]]
    for name in ("b", "c", "d"):
        assert await platform.worker(two, name).query("SELECT 1") == [["1"]]
        await settled(platform)
        assert platform.pool.sessions <= 4
    first.end()


async def test_an_idle_session_is_closed_after_a_while(database: str) -> None:
    async with open_pool(database, most=2) as pool:
        platform = Platform(pool, database, SessionLimits(idle_s=0))
        db = platform.worker(await platform.create())
        await db.query("SELECT 1")
        await settled(platform)
        while platform.pool.sessions:
            await asyncio.sleep(0)
        await settled(platform)
        await platform.close()


async def test_a_session_that_the_server_cut_is_replaced(db: Db, platform: Platform) -> None:
    assert (await db.query("SELECT pg_terminate_backend(pg_backend_pid())")).startswith("08006 ")
    await settled(platform)
    assert await db.query("SELECT 1") == [["1"]]
    await settled(platform)
    async with platform.store.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s",
            [role_of(db.binding.id)],
        )
    assert await db.query("SELECT 1") == [["1"]]


# --- the wall -------------------------------------------------------------------------------------------------------


async def test_no_sql_of_a_tenant_reaches_another_s_or_ours(
    platform: Platform, database: str
) -> None:
    victim = platform.worker(await platform.create(), "v")
    await victim.query("CREATE TABLE secrets (value text)")
    await victim.query("INSERT INTO secrets VALUES ('treasure')")
    await victim.query("CREATE FUNCTION hidden_function() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    theirs = victim.binding.schema
    victim_role = role_of(victim.binding.id)
    ours = str(conninfo_to_dict(database)["dbname"])
    admin = str(conninfo_to_dict(database)["user"])
    db = platform.worker(await platform.create(timeout_s=2), "a")
    for attack in (
        f"SELECT * FROM {theirs}.secrets",
        f"SELECT * FROM {victim_role}.{theirs}.secrets",
        f"SELECT * FROM {ours}.public.users",
        "SELECT * FROM public.users",
        f"SET ROLE {admin}",
        f"SET ROLE {victim_role}",
        f"SET SESSION AUTHORIZATION {admin}",
        f"SET SESSION AUTHORIZATION {victim_role}",
        f"GRANT {admin} TO CURRENT_USER",
        f"GRANT {victim_role} TO CURRENT_USER",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "ALTER ROLE CURRENT_USER CREATEROLE",
        "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1",
        f"ALTER ROLE {victim_role} PASSWORD 'x'",
        f"ALTER ROLE {victim_role} SET search_path TO x",
        "CREATE ROLE evil",
        "CREATE DATABASE evil",
        f"DROP DATABASE {victim_role}",
        f"ALTER DATABASE {victim_role} RENAME TO x",
        "CREATE SCHEMA evil",
        "CREATE TEMP TABLE evil (id int)",
        "CREATE TABLE pg_catalog.evil (id int)",
        "CREATE TABLE information_schema.evil (id int)",
        "CREATE EXTENSION dblink",
        "CREATE EXTENSION postgres_fdw",
        "CREATE EXTENSION file_fdw",
        "CREATE EXTENSION plpgsql",
        "SELECT dblink_connect('dbname=postgres')",
        "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw",
        "CREATE SUBSCRIPTION s CONNECTION 'dbname=postgres' PUBLICATION p",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_read_binary_file('postgresql.conf')",
        "SELECT pg_ls_dir('.')",
        "SELECT pg_stat_file('postgresql.conf')",
        "SELECT pg_ls_logdir()",
        "COPY (SELECT 1) TO '/tmp/evil'",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "CREATE TABLE f (a text); ",
        "COPY f FROM '/etc/passwd'",
        "COPY f FROM PROGRAM 'id'",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_export(1, '/tmp/evil')",
        "CREATE FUNCTION evil() RETURNS int LANGUAGE c AS 'libc', 'getpid'",
        "CREATE FUNCTION evil() RETURNS int LANGUAGE internal AS 'pg_sleep'",
        "CREATE LANGUAGE plpython3u",
        "LOAD 'auto_explain'",
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION x()",
        "CREATE TABLESPACE evil LOCATION '/tmp'",
        "ALTER SYSTEM SET log_statement TO 'all'",
        "SET session_preload_libraries TO 'x'",
        "SET log_min_messages TO debug5",
        "SET temp_file_limit TO -1",
        "ALTER ROLE CURRENT_USER SET session_preload_libraries TO 'x'",
        "SELECT pg_reload_conf()",
        "SELECT pg_rotate_logfile()",
        "SELECT pg_promote()",
        "SELECT pg_switch_wal()",
        "SELECT pg_create_physical_replication_slot('x')",
        "SELECT pg_create_logical_replication_slot('x', 'test_decoding')",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_shadow",
        "SELECT * FROM pg_hba_file_rules",
        "SELECT * FROM pg_file_settings",
        "SELECT * FROM pg_largeobject",
        "SELECT * FROM pg_statistic",
        f"SELECT pg_database_size('{ours}')",
        "CHECKPOINT",
        "UPDATE pg_database SET datallowconn = true",
        "DELETE FROM pg_class",
        "SELECT query_to_xml('SELECT * FROM public.users', true, true, '')",
        "DO $$ BEGIN EXECUTE 'SELECT * FROM public.users'; END $$",
        f"REASSIGN OWNED BY {admin} TO CURRENT_USER",
    ):
        answer = await db.query(attack.removesuffix("; "))
        if attack.endswith("; "):
            continue
        assert isinstance(answer, str), (attack, answer)
        assert answer.startswith(
            ("42", "3D", "0A", "25", "3F", "58", "22", "0L", "28", "55", "2F")
        ), (attack, answer)
    await db.query(
        "CREATE FUNCTION evil() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS"
        f" $$ BEGIN RETURN (SELECT value FROM {theirs}.secrets); END $$"
    )
    assert (await db.query("SELECT evil()")).startswith("42P01 ")
    for question in (
        f"SELECT relname FROM pg_class WHERE relname = 'secrets' OR relnamespace::regnamespace::text = '{theirs}'",
        "SELECT 1 FROM pg_proc WHERE proname IN ('hidden_function', 'notify_change')",
        "SELECT 1 FROM pg_class WHERE relname IN ('users', 'environment_values', 'workers')",
        "SELECT query FROM pg_stat_activity WHERE usename <> current_user AND query !~ 'insufficient privilege' AND query <> ''",
        "SELECT 1 FROM pg_auth_members WHERE member = current_user::regrole",
        "SELECT 1 FROM pg_largeobject_metadata",
        "SELECT name FROM pg_settings WHERE name IN ('data_directory', 'config_file', 'hba_file') AND setting IS NOT NULL",
    ):
        assert await db.query(question) == [], question
    assert await db.query(
        f"SELECT has_database_privilege('{ours}', 'CONNECT'), has_database_privilege('{victim_role}', 'CONNECT')"
    ) == [["f", "f"]]
    assert await victim.query("SELECT * FROM secrets") == [["treasure"]]


async def test_sessions_locks_and_notifications_of_others_are_out_of_reach(
    platform: Platform, database: str
) -> None:
    victim = platform.worker(await platform.create(), "v")
    db = platform.worker(await platform.create(), "a")
    number = await victim.begin()
    await victim.query("SELECT pg_advisory_lock(1)", transaction=number)
    assert await db.query("SELECT pg_try_advisory_lock(1)") == [["t"]]
    for function in ("pg_terminate_backend", "pg_cancel_backend"):
        answer = await db.query(
            f"SELECT {function}(pid) FROM pg_stat_activity WHERE datname = '{role_of(victim.binding.id)}'"
        )
        assert answer.startswith("42501 "), answer
    assert await victim.query("SELECT 1", transaction=number) == [["1"]]
    async with connect(database) as listener:
        await listener.execute("LISTEN isolane_changes")
        await db.query("SELECT pg_notify('isolane_changes', 'all')")
        await db.query("NOTIFY isolane_changes, 'all'")
        await listener.execute("NOTIFY isolane_changes, 'ours'")
        async for notice in listener.notifies(stop_after=1):
            assert notice.payload == "ours"
    victim.end()


async def test_a_role_comes_into_its_own_database_alone_and_a_stolen_password_is_changed_back(
    platform: Platform, database: str
) -> None:
    binding = await platform.create()
    role = role_of(binding.id)
    for name in (conninfo_to_dict(database)["dbname"], role_of((await platform.create()).id)):
        place = make_conninfo(database, user=role, password=binding.password, dbname=str(name))
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            await psycopg.AsyncConnection.connect(place)
    db = platform.worker(binding)
    assert await db.query("ALTER ROLE CURRENT_USER PASSWORD 'mine'") == 0
    await settled(platform)
    async with platform.store.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s",
            [role],
        )
    assert await db.query("SELECT 1") == [["1"]]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await psycopg.AsyncConnection.connect(
            make_conninfo(database, user=role, password="mine", dbname=role)
        )


async def test_a_database_is_made_whole_or_not_at_all_and_dropped_with_its_role(
    platform: Platform,
) -> None:
    tenant = await platform.tenant()
    binding = await platform.create(tenant, name="one")
    with pytest.raises(ConflictError, match="'one' already"):
        await platform.create(tenant, name="one")
    stranger = await platform.tenant()
    config = UUID(binding.id)
    assert not await drop_platform_database(
        platform.store, platform.url, tenant=stranger, config=config
    )
    assert await platform.worker(binding).query("SELECT 1") == [["1"]]
    assert await drop_platform_database(platform.store, platform.url, tenant=tenant, config=config)
    async with platform.store.connection() as connection:
        cursor = await connection.execute(
            "SELECT (SELECT count(*) FROM pg_roles WHERE rolname ~ '^isolane_t_'),"
            " (SELECT count(*) FROM pg_database WHERE datname ~ '^isolane_t_')"
        )
        assert await cursor.fetchone() == (0, 0)


async def test_an_operator_without_superuser_can_make_end_and_drop_databases(
    postgres_url: str,
) -> None:
    """As managed servers have them: one who may make databases and roles, and owns ours."""
    url = make_conninfo(postgres_url, user="operator", password="operator", dbname="operated")
    async with connect(postgres_url) as connection:
        await connection.execute(
            "CREATE ROLE operator LOGIN CREATEDB CREATEROLE PASSWORD 'operator'"
        )
        await connection.execute("CREATE DATABASE operated OWNER operator")
    async with connect(url) as connection:
        await Migrator(connection).up()
    async with open_pool(url, most=2) as pool:
        platform = Platform(pool, url, LIMITS)
        db = platform.worker(await platform.create(timeout_s=1))
        assert await db.query("SELECT 1") == [["1"]]
        assert (
            await db.query(
                "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"
            )
            == "57014 the statement took longer than 1 s"
        )
        await settled(platform)
        assert await _active(platform, db) == 0
        assert (await db.query("SET ROLE operator")).startswith("42501 ")
        await db.query("ALTER ROLE CURRENT_USER PASSWORD 'mine'")
        await settled(platform)
        async with pool.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s",
                [role_of(db.binding.id)],
            )
        assert await db.query("SELECT 1") == [["1"]]
        await platform.close()
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT count(*) FROM pg_roles WHERE rolname = %s", [role_of(db.binding.id)]
            )
            assert await cursor.fetchone() == (0,)


async def test_one_who_may_not_make_databases_is_told_what_it_takes(postgres_url: str) -> None:
    url = make_conninfo(postgres_url, user="guest", password="guest", dbname="visited")
    async with connect(postgres_url) as connection:
        await connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        await connection.execute("CREATE DATABASE visited OWNER guest")
    async with connect(url) as connection:
        await Migrator(connection).up()
    async with open_pool(url, most=2) as pool:
        platform = Platform(pool, url, LIMITS)
        with pytest.raises(
            RefusedError, match="a role with CREATEDB and CREATEROLE in DATABASE_URL"
        ):
            await platform.create()
        await platform.close()


async def test_a_database_that_lets_everybody_in_gets_no_tenants(
    postgres_url: str, database: str
) -> None:
    """When it is somebody else's, and closing it is not ours to do."""
    url = make_conninfo(postgres_url, user="tenant_maker", password="x", dbname="open_house")
    async with connect(postgres_url) as connection:
        await connection.execute("CREATE ROLE tenant_maker LOGIN CREATEDB CREATEROLE PASSWORD 'x'")
        await connection.execute("CREATE DATABASE open_house")
    async with connect(make_conninfo(postgres_url, dbname="open_house")) as connection:
        await Migrator(connection).up()
        await connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO tenant_maker")
    async with open_pool(url, most=2) as pool:
        platform = Platform(pool, url, LIMITS)
        with pytest.raises(
            RefusedError, match='REVOKE CONNECT ON DATABASE "open_house" FROM PUBLIC'
        ):
            await platform.create()
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT count(*) FROM pg_roles WHERE rolname ~ '^isolane_t_'"
            )
            assert await cursor.fetchone() == (0,)
        await platform.close()


# --- a tenant's own server ------------------------------------------------------------------------------------------


def own(url: str, **options: Any) -> DatabaseBinding:
    return DatabaseBinding(id="x", url=url, **options)


async def test_a_tenant_s_own_server_is_used_with_the_same_limits(
    platform: Platform, database: str
) -> None:
    db = platform.worker(own(database, max_rows=2, timeout_s=1))
    assert await db.query("SELECT 1, $1::text", "a") == [["1", "a"]]
    assert (await db.query("SELECT generate_series(1, 3)")).startswith("54000 ")
    assert (await db.query("SELECT pg_sleep(9)")).startswith("57014 ")
    await settled(platform)
    number = await db.begin()
    assert await db.query("SHOW statement_timeout", transaction=number) == [["1s"]]
    db.end()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": "/tmp"}, "its host is not one host name or address"),
        ({"host": "a,b"}, "its host is not one host name or address"),
        ({"password": None}, "it has no password"),
        ({"user": None}, "it has no user"),
        ({"hostaddr": "127.0.0.1"}, "hostaddr can not be set"),
        ({"passfile": "/etc/passwd"}, "passfile can not be set"),
        ({"service": "x", "sslkey": "/x"}, "service, sslkey can not be set"),
        ({"sslrootcert": "/etc/passwd"}, "sslrootcert can only be system"),
        ({"options": "-c x=y"}, "options can not be set"),
        ({"port": "99999999"}, "its port is no number of a port"),
    ],
)
async def test_a_connection_string_can_not_use_what_is_on_the_runner_s_machine(
    platform: Platform, change: dict[str, Any], said: str
) -> None:
    fields = {"host": "127.0.0.1", "user": "u", "password": "hidden"} | change
    url = make_conninfo("", **{name: value for name, value in fields.items() if value})
    answer = await platform.worker(own(url)).query("SELECT 1")
    assert answer == f"Error: the binding's connection string is refused: {said}"


async def test_a_server_that_is_not_public_is_not_connected_to(database: str) -> None:
    pool = SessionPool(Places(AddressPolicy()))
    ops = Ops({"database": Database(pool)})
    for host in ("127.0.0.1", "localhost", "::1", "169.254.169.254", "2130706433"):
        work = deployment("t", DB=own(make_conninfo(database, host=host)))
        answer = await Worker(ops, work)(
            "database", {"binding": "DB", "action": "query", "sql": "SELECT 1"}
        )
        assert answer == "Error: can not connect to the database: its host is not a public address"
    work = deployment("t", DB=DatabaseBinding(id="x", schema="public"))
    answer = await Worker(ops, work)("database", {"binding": "DB", "action": "begin"})
    assert answer == "Error: this database was not made by this platform"
    await pool.close()


async def test_why_a_tenant_s_server_does_not_let_us_in_is_told_without_its_password(
    platform: Platform, database: str
) -> None:
    answers = {
        make_conninfo(
            database, password="hidden"
        ): 'password authentication failed for user "isolane"',
        make_conninfo(database, dbname="none"): 'database "none" does not exist',
        make_conninfo(database, port="1"): "the connection was refused",
        make_conninfo(database, host="no-such-host.invalid"): "there is no such host",
        make_conninfo(database, sslmode="require"): "TLS failed",
    }
    for url, said in answers.items():
        answer = await platform.worker(own(url)).query("SELECT 1")
        assert answer == f"Error: can not connect to the database: {said}"


async def test_a_server_with_tls_is_verified_and_counted_like_any_other(
    tmp_path: Path, database: str
) -> None:
    """TLS is between libpq and the server: what counts bytes sees only what is encrypted."""
    encrypted: list[str] = []
    async with _tls_in_front_of(database, _certificate(tmp_path), encrypted) as port:
        pool = SessionPool(Places(AddressPolicy(allowed=["loopback"])))
        ops = Ops({"database": Database(pool)})

        async def ask(sql: str, **place: str) -> Any:
            url = make_conninfo(database, host="localhost", port=port, **place)
            args = {"binding": "DB", "action": "query", "sql": sql}
            return await Worker(ops, deployment("t", DB=own(url)))("database", args)

        for mode in ("prefer", "require"):
            answer = await ask("SELECT $1", sslmode=mode)
            assert answer["error"]["code"] == "08P01"
            answer = await ask("SELECT repeat('y', 100000)", sslmode=mode)
            assert answer["rows"] == [["y" * 100_000]]
        assert encrypted == ["TLSv1.3"] * 2
        answer = await ask("SELECT repeat('x', 50000000)", sslmode="require")
        assert answer["error"]["code"] == "54000"
        assert await ask("SELECT 1", sslmode="verify-full") == (
            "Error: can not connect to the database: its certificate is not valid"
        )
        await pool.close()


async def test_a_server_that_breaks_off_tls_is_tried_again_without_if_it_may_be(
    database: str,
) -> None:
    async with _tls_in_front_of(database, None, []) as port:
        pool = SessionPool(Places(AddressPolicy(allowed=["loopback"])))
        ops = Ops({"database": Database(pool)})
        for mode, rows in (("prefer", [["1"]]), ("require", None)):
            url = make_conninfo(database, host="localhost", port=port, sslmode=mode)
            args = {"binding": "DB", "action": "query", "sql": "SELECT 1"}
            answer = await Worker(ops, deployment("t", DB=own(url)))("database", args)
            assert (answer["rows"] if rows else answer) == (
                rows or "Error: can not connect to the database: TLS failed"
            )
        await pool.close()


@asynccontextmanager
async def _tls_in_front_of(
    database: str, context: ssl.SSLContext | None, encrypted: list[str]
) -> AsyncIterator[str]:
    """Speak TLS for a server that does not; note the protocol of each connection."""
    place = conninfo_to_dict(database)
    tasks: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                target.write(data)
                await target.drain()
        target.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(8)
        there, back = await asyncio.open_connection(str(place["host"]), int(place["port"] or 0))
        if first == b"\0\0\0\x08\x04\xd2\x16\x2f":
            writer.write(b"S")
            if context is None:
                writer.close()
                back.close()
                return
            try:
                await writer.start_tls(context)
            except (OSError, ssl.SSLError):
                back.close()
                return
            encrypted.append(str(writer.get_extra_info("ssl_object").version()))
        else:
            back.write(first)
        for pair in ((reader, back), (there, writer)):
            task = asyncio.create_task(pump(*pair))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield str(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tuple(tasks):
            await task


def _certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, file = serialization.Encoding.PEM, folder / "server.pem"
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize(
    "greeting",
    [
        b"R\0\0\0\x08\0\0\0\0" + b"N\x3f\xff\xff\xff",
        b"E\x3f\xff\xff\xff",
        b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x09a\0b\0\0" * 200_000,
    ],
)
async def test_a_server_that_talks_without_end_is_cut_off_while_it_greets(greeting: bytes) -> None:
    """A tenant's own server may be anything: a gigabyte of notice before the first query, for one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        with suppress(ConnectionError):
            writer.write(greeting)
            while True:
                writer.write(bytes(1 << 20))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = SessionPool(Places(AddressPolicy(allowed=["loopback"])))
    ops = Ops({"database": Database(pool)})
    url = f"postgresql://u:p@127.0.0.1:{port}/d?sslmode=disable"
    before = _resident()
    args = {"binding": "DB", "action": "query", "sql": "SELECT 1"}
    answer = await Worker(ops, deployment("t", DB=own(url)))("database", args)
    assert answer.startswith("Error: can not connect to the database: ")
    assert _resident() - before < 32 << 20
    await pool.close()
    server.close()
    await server.wait_closed()
