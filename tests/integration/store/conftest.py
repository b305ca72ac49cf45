"""Databases on the one server of the session: empty ones, and ones with the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from runner.service_settings import SecretKey
from runner.store.pool import connect, open_pool
from runner.store.secrets import SecretBox
from runner.store.session import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from runner.store.pool import Connection

KEY = SecretKey(1, b"k" * 32)


class Rows:
    """Makes what a test needs and does not care about."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def one(self, statement: str, *parameters: object) -> Any:
        cursor = await self.connection.execute(statement, parameters)
        row = await cursor.fetchone()
        assert row is not None
        return row[0]

    async def user(self) -> UUID:
        name = f"user-{uuid4()}"
        user = await self.one("INSERT INTO users (username) VALUES (%s) RETURNING id", name)
        assert isinstance(user, UUID)
        return user

    async def worker(self, user: UUID, name: str | None, **columns: object) -> UUID:
        names = ["user_id", "name", *columns]
        marks = ", ".join(["%s"] * len(names))
        statement = f"INSERT INTO workers ({', '.join(names)}) VALUES ({marks}) RETURNING id"
        worker = await self.one(statement, user, name, *columns.values())
        assert isinstance(worker, UUID)
        return worker

    async def environment(self, user: UUID) -> UUID:
        environment = await self.one(
            "INSERT INTO environments (user_id, name) VALUES (%s, %s) RETURNING id",
            user,
            str(uuid4()),
        )
        assert isinstance(environment, UUID)
        return environment


@pytest.fixture
def empty_database(create_database: Callable[[str], str]) -> str:
    return create_database("template1")


@pytest.fixture(scope="module")
def database(create_database: Callable[[str], str], template: str) -> str:
    """A database with the schema, for one module."""
    return create_database(template)


@pytest.fixture
def own_database(create_database: Callable[[str], str], template: str) -> str:
    """A database with the schema, for one test."""
    return create_database(template)


@pytest.fixture
async def store(own_database: str) -> AsyncIterator[Store]:
    """The repositories on a database of the test's own."""
    async with open_pool(own_database) as pool:
        yield Store(pool, SecretBox([KEY]), "test")


@pytest.fixture
async def rows(database: str) -> AsyncIterator[Rows]:
    """A connection whose doings are undone when the test ends."""
    async with connect(database) as connection, connection.transaction(force_rollback=True):
        yield Rows(connection)
