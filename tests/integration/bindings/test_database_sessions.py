"""Transactions of the database op, and the sessions that they are in, against a real server."""

from __future__ import annotations

import asyncio

from runner.databases.pool import SessionLimits
from runner.store.pool import open_pool
from runner.store.tenant_databases import role_of
from tests.integration.bindings.tenant_platform import Db, Platform, active, settled

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
    while not await active(platform, db):
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
