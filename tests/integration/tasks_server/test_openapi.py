"""The tasks server's OpenAPI document: it tells of each route, and what it says is so."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.api.openapi import with_others
from runner.tasks_server.openapi import describe_api

if TYPE_CHECKING:
    from tests.integration.tasks_server.serving import OwnerClient, Served

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


async def test_the_document_tells_of_each_route(served: Served) -> None:
    """And of no other: its operations are those that the server has."""
    answer = await served.http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    described = {
        (path.replace("{id}", ":").replace("{name}", ":"), method.upper())
        for path, methods in document["paths"].items()
        for method in methods
    }
    served_paths = {
        ("/" + "/".join(parts), method)
        for parts, methods in served.server._paths.items()
        for method in methods
    }
    assert described == served_paths - {("/openapi.json", "GET")}


def test_it_can_be_part_of_another_document() -> None:
    other = {"paths": {"/x": {}}, "components": {"schemas": {"X": {}}, "securitySchemes": {}}}
    whole = with_others(other, [describe_api()])
    assert whole["paths"].keys() == {"/x", *describe_api()["paths"]}
    assert {"X", "HttpTaskView"} <= whole["components"]["schemas"].keys()


@pytest.mark.timeout(180)
async def test_schemathesis_accepts_it(served: Served, alice: OwnerClient, tmp_path: Path) -> None:
    """Each operation with valid and invalid requests, alone and one after the other."""
    await alice.register()
    program = Path(sys.executable).with_name("schemathesis")
    arguments = [
        "--config-file", CONFIGURATION, "run", f"{served.http.base_url}/openapi.json", "--suppress-health-check", "all",
        "--no-color", "--warnings", "off",
        *("-H", f"Authorization: Bearer {alice.key}", "-H", f"X-Tasks-Owner-Id: {alice.id}"),
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        program,
        *map(str, arguments),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": f"{tmp_path}", "NO_PROXY": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()[-20_000:]
