"""``isolane serve``: what it needs, what it waits for, what it refuses, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Running

HELLO = "export default { fetch: (r, env) => new Response(`one ${env.A}`) };"
SLOW = (
    "export default { async fetch() { console.log('begun');"
    " await new Promise((r) => setTimeout(r, 700)); return new Response('finished'); } };"
)

FOREVER = (
    "export default { async fetch() { console.log('begun');"
    " await new Promise((r) => setTimeout(r, 100_000)); return new Response('late'); } };"
)


def insert(url: str, name: str, code: str) -> None:
    """Make a worker as the original's tools do."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "WITH u AS (INSERT INTO users (username) VALUES (%(name)s) RETURNING id),"
            " e AS (INSERT INTO environments (name, user_id) SELECT 'e', id FROM u RETURNING id, user_id),"
            " v AS (INSERT INTO environment_values (environment_id, user_id, key, value, type)"
            "       SELECT id, user_id, 'A', 'var', 'var' FROM e),"
            " w AS (INSERT INTO workers (name, user_id, environment_id, current_version)"
            "       SELECT %(name)s, user_id, id, 1 FROM e RETURNING id)"
            " INSERT INTO worker_deployments (worker_id, version, hash, code_type, code)"
            " SELECT id, 1, 'h', 'javascript', convert_to(%(code)s, 'UTF8') FROM w",
            {"name": name, "code": code},
        )


def test_it_serves_what_is_in_the_database_and_what_comes_into_it(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """Made with psql, by the original's columns; seen without a restart."""
    insert(servers["DATABASE_URL"], "first", HELLO)
    began = time.monotonic()
    running = serve()
    running.reach()
    assert time.monotonic() - began < 6
    assert running.get("first").text == "one var"
    assert running.get("second").status_code == 502
    insert(servers["DATABASE_URL"], "second", HELLO)
    host = {"host": "second.workers.rocks"}
    assert running.http.get("/", headers=host).text == "one var"
    with psycopg.connect(servers["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("UPDATE environment_values SET value = 'two'")
    deadline = time.monotonic() + 5
    while running.get("second").text != "one two":
        assert time.monotonic() < deadline
    assert running.http.get("/").status_code == 502
    assert running.stop() == 0


@pytest.mark.parametrize(
    ("missing", "named"), [("DATABASE_URL", "DATABASE_URL"), ("NATS_SERVERS", "NATS_SERVERS")]
)
def test_what_it_needs_is_named(
    cli: Cli, servers: dict[str, str], missing: str, named: str
) -> None:
    done = cli("serve", **servers | {missing: ""})
    assert done.returncode == 2
    assert f"serve needs {named}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_schema_is_refused_with_what_to_do(
    cli: Cli, servers: dict[str, str], create_database: Callable[[str], str]
) -> None:
    done = cli("serve", **servers | {"DATABASE_URL": create_database("template1")})
    assert done.returncode == 4
    assert "is not up to date" in done.stderr
    assert "run isolane migrate up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_schema_of_a_newer_version_is_served(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """A fleet is brought to a new version one runner after another, the database first."""
    with psycopg.connect(servers["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "INSERT INTO isolane_migrations (number, name, checksum, baseline) VALUES (9999, '9999_new', 'x', false)"
        )
    running = serve()
    running.reach()
    running.wait_for("is of a newer version of Isolane: it has 9999_new")


@pytest.mark.parametrize(
    ("variable", "url", "named"),
    [
        ("DATABASE_URL", "postgresql://me:hidden@127.0.0.1:{port}/shop", "PostgreSQL (shop at 127.0.0.1:"),
        ("NATS_SERVERS", "nats://hidden@127.0.0.1:{port}", "NATS"),
    ],
)  # fmt: skip
def test_what_is_not_there_yet_is_waited_for_by_name_until_a_signal(
    serve: Callable[..., Running], variable: str, url: str, named: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        running = serve(**{variable: url.format(port=taken.getsockname()[1])})
        running.wait_for(f"waiting for {named}")
        assert running.stop() == 0
    text = "\n".join(running.lines)
    assert "hidden" not in text
    assert "Traceback" not in text


def test_a_signal_lets_what_runs_finish(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    insert(servers["DATABASE_URL"], "slow", SLOW)
    running = serve()
    running.reach()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: slow.workers.rocks\r\nconnection: close\r\n\r\n")
        running.wait_for("begun")
        running.process.send_signal(signal.SIGTERM)
        answer = b""
        while data := client.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"finished")
    assert running.process.wait(10) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(
    serve: Callable[..., Running], servers: dict[str, str], second: signal.Signals
) -> None:
    insert(servers["DATABASE_URL"], "forever", FOREVER)
    running = serve(DRAIN_TIMEOUT_MS="60000", WALL_CLOCK_TIMEOUT_MS="90000")
    running.reach()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: forever.workers.rocks\r\n\r\n")
        running.wait_for("begun")
        hosts = running.hosts()
        running.process.send_signal(signal.SIGTERM)
        running.wait_for("draining ")
        running.process.send_signal(second)
        assert running.process.wait(20) == 128 + second
        while any(Path(f"/proc/{pid}").exists() for pid in hosts):
            pass


def test_machines_read_its_log_as_objects(
    serve: Callable[..., Running], servers: dict[str, str]
) -> None:
    """Addresses, events and warnings: one JSON object a line, when nobody looks."""
    insert(servers["DATABASE_URL"], "hello", HELLO)
    running = serve(LOG_FORMAT="auto")
    url = json.loads(running.wait_for("HTTP http"))["message"].removeprefix("HTTP ")
    answer = httpx.get(url, headers={"x-worker-name": "hello", "x-request-id": "mine"})
    assert answer.text == "one var"
    event = json.loads(running.wait_for("isolane.event"))
    assert (event["status"], event["worker"], event["requestId"]) == (200, "hello", "mine")
    assert running.stop() == 0
    assert all(json.loads(line)["level"] for line in running.lines if line != "<end>")


def test_without_a_token_its_api_is_closed_and_its_probes_are_open(
    serve: Callable[..., Running],
) -> None:
    running = serve()
    control = running.wait_for("Control ").removeprefix("Control ")
    assert httpx.get(f"{control}/readyz").status_code == 200
    for headers in ({}, {"authorization": "Bearer None"}):
        refused = httpx.get(f"{control}/v1/tenants", headers=headers)
        assert refused.status_code == 403
        assert "CONTROL_TOKEN" in refused.json()["error"]["message"]


def test_it_is_alive_but_not_ready_while_it_waits(serve: Callable[..., Running]) -> None:
    """The control listener is there from the first moment on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        control = f"http://127.0.0.1:{free.getsockname()[1]}"
    running = serve(NATS_SERVERS="nats://127.0.0.1:1", CONTROL_ADDR=control.removeprefix("http://"))
    running.wait_for("waiting for NATS")
    assert httpx.get(f"{control}/livez").status_code == 200
    ready = httpx.get(f"{control}/readyz")
    assert (ready.status_code, ready.json()["state"]) == (503, "starting")
    assert running.stop() == 0
