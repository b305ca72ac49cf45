"""What ``isolane dev`` makes of a folder in its database, and what it leaves alone there."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev

HELLO = "export default { fetch: () => new Response('one') };"
KEYS = "export default { fetch: (r, env) => Response.json(Object.keys(env).sort()) };"


@pytest.fixture
def database(create_database: Callable[[str], str], template: str) -> str:
    return create_database(template)


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


VERSIONS = (
    "SELECT w.name, d.version, d.version = w.current_version FROM workers w"
    " JOIN worker_deployments d ON d.worker_id = w.id ORDER BY 1, 2"
)


def test_unchanged_files_make_no_new_version(
    cli: Cli, dev: Callable[..., Dev], database: str
) -> None:
    """However often it is started; a change is one more, and the old one is there to go back to."""
    cli.write("w/hello.js", HELLO)
    cli.write(
        "w/typed.ts", "const a: string = 'x'; export default { fetch: () => new Response(a) };"
    )
    for _ in range(2):
        running = dev("w", DATABASE_URL=database)
        assert running.get("typed").text == "x"
        assert running.stop() == 0
    assert ask(database, VERSIONS) == [("hello", 1, True), ("typed", 1, True)]
    cli.write("w/hello.js", HELLO.replace("one", "two"))
    running = dev("w", DATABASE_URL=database)
    assert running.get("hello").text == "two"
    assert ask(database, VERSIONS)[:2] == [("hello", 1, False), ("hello", 2, True)]
    ask(database, "UPDATE workers SET current_version = 1 WHERE name = 'hello' RETURNING 1")
    running.get("hello")
    assert ask(database, "SELECT convert_from(code, 'UTF8') LIKE 'const a: string%' FROM worker_deployments"
               " WHERE code_type = 'typescript'") == [(True,)]  # fmt: skip


def test_a_manifest_is_made_true(cli: Cli, dev: Callable[..., Dev], database: str) -> None:
    """Bindings, schedules, routes, limits and publication, also to a worker that comes later in the folder."""
    cli.write("w/api/index.js", KEYS)
    cli.write("w/api/public/a.txt", "static")
    cli.write(
        "w/api/worker.toml",
        'public = true\ncontext_reuse = "warm"\n[vars]\nV = "v"\n[limits]\ncpu_ms = 77\n[[kv]]\nbinding = "CACHE"\n'
        '[[services]]\nbinding = "SHOP"\nname = "shop"\n[[crons]]\ncron = "0 0 * * *"\n'
        '[[routes]]\ndomain = "api.example"\n[[routes]]\nproject = "shop"\npattern = "/api/*"\n'
        '[assets]\nfolder = "public"\n',
    )
    cli.write("w/shop.js", HELLO)
    running = dev("w", DATABASE_URL=database)
    expected = ["ASSETS", "CACHE", "SHOP", "V"]
    assert running.get("api").json() == expected
    assert running.http.get("/", headers={"host": "api.example"}).json() == expected
    assert running.get("shop", "/api/x").json() == expected
    assert running.get("shop", "/").text == "one"
    assert ask(database, "SELECT public, context_reuse, cpu_ms, managed_by FROM workers WHERE name = 'api'") == [
        (True, "warm", 77, "dev")
    ]  # fmt: skip
    assert ask(database, "SELECT value, from_manifest FROM crons") == [("0 0 * * *", True)]
    assert running.stop() == 0
    cli.write("w/api/worker.toml", "")
    running = dev("w", DATABASE_URL=database)
    assert running.get("api").json() == []
    assert running.get("shop", "/api/x").text == "one"
    assert ask(database, "SELECT name FROM domains") == []


def test_static_files_are_served_from_the_folder(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/site/index.js", "export default { fetch: (r, env) => env.FILES.fetch(r) };")
    cli.write("w/site/public/a.txt", "static")
    cli.write("w/site/worker.toml", '[assets]\nbinding = "FILES"\nfolder = "public"\n')
    running = dev("w")
    assert running.get("site", "/a.txt").text == "static"
    assert running.get("site", "/../worker.toml").status_code == 404


def test_what_came_from_elsewhere_stays_when_files_go(
    cli: Cli, dev: Callable[..., Dev], database: str
) -> None:
    cli.write("w/hello.js", HELLO)
    cli.write("w/other.js", HELLO)
    assert dev("w", DATABASE_URL=database).stop() == 0
    ask(
        database,
        "INSERT INTO workers (name, user_id) SELECT 'by-hand', id FROM users WHERE username = 'dev' RETURNING 1",
    )
    ask(
        database,
        "WITH u AS (INSERT INTO users (username) VALUES ('shop') RETURNING id)"
        " INSERT INTO workers (name, user_id) SELECT 'shop', id FROM u RETURNING 1",
    )
    (cli.folder / "w" / "other.js").unlink()
    running = dev("w", DATABASE_URL=database)
    running.wait_for("other is gone")
    assert running.get("hello").text == "one"
    names = "SELECT name FROM workers ORDER BY name"
    assert ask(database, names) == [("by-hand",), ("hello",), ("shop",)]
    listed = running.http.get("/", headers={"accept": "application/json"}).json()["workers"]
    assert [worker["name"] for worker in listed] == ["by-hand", "hello", "shop"]


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ('[[services]]\nbinding = "A"\nname = "nobody"', "A: there is no worker 'nobody'"),
        ('[[crons]]\ncron = "nonsense"', "the cron expression 'nonsense' can not be used"),
        ('[[routes]]\ndomain = "a b"', "'a b' is no domain"),
        ('[vars]\n"a b" = "c"', "'a b' is no name in env"),
        ('[assets]\nfolder = "../.."', "is no folder in"),
        ('name = "no_name"', "'no_name' is no name for a worker"),
        ("[limits]\ncpu_ms = -1", "bad can not be deployed"),
    ],
)
def test_a_manifest_that_can_not_be_made_true_is_told_and_stops_nobody(
    cli: Cli, dev: Callable[..., Dev], manifest: str, why: str
) -> None:
    cli.write("w/bad/index.js", HELLO)
    cli.write("w/bad/worker.toml", manifest)
    cli.write("w/hello.js", HELLO)
    running = dev("w")
    assert "can not be deployed: " in running.wait_for(why)
    assert running.get("hello").text == "one"


def test_another_tenants_name_is_told(cli: Cli, dev: Callable[..., Dev], database: str) -> None:
    ask(
        database,
        "WITH u AS (INSERT INTO users (username) VALUES ('shop') RETURNING id)"
        " INSERT INTO workers (name, user_id) SELECT 'hello', id FROM u RETURNING 1",
    )
    cli.write("w/hello.js", HELLO)
    running = dev("w", DATABASE_URL=database)
    running.wait_for("hello can not be deployed: the name hello is taken")


@pytest.mark.parametrize(
    ("name", "program"), [("PostgreSQL", b"postgres"), ("NATS", b"nats-server")]
)
def test_a_server_of_its_own_that_dies_ends_it_with_a_word(
    cli: Cli, dev: Callable[..., Dev], name: str, program: bytes
) -> None:
    cli.write("w/hello.js", HELLO)
    running = dev("w", DATABASE_URL="", NATS_SERVERS="")
    assert running.get("hello").text == "one"
    pid = running.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (server,) = [
        int(child)
        for child in children
        if program in Path(f"/proc/{child}/cmdline").read_bytes().partition(b"\0")[0]
    ]
    os.kill(server, signal.SIGKILL)
    running.wait_for(f"the embedded {name} does not run: it ended with exit code -9")
    assert running.process.wait(20) == 5
