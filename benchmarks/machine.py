"""What figures come from: the machine, how busy it was, and which build of Isolane ran on it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import msgspec

from runner.config import load_settings
from snapshot.build import ensure_snapshot

_PREFIXES = ("CONTEXT_", "CPU_TIME_", "ISOLATE_", "LIMIT_", "MAX_", "V8_", "WALL_", "WORKER_")
"""Variables of Isolane that change what is measured."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Load averages are those of 1, 5 and 15 minutes; the load of the benchmark itself is part of ``load_after``."""

    cpu: str
    cores: int
    memory_mb: int
    kernel: str
    python: str
    stpyv8: str
    commit: str
    """With a ``+`` when files differ from it; empty outside of a repository."""
    snapshot_kb: int
    """Size of V8's startup snapshot: what an isolate costs depends on it."""
    settings: dict[str, str]
    """Isolane's variables in the environment: they hold for all contenders that do not set them themselves."""
    load_before: tuple[float, ...]
    load_after: tuple[float, ...] = ()

    def describe(self) -> str:
        """Return it in a line or two."""
        settings = "".join(f"\n{name}={value}" for name, value in self.settings.items())
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_mb} MB, Linux {self.kernel}, Python {self.python}, "
            f"STPyV8 {self.stpyv8}\n"
            f"commit {self.commit or '-'}, snapshot {self.snapshot_kb:,} kB; "
            f"load {_loads(self.load_before)} before, {_loads(self.load_after)} after{settings}"
        )


def look_at_machine() -> Machine:
    """Return the machine as it is before a benchmark."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        kernel=platform.release(),
        python=platform.python_version(),
        stpyv8=version("stpyv8"),
        commit=_commit(),
        snapshot_kb=_snapshot_kb(),
        settings={name: os.environ[name] for name in sorted(os.environ) if _counts(name)},
        load_before=load_now(),
    )


def load_now() -> tuple[float, ...]:
    return tuple(round(load, 2) for load in os.getloadavg())


def _counts(name: str) -> bool:
    return name.startswith(_PREFIXES)


def _commit() -> str:
    """Return what git says of the folder that this file is in."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        result = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return result.stdout.strip()


def _snapshot_kb() -> int:
    settings = load_settings()
    return ensure_snapshot(settings.snapshot_dir, settings.v8_flags).stat().st_size // 1000


def _loads(loads: tuple[float, ...]) -> str:
    return " ".join(f"{load:.2f}" for load in loads) or "-"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
