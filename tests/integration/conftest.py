"""The commands as users start them: processes of their own, real hosts, real HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from runner.embedded.nats import open_nats
from runner.embedded.postgres import open_postgres
from runner.store.migrate import Migrator
from runner.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from runner.embedded.service import Service

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TEMPLATE = "with_schema"


class Cli:
    """Runs ``isolane`` in a folder of the test's own, with an environment that says no more than it must."""

    def __init__(self, folder: Path, snapshots: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        self.environ = {
            "PATH": os.environ["PATH"],
            "SNAPSHOT_DIR": str(snapshots),
            # Lines are read by people who write tests.
            "LOG_FORMAT": "pretty",
            **kept,
        }

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "runner", *map(str, arguments)]

    def __call__(self, *arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


class Running:
    """A command that serves: its lines, its address, its end."""

    def __init__(self, cli: Cli, *arguments: str | Path, **environ: str) -> None:
        self.process = subprocess.Popen(
            cli.command(*arguments),
            cwd=cli.folder,
            env=cli.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.http = httpx.Client(timeout=20, trust_env=False)

    def reach(self) -> None:
        """Wait until it serves HTTP."""
        self.url = self.wait_for("HTTP http").rpartition("HTTP ")[2]
        self.port = int(self.url.rpartition(":")[2])
        self.http.base_url = httpx.URL(self.url)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.lines.append("<end>")
            self._changed.notify_all()

    def wait_for(self, text: str, timeout_s: float = 20) -> str:
        """Return the first line that has the text."""

        def find() -> str | None:
            return next((line for line in self.lines if text in line), None)

        with self._changed:
            assert self._changed.wait_for(lambda: find() or "<end>" in self.lines, timeout_s), (
                self.lines
            )
            found = find()
        assert found is not None, "\n".join(self.lines)
        return found

    def get(
        self, worker: str, target: str = "/", method: str = "GET", **options: Any
    ) -> httpx.Response:
        headers = {"x-worker-name": worker, **options.pop("headers", {})}
        return self.http.request(method, target, headers=headers, **options)

    def hosts(self) -> list[int]:
        """Return the processes of the isolate hosts."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
        return [child for child, command in commands.items() if b"pools.host" in command]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


class Dev(Running):
    """A running ``isolane dev``."""

    def __init__(self, cli: Cli, *arguments: str | Path, **environ: str) -> None:
        super().__init__(cli, "dev", *arguments, "--port", "0", **environ)
        self.reach()


@pytest.fixture(scope="session")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshots")
    folder.chmod(0o700)
    return folder


@pytest.fixture
def cli(tmp_path: Path, snapshots: Path) -> Cli:
    return Cli(tmp_path, snapshots)


@pytest.fixture(scope="module")
def services(create_database: Callable[[str], str], template: str, nats_url: str) -> dict[str, str]:
    """The servers of the session, as variables, with a database of the module's own."""
    return {"DATABASE_URL": create_database(template), "NATS_SERVERS": nats_url}


@pytest.fixture
def dev(
    cli: Cli, create_database: Callable[[str], str], template: str, nats_url: str
) -> Iterator[Callable[..., Dev]]:
    """Start ``isolane dev`` on the session's servers, with a database of the test's own; it is stopped when the test ends."""
    services = {"DATABASE_URL": create_database(template), "NATS_SERVERS": nats_url}
    started: list[Dev] = []

    def start(*arguments: str | Path, **environ: str) -> Dev:
        started.append(Dev(cli, *arguments, **services | environ))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.stop()


@pytest.fixture
def servers(create_database: Callable[[str], str], template: str, nats_url: str) -> dict[str, str]:
    """The servers of the session, as variables, with a database of the test's own; on ports that are free."""
    return {
        "DATABASE_URL": create_database(template),
        "NATS_SERVERS": nats_url,
        "HTTP_ADDR": "127.0.0.1:0",
        "CONTROL_ADDR": "127.0.0.1:0",
    }


@pytest.fixture
def serve(cli: Cli, servers: dict[str, str]) -> Iterator[Callable[..., Running]]:
    """Start ``isolane serve`` on the session's servers; it is stopped when the test ends."""
    started: list[Running] = []

    def start(**environ: str) -> Running:
        started.append(Running(cli, "serve", **servers | environ))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.stop()


@pytest.fixture(scope="module")
def examples(
    tmp_path_factory: pytest.TempPathFactory, snapshots: Path, services: dict[str, str]
) -> Iterator[Dev]:
    """All examples, served once for the tests of a module."""
    running = Dev(
        Cli(tmp_path_factory.mktemp("examples"), snapshots),
        EXAMPLES,
        FETCH_ALLOW_PRIVATE_NETWORK="true",
        **services,
    )
    yield running
    assert running.stop() == 0


def keep_open(opening: AbstractAsyncContextManager[Service]) -> Iterator[str]:
    """Give a service's URL to all who ask, whatever loop they run in."""

    async def enter() -> Service:
        return await opening.__aenter__()

    async def leave() -> None:
        await opening.__aexit__(None, None, None)

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as loop:
        service = loop.run(enter())
        yield service.url
        loop.run(leave())


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server for all tests, as its superuser."""
    yield from keep_open(open_postgres(tmp_path_factory.mktemp("postgres"), durable=False))


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A NATS server with JetStream for all tests."""
    yield from keep_open(open_nats(tmp_path_factory.mktemp("nats")))


@pytest.fixture(scope="session")
def create_database(postgres_url: str) -> Callable[[str], str]:
    """Make a database after a template; return its URL."""
    numbers = count(1)

    def create(template: str) -> str:
        name = TEMPLATE if template == "" else f"test_{next(numbers)}"
        after = template or "template1"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {after} STRATEGY file_copy")
        return f"{postgres_url.rpartition('/')[0]}/{name}"

    return create


@pytest.fixture(scope="session")
def template(create_database: Callable[[str], str]) -> str:
    """The schema, migrated once for all."""
    url = create_database("")

    async def migrate() -> None:
        async with connect(url) as connection:
            await Migrator(connection).up()

    asyncio.run(migrate())
    return TEMPLATE


def parse(text: str) -> Any:
    return json.loads(text)
