"""PostgreSQL's texts as values of JSON."""

from __future__ import annotations

from typing import Any

import pytest

from runner.pipelines.stages.sql_values import decoder

INT4, INT8, NUMERIC, FLOAT8, BOOL, JSONB, DATE, TIMESTAMP, TIMESTAMPTZ, TEXTS, INTS, JSONBS = (
    23, 20, 1700, 701, 16, 3802, 1082, 1114, 1184, 1009, 1007, 3807,
)  # fmt: skip


@pytest.mark.parametrize(
    ("oid", "text", "value"),
    [
        (INT4, "-7", -7),
        (INT8, "9007199254740993", "9007199254740993"),
        (NUMERIC, "1.10", "1.10"),
        (FLOAT8, "1.5e+300", 1.5e300),
        (FLOAT8, "NaN", "NaN"),
        (FLOAT8, "-Infinity", "-Infinity"),
        (BOOL, "t", True),
        (BOOL, "f", False),
        (JSONB, '{"a": [1]}', {"a": [1]}),
        (DATE, "2026-11-22", "2026-11-22"),
        (TIMESTAMP, "2026-11-22 10:00:00", "2026-11-22T10:00:00.000Z"),
        (TIMESTAMPTZ, "2026-11-22 10:00:00.5+02", "2026-11-22T08:00:00.500Z"),
        (TIMESTAMPTZ, "2026-11-22 10:00:00.000001+00", "2026-11-22T10:00:00.000001Z"),
        (TIMESTAMPTZ, "infinity", "infinity"),
        (TIMESTAMPTZ, "0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"),
        (TEXTS, '{a,"b c",NULL,"NULL","q\\"\\\\","{x,y}"}', ["a", "b c", None, "NULL", 'q"\\', "{x,y}"]),
        (TEXTS, "{}", []),
        (INTS, "{{1,2},{3,NULL}}", [[1, 2], [3, None]]),
        (INTS, "[0:1]={1,2}", [1, 2]),
        (JSONBS, '{"{\\"a\\": 1}"}', [{"a": 1}]),
        (600, "(1,2)", "(1,2)"),
    ],
)  # fmt: skip
def test_values_are_what_json_can_say_without_loss(oid: int, text: str, value: Any) -> None:
    assert decoder(oid)(text) == value
