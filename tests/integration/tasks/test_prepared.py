"""Values reach statements as they are, and rows and errors come back as psycopg has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest

from runner.store.pool import connect
from runner.tasks.prepared import Prepared, Statement
from runner.tasks.task import Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_NOON = datetime(2026, 11, 22, 12, 0, 0, 5, UTC)


@pytest.fixture
async def prepared(empty: str) -> AsyncIterator[Prepared]:
    async with connect(empty) as connection:
        yield Prepared(connection)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", None),
        ("text", ""),
        ("text", "'; DROP TABLE tasks; -- \\ \"é😀"),
        ("bytea", b"\0\xff'\\"),
        ("uuid", UUID(int=7)),
        ("int", -3),
        ("bigint", 1 << 40),
        ("float8", 0.1),
        ("float8", float("inf")),
        ("bool", True),
        ("bool", False),
        ("timestamptz", _NOON),
        ("text[]", ["a", None, '"\\,{}']),
        ("float8[]", [0.5, None]),
        ("timestamptz[]", [_NOON, None]),
        ("bool[]", [True, False]),
    ],
)
async def test_a_value_comes_back_as_it_was(prepared: Prepared, kind: str, value: Any) -> None:
    statement = Statement(f"SELECT %(value)s::{kind}, %(value)s::{kind} IS NULL")
    for _ in range(2):
        assert await prepared.rows(statement, {"value": value}) == [(value, value is None)]


async def test_a_word_of_an_enumeration_is_text(prepared: Prepared) -> None:
    rows = await prepared.rows(Statement("SELECT %(status)s::text"), {"status": Status.PAUSED})
    assert rows == [("paused",)]


async def test_statements_without_rows_are_counted(prepared: Prepared) -> None:
    insert = Statement(
        "INSERT INTO tasks (script) SELECT 'a.js' FROM generate_series(1, %(n)s::int)"
    )
    assert await prepared.rows(insert, {"n": 1}) == []
    assert await prepared.count(insert, {"n": 3}) == 3
    assert await prepared.count(Statement("SET work_mem = '5MB'"), {}) == -1


async def test_an_error_leaves_the_connection_and_the_statements_sound(prepared: Prepared) -> None:
    divide = Statement("SELECT 1 / %(by)s::int")
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero, match="division by zero"):
            await prepared.rows(divide, {"by": 0})
        assert await prepared.rows(divide, {"by": 1}) == [(1,)]
    with pytest.raises(psycopg.errors.UndefinedTable) as refused:
        await prepared.rows(Statement("SELECT * FROM nowhere"), {})
    assert refused.value.diag.sqlstate == "42P01"
    with pytest.raises(psycopg.DataError, match="NUL"):
        await prepared.rows(Statement("SELECT %(text)s::text"), {"text": "a\0b"})

    assert await prepared.rows(divide, {"by": 1}) == [(1,)]
