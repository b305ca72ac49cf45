"""Lists as PostgreSQL reads arrays from text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from runner.tasks.arrays import array_of
from runner.tasks.task import Status


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "{}"),
        ([UUID(int=1), UUID(int=255)], "{00000000000000000000000000000001,000000000000000000000000000000ff}"),
        (["a", None, "", "NULL"], '{"a",NULL,"","NULL"}'),
        (['{"a":"\\"\\\\"}', "},{", "\n\té"], '{"{\\"a\\":\\"\\\\\\"\\\\\\\\\\"}","},{","\n\té"}'),
        ([None, None], "{NULL,NULL}"),
        ([1, -2, None], "{1,-2,NULL}"),
        ([0.1, 1e300, None], "{0.1,1e+300,NULL}"),
        ([True, False], "{t,f}"),
        ([Status.PENDING, Status.PAUSED, None], '{"pending","paused",NULL}'),
        ([UUID(int=1), None], "{00000000000000000000000000000001,NULL}"),
        ([datetime(2026, 1, 1, 2, 3, 4, 5, UTC)], "{2026-01-01T02:03:04.000005+00:00}"),
    ],
)  # fmt: skip
def test_lists_are_written_as_arrays(value: list[Any], text: str) -> None:
    assert array_of(value) == text


def test_what_no_column_of_ours_has_is_refused() -> None:
    with pytest.raises(TypeError, match="dict has no place"):
        array_of([1, {}])
