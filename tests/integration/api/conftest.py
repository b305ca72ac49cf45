"""A running ``isolane dev`` with its control listener."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.conftest import Cli, Dev

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS = {
    "hello": "export default { fetch: () => new Response('one') };",
    "gate": (
        "export default { async fetch(request, env, ctx) { await request.text();"
        " return new Response('through') } };"
    ),
}


def control_of(running: Dev, token: str | None = None) -> httpx.Client:
    """Return a client of the control listener with its own token, another, or none (empty)."""
    url = running.wait_for("Control ").removeprefix("Control ")
    if token is None:
        token = running.wait_for("Token ").removeprefix("Token ")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False)


@pytest.fixture(scope="module")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("control")


@pytest.fixture(scope="module")
def running(
    served_folder: Path, snapshots: Path, services: dict[str, str]
) -> Iterator[tuple[Cli, Dev]]:
    """One ``isolane dev`` for the tests of a module, and the command line in its folder."""
    cli = Cli(served_folder, snapshots)
    for name, source in WORKERS.items():
        cli.write(f"w/{name}.js", source)
    dev = Dev(cli, "w", **services)
    yield cli, dev
    assert dev.stop() == 0


@pytest.fixture(scope="module")
def control(running: tuple[Cli, Dev]) -> Iterator[httpx.Client]:
    with control_of(running[1]) as client:
        yield client


@pytest.fixture
def state(running: tuple[Cli, Dev]) -> dict[str, str]:
    """What it left for the other commands of its folder."""
    running[1].wait_for("Token ")
    text = (running[0].folder / ".isolane" / "dev.json").read_text()
    content = json.loads(text)
    assert isinstance(content, dict)
    return content
