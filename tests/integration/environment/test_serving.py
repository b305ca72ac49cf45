"""Settings of a runner that serves: addresses, services, logs, telemetry; each is seen to do what it says."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.integration.conftest import Running
from tests.integration.nats.server import NatsServer, make_account
from tests.integration.test_dev import wait_until
from tests.integration.test_serve import HELLO, insert
from tests.unit.runner.telemetry.collector_server import collector_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.conftest import Cli, Dev

COUNT = "let n = 0; export default { fetch: () => new Response(`${++n}`) };"


def test_a_worker_has_its_name_below_each_worker_domain(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """WORKER_DOMAINS."""
    insert(servers["DATABASE_URL"], "hello", HELLO)
    running = serve(WORKER_DOMAINS="one.example, Two.example")
    running.reach()
    for host, status in (
        ("hello.one.example", 200),
        ("hello.two.example:81", 200),
        ("hello.workers.rocks", 502),
    ):
        assert running.http.get("/", headers={"host": host}).status_code == status


def test_only_proxies_are_believed(serve: Callable[..., Running], servers: dict[str, str]) -> None:
    """TRUSTED_PROXIES: who is none can neither choose a worker, nor say whence it comes."""
    url = "export default { fetch: (r) => new Response(r.url + r.headers.get('x-request-id')) };"
    insert(servers["DATABASE_URL"], "who", url)
    said = {"x-forwarded-proto": "https", "x-request-id": "mine", "host": "who.workers.rocks"}
    for trusted, chosen, answer in (
        ("10.0.0.0/8", 502, "http://who.workers.rocks/"),
        ("loopback", 200, "https://who.workers.rocks/mine"),
    ):
        running = serve(TRUSTED_PROXIES=trusted)
        running.reach()
        assert running.get("who").status_code == chosen
        got = running.http.get("/", headers=said).text
        assert got.startswith(answer)
        assert got.endswith("mine") is (trusted == "loopback")


def test_a_database_may_be_named_in_parts(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB."""
    insert(servers["DATABASE_URL"], "hello", HELLO)
    with psycopg.connect(servers["DATABASE_URL"], autocommit=True) as connection:
        name, host = connection.info.dbname, connection.info.host
        port, user = connection.info.port, connection.info.user
        password = connection.info.password
    parts = {"HOST": host, "PORT": f"{port}", "USER": user, "PASSWORD": password, "DB": name}
    running = serve(**{f"POSTGRES_{part}": value for part, value in parts.items()}, DATABASE_URL="")
    running.reach()
    assert running.get("hello").text == "one var"


async def test_credentials_open_the_bus(cli: Cli, servers: dict[str, str], tmp_path: Path) -> None:
    """NATS_CREDENTIALS, as a path; without them it waits."""
    config, credentials = make_account()
    path = cli.write("runner.creds", credentials)
    async with NatsServer(tmp_path, **config) as bus:
        environ = {**servers, "NATS_SERVERS": bus.url}
        running = Running(cli, "serve", **environ, NATS_CREDENTIALS=str(path))
        running.reach()
        assert running.stop() == 0
        refused = Running(cli, "serve", **environ)
        refused.wait_for("uthorization")
        assert "HTTP" not in "\n".join(refused.lines)
        refused.process.kill()
        refused.stop()


def test_old_lines_and_lines_above_the_number_go(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """LOG_RETENTION_DAYS and LOG_RETENTION_LINES."""
    url = servers["DATABASE_URL"]
    insert(url, "hello", HELLO)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO logs (worker_id, level, message, date)"
            " SELECT id, 'info', n::text, now() - n * interval '1 hour' FROM workers, generate_series(1, 60) n"
        )
        running = serve(LOG_RETENTION_DAYS="2", LOG_RETENTION_LINES="20")
        running.reach()
        while (rows := connection.execute("SELECT message FROM logs ORDER BY date").fetchall())[
            20:
        ]:
            pass
        assert [int(message) for (message,) in rows] == list(range(20, 0, -1))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO logs (worker_id, level, message, date)"
            " SELECT id, 'info', n::text, now() - n * interval '1 hour' FROM workers, generate_series(21, 60) n"
        )
        running = serve(LOG_RETENTION_DAYS="2", LOG_RETENTION_LINES="0")
        running.reach()
        while (rows := connection.execute("SELECT message FROM logs ORDER BY date").fetchall())[
            47:
        ]:
            pass
        assert len(rows) == 47


def test_the_log_has_what_is_grave_enough(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """LOG_LEVEL and LOG_FORMAT: console lines are a worker's own business, and so for debugging."""
    code = "export default { fetch(r) { console.log('said'); if (r.url.endsWith('x')) throw new Error('no'); return new Response('') } };"
    insert(servers["DATABASE_URL"], "w", code)
    seen: dict[str, list[Any]] = {}
    for level in ("debug", "info", "error"):
        running = serve(LOG_LEVEL=level, LOG_FORMAT="json", HTTP_ADDR="127.0.0.1:0")
        # An address is told at "info".
        running.port = port_of(running)
        url = f"http://127.0.0.1:{running.port}"
        httpx.get(url, headers={"x-worker-name": "w"})
        httpx.get(f"{url}/x", headers={"x-worker-name": "w"})
        running.wait_for("/x 500")
        assert running.stop() == 0
        seen[level] = [json.loads(line) for line in running.lines if line != "<end>"]
    assert {line["level"] for line in seen["error"]} == {"error"}
    assert {line["level"] for line in seen["info"]} >= {"info", "error"}
    assert "debug" not in {line["level"] for line in seen["info"]}
    assert "said" in {line["message"] for line in seen["debug"]}


def port_of(running: Running) -> int:
    """Return the port on which a process listens for workers' requests, once it serves, whatever it prints."""
    while True:
        assert running.process.poll() is None, running.lines
        listening = subprocess.run(
            ["ss", "-Hltnp"], capture_output=True, text=True, check=True
        ).stdout
        ports = [line for line in listening.splitlines() if f"pid={running.process.pid}," in line]
        for line in ports:
            port = int(line.split()[3].rpartition(":")[2])
            try:
                answer = httpx.get(
                    f"http://127.0.0.1:{port}/", headers={"x-worker-name": "w"}, timeout=5
                )
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return port


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_that_want_them(
    cli: Cli, dev: Callable[..., Dev], variable: str, *, coloured: bool
) -> None:
    """NO_COLOR."""
    cli.write(
        "w/hello.js",
        "export default { fetch() { console.error('red'); return new Response('') } };",
    )
    running = dev("w")
    running.get("hello")
    while "red" not in cli("workers", "logs", "hello", "--json").stdout:
        pass
    ours, theirs = pty.openpty()
    tail = subprocess.Popen(
        cli.command("tail", "hello", "--since", "1h"),
        cwd=cli.folder,
        env={**cli.environ, "NO_COLOR": variable},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    while b"red" not in text:
        text += os.read(ours, 4096)
    tail.kill()
    tail.wait()
    os.close(ours)
    assert (b"\x1b[" in text) is coloured


def test_contexts_may_be_used_again(cli: Cli, dev: Callable[..., Dev]) -> None:
    """CONTEXT_REUSE: what a worker left in its module is there for its next request, or is not."""
    cli.write("w/count.js", COUNT)
    for reuse, answers in (("off", ["1", "1", "1"]), ("warm", ["1", "2", "3"])):
        running = dev("w", CONTEXT_REUSE=reuse, WORKER_POOL_SIZE="1")
        assert [running.get("count").text for _ in range(3)] == answers
        assert running.stop() == 0


@pytest.mark.parametrize(
    ("scheduling", "policy"), [("batch", os.SCHED_BATCH), ("normal", os.SCHED_OTHER)]
)
def test_the_kernel_schedules_the_loop_as_it_is_told(
    cli: Cli, dev: Callable[..., Dev], scheduling: str, policy: int
) -> None:
    """RUNNER_SCHEDULING: not the hosts that it starts, early or late."""
    cli.write("w/hello.js", "export default { fetch: () => new Response('') };")
    running = dev("w", RUNNER_SCHEDULING=scheduling)
    assert running.get("hello").status_code == 200
    first = running.hosts()
    os.kill(first[0], signal.SIGKILL)
    wait_until(lambda: len(running.hosts()) == len(first) and first[0] not in running.hosts())

    assert os.sched_getscheduler(running.process.pid) == policy
    wait_until(lambda: {*map(os.sched_getscheduler, running.hosts())} == {os.SCHED_OTHER})


def test_the_snapshot_is_kept_where_it_is_wanted(cli: Cli, tmp_path: Path) -> None:
    """SNAPSHOT_DIR."""
    cli.write("task.js", "export default { task: () => 1 };")
    folder = tmp_path / "elsewhere"
    assert cli("run", "task.js", SNAPSHOT_DIR=str(folder)).stdout == "1\n"
    assert [path.name for path in folder.glob("snapshot-*.bin")]


def test_a_collector_is_told_who_sends_and_with_what_leave(
    cli: Cli, dev: Callable[..., Dev]
) -> None:
    """OTLP_ENDPOINT, OTLP_SERVICE_NAME, OTLP_HEADERS."""
    cli.write("w/hello.js", "export default { fetch: () => new Response('') };")
    with collector_server() as collector:
        running = dev(
            "w",
            OTLP_ENDPOINT=collector.url,
            OTLP_SERVICE_NAME="shop",
            OTLP_HEADERS="x-team=a,authorization=Bearer%20b",
        )
        running.get("hello")
        assert running.stop() == 0
        span = next(span for span in collector.spans if span.name == "GET hello")
        assert span.resource["service.name"] == "shop"
        assert collector.headers[0]["x-team"] == "a"
        assert collector.headers[0]["authorization"] == "Bearer b"


def test_addresses_are_where_it_listens(serve: Callable[..., Running]) -> None:
    """HTTP_ADDR and CONTROL_ADDR; IPv6, too."""
    running = serve(HTTP_ADDR="[::1]:0", CONTROL_ADDR="127.0.0.2:0", CONTROL_TOKEN="t" * 16)
    assert urlsplit(running.wait_for("HTTP http").rpartition("HTTP ")[2]).hostname == "::1"
    control = running.wait_for("Control ").removeprefix("Control ")
    assert urlsplit(control).hostname == "127.0.0.2"
    assert httpx.get(f"{control}/readyz").status_code == 200


@pytest.mark.parametrize(("size", "together"), [("1", False), ("15", True)])
def test_workers_have_so_many_sessions_in_databases(
    cli: Cli, dev: Callable[..., Dev], size: str, *, together: bool
) -> None:
    """DB_POOL_WORKER_SIZE: with one session, queries come one after the other."""
    code = """export default { async fetch(request, { DB }) {
      const count = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = current_user";
      const found = await Promise.all([1, 2, 3].map(() => DB.query(`SELECT pg_sleep(0.3), (${count}) AS n`)));
      const [{ n }] = await DB.query(count);
      return new Response(`${n}`);
    } };"""
    cli.write("w/asks/index.js", code)
    running = dev("w", DB_POOL_WORKER_SIZE=size)
    running.wait_for("curl")
    made = cli("databases", "create", "shop")
    assert made.returncode == 0, made.stderr
    bound = cli("env", "set", "asks", "DB", "shop", "--type", "database")
    assert bound.returncode == 0, bound.stderr
    sessions = int(running.get("asks").text)
    assert (sessions > 1) is together
    assert cli("databases", "rm", "shop").returncode == 0
