"""The pool of connections."""

from __future__ import annotations

import pytest

from runner.errors import DatabaseUnavailableError
from runner.store.pool import connect, open_pool


async def test_connections_are_lent_and_replaced_when_the_server_cut_them(database: str) -> None:
    """Whoever borrows one gets one that works."""
    async with open_pool(database, most=2) as pool, connect(database) as other:
        async with pool.connection() as connection:
            cursor = await connection.execute("SELECT pg_backend_pid()")
            first = await cursor.fetchone()
        assert first is not None
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", first)
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT 1")).fetchall() == [(1,)]


async def test_a_database_that_does_not_let_us_in_is_named_without_the_password(
    database: str,
) -> None:
    wrong = database.replace("isolane:", "isolane:hidden-", 1)
    with pytest.raises(DatabaseUnavailableError, match="password authentication failed") as caught:
        async with connect(wrong):
            pass
    assert caught.value.database.startswith("test_")
    assert "hidden" not in str(caught.value)


async def test_the_pool_says_why_it_could_not_open(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.store.pool._CONNECT_WITHIN_S", 0.3)
    missing = f"{database.rpartition('/')[0]}/no_such_database"
    with pytest.raises(DatabaseUnavailableError, match='"no_such_database" does not exist'):
        async with open_pool(missing):
            pass
