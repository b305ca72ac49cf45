"""Rules of the house that no linter knows."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

READERS = {"environ", "environb", "getenv", "getenvb"}
ALLOWED = {
    # The path of a module that reads the environment: why it has to.
    "runner/config.py": "it is the one reader, of all settings"
}


def reads_of_environment(source: str) -> list[int]:
    """Give the lines on which a module gets hold of the environment."""
    nodes = list(ast.walk(ast.parse(source)))
    imports = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names = {alias.asname or alias.name for alias in imports if alias.name in {"os", "posix"}}
    lines = [
        node.lineno
        for node in nodes
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in names
            and node.attr in READERS
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.module in {"os", "posix"}
            and any(alias.name in READERS for alias in node.names)
        )
    ]
    return sorted(lines)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import os\nos.environ['A']", [2]),
        ("import os as system\n\nsystem.getenv('A')", [3]),
        ("import os.path\nimport os\ndef f():\n    return dict(os.environ)", [4]),
        ("from os import path, getenv", [1]),
        ("import os\nos.path.join('environ', 'getenv')", []),
        ("class A:\n    environ = 1\nA.environ", []),
    ],
)
def test_every_way_to_the_environment_is_found(source: str, lines: list[int]) -> None:
    """However `os` is imported, a read of the environment is found, and nothing else is."""
    assert reads_of_environment(source) == lines


def test_only_the_configuration_reads_the_environment() -> None:
    """What a setting does can be understood from Settings alone, since nobody else reads any."""
    reads = [
        f"{path}:{line}"
        for package in ("pools", "runner", "snapshot")
        for file in sorted((ROOT / package).rglob("*.py"))
        if (path := file.relative_to(ROOT).as_posix()) not in ALLOWED and "node_modules" not in path
        for line in reads_of_environment(file.read_text("utf-8"))
    ]

    assert not reads, "take it from runner.config, or be handed it"
