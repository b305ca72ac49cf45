"""``python -m tests.js.wpt PATH ... [--json] [--mode MODE]``: runs web-platform-tests in executions of Isolane.

A PATH is a test file or a folder of them, in a checkout of web-platform-tests (its own harness and scripts are used then) or anywhere else. Exit code 0
when every subtest passed, 1 when one did not, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pools.protocol import Mode
from tests.js.runner import Platform, find_tests, read_variants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.js.runner import FileResult


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for and tell how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.js.wpt", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.PINNED)
    parser.add_argument("--harness", type=Path, metavar="FILE", help="a testharness.js to use")
    options = parser.parse_args(arguments)
    for path in [*options.paths, *([options.harness] if options.harness else [])]:
        if not path.exists():
            parser.error(f"there is no {path}")
    files = find_tests(options.paths)
    if not files:
        parser.error("there is no *.any.js, *.worker.js or *.window.js in these folders")
    return asyncio.run(_run(files, options))


async def _run(files: list[Path], options: argparse.Namespace) -> int:
    results: dict[str, FileResult] = {}
    environ = dict(os.environ)
    async with Platform(options.mode, snapshots=Path(".isolane"), environ=environ) as platform:
        for path in files:
            for test in read_variants(path, options.harness):
                name = f"{path}{test.variant}"
                result = results[name] = await platform.run(test)
                if not options.json:
                    _tell(name, result)
    passed = sum(len(result.tests) - len(result.failures) for result in results.values())
    total = sum(len(result.tests) for result in results.values())
    broken = [name for name, result in results.items() if result.status != 0 or not result.tests]
    if options.json:
        document: dict[str, Any] = {
            "mode": options.mode,
            "passed": passed,
            "total": total,
            "broken": broken,
            "files": results,
        }
        sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
    else:
        print(
            f"{passed} of {total} subtests passed in {len(files)} files; {len(broken)} files broke"
        )
    return 0 if passed == total and not broken else 1


def _tell(name: str, result: FileResult) -> None:
    good = len(result.tests) - len(result.failures)
    print(f"{'ok  ' if result.passed else 'FAIL'} {name}: {good}/{len(result.tests)}")
    if result.status != 0:
        print(f"     {result.message}")
    for failure in result.failures:
        print(f"     {failure.name}: {failure.message}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
