"""The documents that tasks are promised by, walked through from their first line to their last.

Only names of hosts, logins and of the program are others'; what builds or tests the originals has no counterpart.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest

from runner.nats.connection import open_bus
from tests.integration.conftest import Running
from tests.integration.nats.server import NatsServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli

DOCUMENT = Path(__file__).parent / "documents" / "task-executor.md"
OF_THE_ORIGINAL = ("cargo build", "cargo test", "# .env.test", "DATABASE_URL=")
"""Lines that build or test the original."""
HELLO = "export default { async task(payload) { return { hello: payload.name } } }"
PROCESS = (
    "export default { async task({ data }) { return data.reduce((sum, one) => sum + one, 0) } }"
)


class Block(NamedTuple):
    heading: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines of a shell, comments left out, those that go on joined."""
        joined = self.text.replace("\\\n", " ")
        lines = [line.strip() for line in joined.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]


def blocks() -> list[Block]:
    found, heading = [], ""
    for part in re.split(r"(?m)(^#+ .*$|^```\w+\n(?s:.*?)^```$)", DOCUMENT.read_text()):
        if part.startswith("```"):
            language, _, text = part.removeprefix("```").partition("\n")
            found.append(Block(heading, language, text.removesuffix("```")))
        elif part.startswith("#"):
            heading = part.strip("# \n")
    return found


class Api(BaseHTTPRequestHandler):
    """What the scripts ask."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"from":"the api"}')

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class Walk:
    """One reader, who does what it says."""

    def __init__(self, cli: Cli, api: str, database: str, nats: NatsServer) -> None:
        self.cli = cli
        self.api = api
        self.database = database
        self.nats = nats
        self.environ = {"FETCH_ALLOW_PRIVATE_NETWORK": "true", "DATABASE_URL": database}
        self.serving: list[Running] = []
        self.done: list[str] = []

    async def block(self, block: Block) -> None:
        match block.language:
            case "bash":
                if block.text.startswith(OF_THE_ORIGINAL[2]):
                    return
                for command in block.commands:
                    self.command(command)
            case "javascript":
                self.cli.write("script.js", block.text.replace("https://api.example.com", self.api))
                if block.heading == "Script API":
                    self.script_api()
            case "json":
                await self.message(block.text)
            case "sql":
                self.sql(block)
            case _:
                raise AssertionError(block)

    def command(self, line: str) -> None:
        if line.startswith(OF_THE_ORIGINAL):
            return
        if line == "cargo run --bin snapshot":
            assert self.cli("snapshot").returncode == 0
            self.done.append("snapshot")
            return
        line = line.replace("nats://localhost:4222", self.nats.url)
        line = line.replace("postgres://user:pass@localhost/mydb", self.database)
        words = shlex.split(line.replace("$DATABASE_URL", self.database))
        environ = dict(self.environ)
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            environ[name] = value
        assert words.pop(0) == "task-executor", line
        if words[0] == "run":
            self.run(words, environ)
        else:
            self.serving.append(Running(self.cli, *words, **environ))
            self.serving[-1].wait_for("ready.")
        self.done.append(" ".join(words[:1] + [word for word in words if word.startswith("--")]))

    def run(self, words: list[str], environ: dict[str, str]) -> None:
        # The script comes after the commands that run it.
        (script,) = (
            one for one in blocks() if one.language == "javascript" and "run" in one.heading
        )
        text = script.text.replace("https://api.example.com", self.api)
        self.cli.write("script.js", "console.log('said');\n" + text)
        done = self.cli(*words, **environ)
        assert done.returncode == 0, done.stderr
        payload = json.loads(words[words.index("--payload") + 1]) if "--payload" in words else None
        assert json.loads(done.stdout) == {"input": payload, "result": {"from": "the api"}}
        assert ("[INFO] said" in done.stderr) is ("--quiet" not in words)

    def script_api(self) -> None:
        done = self.cli("run", "script.js", **self.environ)
        assert json.loads(done.stdout) == {"status": "done", "data": {"from": "the api"}}
        self.done.append("script api")

    async def message(self, text: str) -> None:
        async with open_bus([self.nats.url]) as bus:
            answer = await bus.client.request("tasks", text.encode(), timeout=10)
        assert json.loads(answer.data) == {"success": True, "data": {"hello": "world"}}
        self.done.append("message")

    def sql(self, block: Block) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(block.text.encode())
            if block.heading != "Inserting Tasks":
                return
            query = "SELECT status, result, error, started_at <= completed_at FROM ow_tasks ORDER BY script"
            connection.execute(
                "CREATE FUNCTION told() RETURNS TRIGGER AS $$ BEGIN NOTIFY changed; RETURN NEW; END; $$ LANGUAGE plpgsql;"
                "CREATE TRIGGER told AFTER UPDATE ON ow_tasks FOR EACH ROW EXECUTE FUNCTION told(); LISTEN changed"
            )
            rows = ended(connection, query)
        assert rows == [("completed", {"hello": "world"}, None, True), ("completed", 6, None, True)]
        self.done.append("rows")

    def many(self) -> None:
        """Several executors do not come into each other's way."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE begun (id uuid); CREATE FUNCTION began() RETURNS TRIGGER AS $$ BEGIN INSERT INTO begun VALUES"
                " (NEW.id); RETURN NEW; END; $$ LANGUAGE plpgsql; CREATE TRIGGER began AFTER UPDATE ON ow_tasks FOR EACH ROW"
                " WHEN (OLD.status = 'pending') EXECUTE FUNCTION began(); LISTEN changed;"
                """INSERT INTO ow_tasks (script, payload) SELECT 'hello.js', '{"name": 1}' FROM generate_series(1, 60)"""
            )
            ended(connection, "SELECT status FROM ow_tasks")
            row = connection.execute("SELECT count(*), count(DISTINCT id) FROM begun").fetchone()
        assert row == (60, 60)

    def end(self) -> None:
        for running in self.serving:
            assert running.stop() == 0


def ended(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    """Return the rows when all have ended."""
    rows: list[tuple[Any, ...]] = []
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        rows = connection.execute(query.encode()).fetchall()
        if all(row[0] in {"completed", "failed"} for row in rows):
            return rows
        next(connection.notifies(timeout=1, stop_after=1), None)
    raise AssertionError(rows)


async def test_the_task_executors_document(
    cli: Cli, create_database: Callable[[str], str], api: str, tmp_path: Path
) -> None:
    for root in ("", "workers/"):
        cli.write(f"{root}hello.js", HELLO)
        cli.write(f"{root}workers/process.js", PROCESS)
    database = create_database("template1")
    async with NatsServer(tmp_path) as nats:
        walk = Walk(cli, api, database, nats)
        read = blocks()
        # A table is made before it is listened to.
        order = sorted(read, key=lambda block: block.heading == "Database listener (`db-listen`)")
        late = next(block for block in read if block.heading == "Database listener (`db-listen`)")
        order.remove(late)
        order.insert(
            next(n for n, block in enumerate(order) if block.heading == "Inserting Tasks"), late
        )
        try:
            for block in order:
                await walk.block(block)
            walk.many()
        finally:
            walk.end()
    assert walk.done == [
        "snapshot",
        "run",
        "run --payload",
        "run --timeout",
        "run --quiet",
        "listen --nats --subject --root --timeout",
        "message",
        "db-listen --database-url --table --root --timeout",
        "rows",
        "script api",
        "run",
        "db-listen --database-url",
        "db-listen --database-url",
    ]
