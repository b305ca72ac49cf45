"""A tasks server on a database of the module's own, empty for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.tasks_server.serving import Served, execute, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.integration.tasks_server.serving import OwnerClient


@pytest.fixture(scope="module")
def database(create_database: Callable[[str], str], template: str) -> str:
    return create_database(template)


@pytest.fixture
def empty(database: str) -> str:
    execute(database, "TRUNCATE tasks, tasks_owners, tasks_certificates, tasks_throttle")
    return database


@pytest.fixture
async def served(empty: str) -> AsyncIterator[Served]:
    async with serve(empty) as served:
        yield served


@pytest.fixture
async def alice(served: Served) -> OwnerClient:
    return await served.owner("alice")
