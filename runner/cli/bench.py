"""``isolane bench``: hands over to the benchmarks, which are not part of a distribution."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from runner.cli.exits import UsageError

if TYPE_CHECKING:
    import argparse


def main(options: argparse.Namespace) -> int:
    try:
        benchmarks = import_module("benchmarks.main")
    except ModuleNotFoundError as error:
        if error.name not in {"benchmarks", "benchmarks.main"}:
            raise
        raise UsageError("the benchmarks are in Isolane's repository, not in its package") from None
    return int(
        benchmarks.main(
            options.scenario, as_json=options.json, rounds=options.rounds, quick=options.quick
        )
    )
