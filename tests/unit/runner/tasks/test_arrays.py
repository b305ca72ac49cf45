"""Lists as PostgreSQL reads arrays from text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from runner.tasks.arrays import array_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "{}"),
        ([UUID(int=1), UUID(int=255)], "{00000000000000000000000000000001,000000000000000000000000000000ff}"),
        (["a", None, "", "NULL"], '{"a",NULL,"","NULL"}'),
        (['{"a":"\\"\\\\"}', "},{", "\n\té"], '{"{\\"a\\":\\"\\\\\\"\\\\\\\\\\"}","},{","\n\té"}'),
        ([None, None], "{NULL,NULL}"),
        ([1, -2], "{1,-2}"),
        ([datetime(2026, 1, 1, 2, 3, 4, 5, UTC)], "{2026-01-01T02:03:04.000005+00:00}"),
    ],
)  # fmt: skip
def test_lists_are_written_as_arrays(value: list[Any], text: str) -> None:
    assert array_of(value) == text


@pytest.mark.parametrize(
    "value",
    ["a", None, 1, [1.5], [True], [1, None], [datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)], [UUID(int=1), None], ("a",)],
)  # fmt: skip
def test_all_else_is_the_drivers(value: Any) -> None:
    assert array_of(value) is value
