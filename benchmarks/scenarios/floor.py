"""Engine time of a fresh-context execution, against V8's own bare ``Context::New`` on the same snapshot.

Bare V8 on its own startup data is in a second process: V8 allows one snapshot in each.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

import msgspec

from benchmarks.errors import BenchmarkError
from benchmarks.harness import alternate
from benchmarks.report import Figures, Findings, Metric, at_most
from runner.config import load_settings
from snapshot.build import ensure_snapshot, read_blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.figures import Measurements
    from benchmarks.harness import Plan
    from benchmarks.report import Bar

_MEDIAN: Final = Metric("median", "µs", drawn=True)
_MEAN: Final = Metric("mean", "µs")
"""Has the garbage collector in it, which the median has not."""
_P99: Final = Metric("p99", "µs")
_EMPTY: Final = "Context::New, V8's own startup data"
_BARE: Final = "Context::New, our snapshot"
_TASK: Final = "execution: task"
_HELLO: Final = "execution: hello"
_OURS: Final = {
    _BARE: ("context", 1000),
    _TASK: ("task", 1000),
    _HELLO: ("hello", 1000),
    "cold: isolate and context": ("isolate", 30),
    "cold: 300 KB bundle": ("cold", 30),
    "cold: 300 KB bundle from code cache": ("cold cached", 30),
    "cold: 300 KB bundle, making its code cache": ("cold caching", 30),
}
"""What the child calls it, and how often it is done in a round."""


class _Child:
    """A process with V8 in it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    async def measure(self, name: str, times: int) -> Figures:
        """Have something repeated.

        Raises
        ------
        BenchmarkError
            The process died; it says why on stderr.

        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode((name, times)).decode() + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise BenchmarkError(f"the process that measures V8 died of {name!r}")
        spans = sorted(msgspec.json.decode(line, type=list[int]))
        return {
            _MEDIAN: median(spans) / 1000,
            _MEAN: fmean(spans) / 1000,
            _P99: spans[min(len(spans) - 1, len(spans) * 99 // 100)] / 1000,
        }


@contextmanager
def _child(blob: str, flags: str) -> Iterator[_Child]:
    command = [sys.executable, "-I", "-m", "benchmarks.engine_bench", blob, flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield _Child(process)
        finally:
            process.kill()


async def run(plan: Plan) -> Findings:
    settings = load_settings()
    with tempfile.TemporaryDirectory() as folder:
        blob = Path(folder) / "blob"
        flags = settings.v8_flags
        blob.write_bytes(read_blob(ensure_snapshot(settings.snapshot_dir, flags), flags))
        with _child("-", flags) as empty, _child(f"{blob}", flags) as ours:
            contenders = {_EMPTY: partial(empty.measure, "context", plan.count(1000))}
            for name, (key, times) in _OURS.items():
                contenders[name] = partial(ours.measure, key, plan.count(times))
            for contender in contenders.values():
                await contender()
            measured = await alternate(plan, contenders)
    return Findings(rows=measured.rows(), bars=_bars(measured), rounds=plan.rounds)


def _bars(measured: Measurements) -> list[Bar]:
    floor = 1.25 * measured.median(_BARE, _MEDIAN) + 60
    ratio = measured.ratio(_BARE, _EMPTY, _MEDIAN)
    return [
        *(
            at_most(
                f"{name}, against 1.25 x Context::New + 60 µs",
                floor,
                measured.median(name, _MEDIAN),
                "µs",
            )
            for name in (_TASK, _HELLO)
        ),
        at_most("Context::New, our snapshot against V8's own startup data", 1.5, ratio, "x"),
        at_most("the same, as first promised", 2.0, ratio, "x"),
    ]
