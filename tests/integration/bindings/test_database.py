"""The database op against a real server: what it gives, and what it limits."""

from __future__ import annotations

import asyncio
import json

import pytest

from runner.store.tenant_databases import role_of
from tests.integration.bindings.tenant_platform import Db, Platform, active, resident, settled

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
    before = resident()
    assert await db.query(sql) == "54000 the result is larger than 8 MiB: ask for less at once"
    assert resident() - before < 64 << 20
    await settled(platform)
    assert await db.query("SELECT 1") == [["1"]]


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
    while not await active(platform, db):
        pass
    db.end()
    await asyncio.wait([asked.task])
    await settled(platform)
    assert await active(platform, db) == 0
    assert await platform.worker(db.binding).query("SELECT count(*) FROM t") == [["0"]]
