"""``python -m tests.js.wpt tests/js/suites --json | python -m tests.js.page``: writes how many subtests there are of each area into docs/web-apis.md.

The counts of files are kept beside the suites: each run of a suite is held against its count, and the page against their sums.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tests.js.runner import SUITES, FileResult

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE: Final = Path(__file__).parents[2] / "docs" / "web-apis.md"
COUNTS: Final = SUITES / "counts.json"
"""Subtests of each file, by its name below the suites."""
HOW: Final = "python -m tests.js.wpt tests/js/suites --json | python -m tests.js.page"
_TABLE: Final = re.compile(r"(<!-- counts -->\n).*?(<!-- /counts -->)", re.DOTALL)


class Report(msgspec.Struct):
    """What the runner of the tests tells; of it, what is counted here."""

    files: dict[str, FileResult]


def counts_of(report: Report) -> dict[str, int]:
    """Return the subtests of each file, by area and name."""
    return {
        "/".join(Path(name).parts[-2:]): len(result.tests) for name, result in report.files.items()
    }


def read_counts() -> dict[str, int]:
    return msgspec.json.decode(COUNTS.read_bytes(), type=dict[str, int])


def table(counts: Mapping[str, int]) -> str:
    """Return what the page shows: areas are the folders of the suites."""
    areas: Counter[str] = Counter()
    for name, count in counts.items():
        areas[name.partition("/")[0]] += count
    lines = ["| area (tests/js/suites/...) | own subtests |", "|---|---|"]
    lines += [f"| {area} | {areas[area]} |" for area in sorted(areas)]
    lines.append(f"| all | {areas.total()} |")
    return "\n".join(lines)


def table_of_page() -> str:
    """Return the table as it is in the page now."""
    match = _TABLE.search(PAGE.read_text("utf-8"))
    assert match is not None
    return match[0].partition("\n")[2].rpartition("\n")[0]


def main() -> int:
    """Rewrite counts and page from the report on stdin; 1 when something failed: there is nothing to count then."""
    report = msgspec.json.decode(sys.stdin.buffer.read(), type=Report)
    failed = {name: result for name, result in report.files.items() if not result.passed}
    for name, result in failed.items():
        why = [result.message, *(f"{test.name}: {test.message}" for test in result.failures)]
        print(f"{name} failed:", *filter(None, why), sep="\n    ", file=sys.stderr)
    if failed:
        return 1
    counts = counts_of(report)
    COUNTS.write_bytes(msgspec.json.format(msgspec.json.encode(counts, order="sorted")) + b"\n")
    page = PAGE.read_text("utf-8")
    shown = table(counts)
    PAGE.write_text(_TABLE.sub(lambda match: f"{match[1]}{shown}\n{match[2]}", page), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
