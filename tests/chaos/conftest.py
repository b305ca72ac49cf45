"""How much chaos: ``--chaos-tasks``, which ``make chaos`` sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SHORT = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-tasks", type=int, default=SHORT, help="how many tasks")


@pytest.fixture(scope="session")
def chaos_tasks(request: pytest.FixtureRequest) -> int:
    # Without this folder on the command line the option is not known.
    number = request.config.getoption("--chaos-tasks", SHORT)
    assert isinstance(number, int)
    return number


@pytest.fixture(scope="session")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshots")
    folder.chmod(0o700)
    return folder
