"""docs/web-apis.md: it has every name of the standard, and every area of the suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.js.page import PAGE, Report, counted
from tests.js.runner import SUITES, FileResult, SubtestResult, find_tests

NAMES: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "ecma429.json").read_text("utf-8")
)
_OF_WEBASSEMBLY: Final = {
    "compile",
    "compileStreaming",
    "instantiate",
    "instantiateStreaming",
    "JSTag",
    "validate",
}


def written(name: str) -> str:
    name = name.removesuffix("()")
    if name == "userAgent":
        return "navigator.userAgent"
    return f"WebAssembly.{name}" if name in _OF_WEBASSEMBLY else name


@pytest.mark.parametrize(
    "name",
    [
        *NAMES["interfaces"],
        *(f"WebAssembly.{name}" for name in NAMES["WebAssembly"]),
        *map(written, NAMES["methods_and_properties"]),
    ],
)
def test_every_name_of_the_standard_is_in_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text("utf-8")


def test_every_area_of_the_suites_is_in_the_page() -> None:
    page = PAGE.read_text("utf-8")
    areas = {path.parent.name for path in find_tests([SUITES])}
    assert [area for area in sorted(areas) if f"\n| {area} | " not in page] == []


def test_counts_are_of_folders() -> None:
    def result(*statuses: int) -> FileResult:
        return FileResult(0, None, [SubtestResult("a", status) for status in statuses])

    files = {
        "s/url/a.any.js": result(0, 1),
        "s/url/b.any.js?1": result(0),
        "s/x/c.any.js": result(0),
    }
    assert counted(Report(files, [])).splitlines()[2:] == [
        "| url | 3 | 2 |",
        "| x | 1 | 1 |",
        "| all | 4 | 3 |",
    ]
