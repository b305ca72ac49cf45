"""What keeps tenants' databases apart: whom the database op lets reach what."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runner.errors import ConflictError, RefusedError
from runner.store.migrate import Migrator
from runner.store.pool import connect, open_pool
from runner.store.tenant_databases import drop_platform_database, role_of
from tests.integration.bindings.tenant_platform import LIMITS, Platform, active, settled

if TYPE_CHECKING:
    from runner.store.pool import Pool


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


async def made(pool: Pool) -> set[str]:
    """Return the roles and databases of tenants that the server has, of whatever test."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT 'role ' || rolname FROM pg_roles WHERE rolname ~ '^isolane_t_'"
            " UNION ALL SELECT datname FROM pg_database WHERE datname ~ '^isolane_t_'"
        )
        return {name for (name,) in await cursor.fetchall()}


async def test_a_database_is_made_whole_or_not_at_all_and_dropped_with_its_role(
    platform: Platform,
) -> None:
    before = await made(platform.store)
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
    assert await made(platform.store) == before


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
        assert await active(platform, db) == 0
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
        before = await made(pool)
        with pytest.raises(
            RefusedError, match='REVOKE CONNECT ON DATABASE "open_house" FROM PUBLIC'
        ):
            await platform.create()
        assert await made(pool) == before
        await platform.close()
