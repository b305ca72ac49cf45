"""Each op is in all places that it needs: JavaScript, a handler, a limit, the boundary's description, a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.bindings import Binding
from runner.config import Settings, load_settings
from runner.ops.limits import DEFAULT_OP_LIMITS, OpLimit
from runner.world import World

ROOT = Path(__file__).parents[3]
NO_OPS = {"timer", "console"}
"""What has a limit and is answered by the core itself."""


def shims() -> set[str]:
    """Names that JavaScript sends ops by."""
    senders = re.compile(r"\b(?:start|send|ask|fetchThrough|makeFetcher)\(\s*'([a-z]+)'")
    folder = ROOT / "snapshot" / "js" / "src" / "lazy"
    return {name for path in folder.glob("*.js") for name in senders.findall(path.read_text())}


def modules() -> set[str]:
    """Names of the modules that have a handler."""
    handler = re.compile(r"async def __call__\(self, call: OpCall\)")
    folder = ROOT / "runner" / "ops"
    return {path.stem for path in folder.glob("*.py") if handler.search(path.read_text())}


def described() -> set[str]:
    """Names that docs/boundary.md begins a paragraph of ops with."""
    ops = (ROOT / "docs" / "boundary.md").read_text().partition("\n## Ops")[2]
    return set(re.findall(r"^`([a-z]+)`: args", ops, re.MULTILINE))


def covered() -> set[str]:
    """Names of handlers' modules that a test imports."""
    imports = re.compile(r"^(?:from|import) runner\.ops\.([a-z]+)\b", re.MULTILINE)
    tests = (ROOT / "tests").rglob("test_*.py")
    return {name for path in tests for name in imports.findall(path.read_text())}


def test_each_op_is_in_all_places() -> None:
    places = {
        "snapshot/js/src/lazy": shims(),
        "runner/world.py": set(World(Settings()).handlers()),
        "runner/ops": modules(),
        "runner/ops/limits.py": set(DEFAULT_OP_LIMITS) - NO_OPS,
        "docs/boundary.md": described(),
    }
    ops = set.union(*places.values())
    # Tests import more than handlers.
    places["tests"] = covered() & ops
    missing = {place: sorted(ops - names) for place, names in places.items() if ops - names}
    assert missing == {}


def test_each_kind_of_binding_has_its_chunk_and_its_op() -> None:
    kinds = {kind.__struct_config__.tag for kind in Binding.__args__}
    chunks = {path.stem for path in (ROOT / "snapshot" / "js" / "src" / "lazy").glob("*.js")}
    assert kinds - chunks == set()
    assert kinds - set(World(Settings()).handlers()) == set()


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("fetch", OpLimit(50, 6)),
        ("kv", OpLimit(1000, 10)),
        ("database", OpLimit(100, 5)),
        ("storage", OpLimit(100, 3)),
        ("service", OpLimit(32, 0)),
        ("tasks", OpLimit(100, 5)),
        ("crypto", OpLimit(1000, 4)),
        ("websocket", OpLimit(10, 6)),
        ("cache", OpLimit(200, 6)),
        ("timer", OpLimit(10_000, 0)),
        ("console", OpLimit(10_000, 1 << 20)),
    ],
)
def test_limits_are_those_of_the_contract(name: str, limit: OpLimit) -> None:
    assert DEFAULT_OP_LIMITS[name] == limit


@pytest.mark.parametrize("name", sorted(DEFAULT_OP_LIMITS))
def test_each_limit_can_be_set(name: str, tmp_path: Path) -> None:
    settings = load_settings({f"LIMIT_{name.upper()}": "7/2"}, tmp_path)
    assert settings.op_limits == DEFAULT_OP_LIMITS | {name: OpLimit(7, 2)}
