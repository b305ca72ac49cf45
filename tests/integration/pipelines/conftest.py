"""The document of the task runner: its table in a real database, its pipeline as a file, commands that run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest

from runner.config import load_settings
from tests.integration.conftest import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.config import Settings
    from tests.integration.conftest import Cli

DOCUMENT = (Path(__file__).parent / "documents" / "task-runner.md").read_text()
TABLE = DOCUMENT[DOCUMENT.index("CREATE TYPE") : DOCUMENT.index("A simple pipeline")]
PIPELINE = DOCUMENT[DOCUMENT.index("pipeline:\n") :]
"""Byte for byte."""


class Tasks:
    """The document's table."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.dict_row)

    def add(self, *keys: str, **columns: Any) -> None:
        names = ["key", *columns]
        marks = ", ".join(["%s"] * len(names))
        for key in keys:
            self.connection.execute(
                f"INSERT INTO tasks ({', '.join(names)}) VALUES ({marks})", [key, *columns.values()]
            )

    def rows(self) -> dict[str, dict[str, Any]]:
        found = self.connection.execute("SELECT * FROM tasks").fetchall()
        return {row["key"]: row for row in found}

    def states(self) -> dict[str, str]:
        return {key: row["status"] for key, row in self.rows().items()}


@pytest.fixture
def bussin(postgres_url: str) -> Iterator[str]:
    """The document's database, with its table, on the server of the session."""
    url = f"{postgres_url.rpartition('/')[0]}/bussin"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE DATABASE bussin")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLE)
        yield url
        server.execute("DROP DATABASE bussin WITH (FORCE)")


@pytest.fixture
def tasks(bussin: str) -> Iterator[Tasks]:
    tasks = Tasks(bussin)
    with tasks.connection:
        yield tasks


@pytest.fixture
def login(postgres_url: str) -> dict[str, str]:
    """What the document's URL leaves to libpq's environment."""
    parts = urlsplit(postgres_url)
    return {"PGUSER": parts.username or "", "PGPASSWORD": parts.password or ""}


@pytest.fixture
def mapped(postgres_url: str) -> dict[str, str]:
    """Where the document's server is: ``--map``."""
    parts = urlsplit(postgres_url)
    return {"localhost:5432": f"{parts.hostname}:{parts.port}"}


@pytest.fixture
def start(
    cli: Cli, login: dict[str, str], mapped: dict[str, str]
) -> Iterator[Callable[..., Running]]:
    """Start ``isolane pipeline run``; it is ended when the test ends."""
    started: list[Running] = []

    def start(text: str, *options: str, name: str = "pipeline.yaml", **environ: str) -> Running:
        path = cli.write(name, text)
        maps = [option for pair in mapped.items() for option in ("--map", "=".join(pair))]
        small = {"WORKER_POOL_SIZE": "1", "LOG_FORMAT": "json"}
        environ = small | login | environ
        started.append(Running(cli, "pipeline", "run", *maps, *options, path, **environ))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.stop()


@pytest.fixture
def settings(snapshots: Path, tmp_path: Path) -> Settings:
    environ = {"SNAPSHOT_DIR": str(snapshots), "WORKER_POOL_SIZE": "1", "ISOLATE_HOSTS": "1"}
    return load_settings(environ, tmp_path)
