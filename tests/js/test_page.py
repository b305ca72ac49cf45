"""docs/web-apis.md: it has every name of the standard, and how many subtests the suites have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.js.page import HOW, PAGE, Report, counts_of, read_counts, table, table_of_page
from tests.js.runner import SUITES, FileResult, SubtestResult, find_tests, read_variants

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


def test_the_page_has_the_counts_that_the_suites_are_held_against() -> None:
    assert table_of_page() == table(read_counts()), f"run: {HOW}"


def test_every_file_of_the_suites_is_counted() -> None:
    files = {
        f"{test.path.parent.name}/{test.path.name}{test.variant}"
        for path in find_tests([SUITES])
        for test in read_variants(path)
    }
    assert set(read_counts()) == files, f"run: {HOW}"


def test_counts_are_of_files_and_areas_are_their_folders() -> None:
    def result(count: int) -> FileResult:
        return FileResult(0, None, [SubtestResult("a", 0)] * count)

    files = {"s/url/a.any.js": result(2), "s/url/b.any.js?1": result(1), "s/x/c.any.js": result(1)}
    counts = counts_of(Report(files))
    assert counts == {"url/a.any.js": 2, "url/b.any.js?1": 1, "x/c.any.js": 1}
    assert table(counts).splitlines()[2:] == ["| url | 3 |", "| x | 1 |", "| all | 4 |"]
