"""Migrations: from nothing, from the original, twice, at once, and refused by name."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from typing import TYPE_CHECKING

import pytest

from runner.errors import MigrationConflictError, MigrationError
from runner.store.migrate import FOLDER, Migration, Migrator, State, read_migrations
from runner.store.pool import connect

if TYPE_CHECKING:
    from pathlib import Path

    from runner.store.pool import Connection
    from tests.integration.conftest import Cli

ALL = [migration.name for migration in read_migrations()]
BASELINE = [migration.name for migration in read_migrations() if migration.baseline]

# What else the original's migrations leave, that ours have to replace.
OF_THE_ORIGINAL = """
CREATE TYPE request_resolution AS (worker_id uuid, project_id uuid, backend_type enum_backend_type,
    assets_storage_id uuid, priority integer);
CREATE FUNCTION resolve_worker_from_request(p_domain varchar DEFAULT NULL, p_worker_id uuid DEFAULT NULL,
    p_worker_name varchar DEFAULT NULL, p_path varchar DEFAULT '/') RETURNS request_resolution
    LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION pattern_to_regex(pattern text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN pattern; END';
CREATE FUNCTION match_route_pattern(path text, pattern text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN false; END';
CREATE FUNCTION route_pattern_specificity(pattern text) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 0; END';
CREATE FUNCTION upgrade_worker_to_project(p_worker_id uuid) RETURNS uuid
    LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION link_worker_environment(p_worker_id uuid, p_environment_id uuid) RETURNS void
    LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION check_endpoint_name_unique() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION check_ownership() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION auto_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION cron_update() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER cron_update AFTER INSERT OR DELETE OR UPDATE ON crons FOR EACH ROW EXECUTE FUNCTION cron_update();
CREATE TRIGGER check_workers_endpoint_name BEFORE INSERT OR UPDATE OF name ON workers
    FOR EACH ROW EXECUTE FUNCTION check_endpoint_name_unique();
CREATE TRIGGER update_users_updated_at_trigger BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION auto_updated_at();
CREATE VIEW postgate_databases AS SELECT id, name, connection_string, max_rows FROM database_configs;
INSERT INTO users (username) VALUES ('somebody');
INSERT INTO workers (name, user_id) SELECT 'hello', id FROM users;
INSERT INTO crons (value, worker_id) SELECT '* * * * *', id FROM workers;
INSERT INTO scheduled_events (cron_id, worker_id, executed_at, scheduled_at)
    SELECT id, worker_id, now(), '2026-01-01' FROM crons, generate_series(1, 2);
"""

DESCRIPTION = """
SELECT 'column', table_name || '.' || column_name, data_type || is_nullable || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'function', oid::regprocedure::text, prosrc || coalesce(pg_get_function_sqlbody(oid), '')
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid)
FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1, 2, 3
"""


async def describe(connection: Connection) -> list[tuple[object, ...]]:
    return await (await connection.execute(DESCRIPTION)).fetchall()


def variant(**change: str) -> list[Migration]:
    """Our files with the last one changed."""
    *others, last = read_migrations()
    return [*others, dataclasses.replace(last, **change)]  # type: ignore[arg-type]


async def test_an_empty_database_gets_all_files_and_the_second_time_nothing(
    empty_database: str,
) -> None:
    async with connect(empty_database) as connection:
        migrator = Migrator(connection)
        assert {one.state for one in await migrator.status()} == {State.PENDING}
        assert await migrator.up(dry_run=True) == ALL
        assert {one.state for one in await migrator.status()} == {State.PENDING}
        assert await migrator.up() == ALL
        schema = await describe(connection)
        assert await migrator.up() == []
        assert await describe(connection) == schema
        assert [(one.name, one.state) for one in await migrator.status()] == [
            (name, State.APPLIED) for name in ALL
        ]


async def test_a_database_of_the_original_is_taken_over_and_ends_with_the_same_schema(
    empty_database: str, database: str
) -> None:
    """Its rows stay, its functions are replaced, and what it has already is not made again."""
    async with connect(empty_database) as connection:
        for migration in read_migrations():
            if migration.baseline:
                await connection.execute(migration.sql)
        await connection.execute(OF_THE_ORIGINAL)
        migrator = Migrator(connection)
        assert await migrator.baseline(dry_run=True) == BASELINE
        assert await migrator.baseline() == BASELINE
        with pytest.raises(MigrationConflictError, match="was migrated by Isolane before"):
            await migrator.baseline()
        assert await migrator.up() == ALL[len(BASELINE) :]
        assert [one.baseline for one in await migrator.status()].count(True) == len(BASELINE)
        await connection.execute("DROP VIEW postgate_databases")
        async with connect(database) as fresh:
            assert await describe(connection) == await describe(fresh)
        cursor = await connection.execute(
            "SELECT (resolve_worker_from_request(NULL, NULL, 'hello', '/')).worker_id = id, "
            "(SELECT count(*) FROM scheduled_events) FROM workers"
        )
        assert await cursor.fetchall() == [(True, 1)]


async def test_a_database_of_somebody_else_is_not_taken_over(empty_database: str) -> None:
    async with connect(empty_database) as connection:
        await connection.execute("CREATE TABLE users (id int)")
        with pytest.raises(MigrationConflictError, match=r"it lacks api_keys\.token_hash"):
            await Migrator(connection).baseline()
        assert await (
            await connection.execute("SELECT to_regclass('isolane_migrations')")
        ).fetchall() == [(None,)]


async def test_many_at_once_apply_each_file_once(empty_database: str) -> None:
    """Runners of a fleet start at the same time."""

    async def migrate() -> list[str]:
        async with connect(empty_database) as connection:
            return await Migrator(connection).up()

    results = await asyncio.gather(*(migrate() for _ in range(4)))
    assert sorted(results) == [[], [], [], ALL]


async def test_a_file_that_was_changed_later_is_refused_by_name(empty_database: str) -> None:
    async with connect(empty_database) as connection:
        await Migrator(connection).up()
        changed = Migrator(connection, variant(checksum="another"))
        assert (await changed.status())[-1].state is State.CHANGED
        with pytest.raises(MigrationConflictError, match=f"{ALL[-1]} was changed"):
            await changed.up()


async def test_a_database_of_a_newer_version_is_refused_by_name(empty_database: str) -> None:
    async with connect(empty_database) as connection:
        await Migrator(connection).up()
        older = Migrator(connection, read_migrations()[:-1])
        assert (await older.status())[-1].state is State.UNKNOWN
        with pytest.raises(MigrationConflictError, match=f"{ALL[-1]} is not known here"):
            await older.up()


async def test_a_file_that_fails_is_undone_whole_and_the_next_try_goes_on(
    empty_database: str,
) -> None:
    async with connect(empty_database) as connection:
        broken = variant(sql="CREATE TABLE half (); SELECT 1 / 0;")
        with pytest.raises(
            MigrationError, match=f"{ALL[-1]} failed and was undone: division by zero"
        ):
            await Migrator(connection, broken).up()
        assert await (await connection.execute("SELECT to_regclass('half')")).fetchall() == [
            (None,)
        ]
        assert await Migrator(connection).up() == ALL[-1:]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1_short.sql"], "1_short.sql is not named NNNN_name.sql"),
        (["0001_one.sql", "0001_two.sql"], "0001_two.sql and 0001_one have one number"),
    ],
)
def test_names_that_leave_the_order_open_are_refused(
    tmp_path: Path, names: list[str], message: str
) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match=re.escape(message)):
        read_migrations(tmp_path)


def test_no_file_ends_the_transaction_it_runs_in() -> None:
    for path in FOLDER.glob("*.sql"):
        assert not re.search(r"^\s*(COMMIT|ROLLBACK|BEGIN)\s*;", path.read_text(), re.MULTILINE)


@pytest.fixture
def environ(empty_database: str) -> dict[str, str]:
    return {"DATABASE_URL": empty_database}


def test_the_command_migrates_and_says_how_things_stand(cli: Cli, environ: dict[str, str]) -> None:
    """`status`, `up` and `baseline`, for people and as JSON, with the exit codes of the contract."""
    assert cli("migrate", "status", **environ).stdout.splitlines()[0] == "pending   0001_tenants"
    dry = cli("migrate", "up", "--dry-run", **environ)
    assert dry.stdout.splitlines() == [f"would be applied: {name}" for name in ALL]
    assert cli("migrate", "up", **environ).stdout.splitlines() == ALL
    again = cli("migrate", "up", "--database-url", environ["DATABASE_URL"])
    assert (again.returncode, again.stdout) == (0, "nothing to do\n")
    up = cli("migrate", "up", "--json", **environ)
    assert json.loads(up.stdout) == {"applied": [], "dryRun": False, "sealed": 0}
    status = json.loads(cli("migrate", "status", "--json", **environ).stdout)["migrations"]
    assert [one["state"] for one in status] == ["applied"] * len(ALL)
    assert status[0]["name"] == "0001_tenants"
    conflict = cli("migrate", "baseline", **environ)
    assert conflict.returncode == 4
    assert "migrated by Isolane before" in conflict.stderr


def test_the_command_says_what_is_missing(cli: Cli) -> None:
    """No database named: usage. One that is not there: unavailable, without the password."""
    nothing = cli("migrate", "up")
    assert nothing.returncode == 2
    assert "DATABASE_URL" in nothing.stderr
    wrong = cli("migrate", "up", "--database-url", "mysql://x")
    assert wrong.returncode == 2
    assert "postgresql://" in wrong.stderr
    gone = cli("migrate", "status", DATABASE_URL="postgresql://me:hidden@127.0.0.1:1/shop")
    assert gone.returncode == 5
    assert "shop at 127.0.0.1:1" in gone.stderr
    assert "hidden" not in gone.stderr
    assert "Traceback" not in gone.stderr
