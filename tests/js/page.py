"""``python -m tests.js.wpt tests/js/suites --json | python -m tests.js.page``: writes how many subtests there are of each area into docs/web-apis.md."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from tests.js.runner import FileResult

PAGE: Final = Path(__file__).parents[2] / "docs" / "web-apis.md"
_COUNTS: Final = re.compile(r"(<!-- counts -->\n).*?(<!-- /counts -->)", re.DOTALL)


class Report(msgspec.Struct):
    """What the runner of the tests tells; of it, what is counted here."""

    files: dict[str, FileResult]
    broken: list[str]


def counted(report: Report) -> str:
    """Return the table: areas are the folders of the suites."""
    subtests: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for name, result in report.files.items():
        area = Path(name).parent.name
        subtests[area] += len(result.tests)
        passed[area] += len(result.tests) - len(result.failures)
    lines = ["| area (tests/js/suites/...) | own subtests | passed |", "|---|---|---|"]
    lines += [f"| {area} | {subtests[area]} | {passed[area]} |" for area in sorted(subtests)]
    lines.append(f"| all | {subtests.total()} | {passed.total()} |")
    return "\n".join(lines)


def main() -> int:
    """Rewrite the page from the report on stdin; 1 when a file broke, since its subtests are not known."""
    report = msgspec.json.decode(sys.stdin.buffer.read(), type=Report)
    if report.broken:
        print(f"these broke: {', '.join(report.broken)}", file=sys.stderr)
        return 1
    page = PAGE.read_text("utf-8")
    table = counted(report)
    PAGE.write_text(_COUNTS.sub(lambda match: f"{match[1]}{table}\n{match[2]}", page), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
