"""Lists that we write as arrays are what the server reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.tasks.arrays import array_of

if TYPE_CHECKING:
    from tests.integration.tasks.conftest import Queue

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


async def test_any_texts_and_ids_come_back(queue: Queue) -> None:
    async with queue.engine.lines.lend() as line:
        connection = line.connection

        async def echo(value: list[object], kind: str) -> object:
            cursor = await connection.execute(f"SELECT %s::{kind}[]".encode(), [array_of(value)])
            row = await cursor.fetchone()
            assert row is not None
            return row[0]

        cases: list[tuple[list[object], str]] = []

        @settings(
            max_examples=200, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(st.lists(st.one_of(st.none(), TEXTS)), st.lists(st.uuids()))
        def collect(texts: list[object], ids: list[object]) -> None:
            cases.extend(((texts, "text"), (ids, "uuid")))

        collect()
        for value, kind in cases:
            assert await echo(value, kind) == value
