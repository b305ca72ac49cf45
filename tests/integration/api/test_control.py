"""The control listener of a running `isolane dev`."""

from __future__ import annotations

import concurrent.futures
import socket
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.api.conftest import WORKERS, control_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Dev


def test_probes_answer_without_a_token(running: tuple[Cli, Dev]) -> None:
    with control_of(running[1], token="") as anyone:
        assert [anyone.get(path).status_code for path in ("/livez", "/readyz", "/healthz")] == [
            200
        ] * 3
        assert anyone.get("/readyz").json() == {"ready": True, "state": "ready"}


@pytest.mark.parametrize("token", ["", "wrong-token-wrong-token"])
def test_everything_else_needs_the_token(running: tuple[Cli, Dev], token: str) -> None:
    with control_of(running[1], token=token) as anyone:
        for path in ("/admin/stats", "/openapi.json", "/v1/tenants", "/nowhere"):
            response = anyone.get(path)
            assert response.status_code == 401
            assert response.json()["error"]["next"]
        assert anyone.post("/admin/drain").status_code == 401
        assert anyone.get("/readyz").status_code == 200


def test_the_token_is_for_the_user_alone(
    running: tuple[Cli, Dev], state: dict[str, str], control: httpx.Client
) -> None:
    assert state["token"] == running[1].wait_for("Token ").removeprefix("Token ")
    assert state["control"] == str(control.base_url).rstrip("/")
    assert (running[0].folder / ".isolane" / "dev.json").stat().st_mode & 0o077 == 0


def test_nothing_of_it_is_on_the_workers_address(
    running: tuple[Cli, Dev], state: dict[str, str]
) -> None:
    headers = {"authorization": f"Bearer {state['token']}"}
    for path in ("/livez", "/admin/stats", "/openapi.json", "/v1/tenants"):
        assert running[1].http.get(path, headers=headers).status_code == 502
    assert running[1].http.post("/admin/drain", headers=headers).status_code == 502


def test_statistics_tell_of_the_pool(running: tuple[Cli, Dev], control: httpx.Client) -> None:
    assert running[1].get("hello").text == "one"
    stats = control.get("/admin/stats").json()
    assert stats["state"] == "ready"
    assert stats["lanes"] == len(control.get("/admin/pool").json()["lanes"]) > 0
    assert {host["pid"] for host in stats["hosts"]} == set(running[1].hosts())


def send_head(dev: Dev, worker: str) -> socket.socket:
    """Begin a request whose body comes in part, so that its worker runs as long as we want."""
    connection = socket.create_connection(("127.0.0.1", dev.port), timeout=20)
    head = f"POST / HTTP/1.1\r\nhost: x\r\nx-worker-name: {worker}\r\ncontent-length: 4\r\n\r\nb"
    connection.sendall(head.encode())
    return connection


def at_work(control: httpx.Client) -> list[str]:
    """Return whose executions run."""
    return [one["worker"] for one in control.get("/admin/tasks").json()["executions"]]


def receive_all(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_runs_is_listed(running: tuple[Cli, Dev], control: httpx.Client) -> None:
    with send_head(running[1], "gate") as connection:
        executions: list[dict[str, object]] = []
        # `dev` itself may still be at work for the workers that it has just deployed.
        while [one["worker"] for one in executions] != ["gate"]:
            executions = control.get("/admin/tasks").json()["executions"]
        assert executions[0]["event"] == "fetch"
        connection.sendall(b"ody")
        assert b"through" in connection.recv(65536)


def test_drain_finishes_what_runs_and_refuses_the_rest(cli: Cli, dev: Callable[..., Dev]) -> None:
    """In flight: answered. Readiness: 503 meanwhile. Then the process ends, with 0."""
    for name, source in WORKERS.items():
        cli.write(f"w/{name}.js", source)
    running = dev("w")
    with control_of(running) as control, concurrent.futures.ThreadPoolExecutor(4) as threads:
        gates = [send_head(running, "gate") for _ in range(4)]
        while at_work(control).count("gate") < 4:
            pass
        answer = control.post("/admin/drain")
        # `dev` itself may still be at work for a worker that it has just deployed.
        assert (answer.status_code, answer.json()["draining"]) == (202, True)
        assert answer.json()["active_tasks"] >= 4
        while (ready := control.get("/readyz")).status_code == 200:
            pass
        assert ready.json() == {"ready": False, "state": "draining"}
        assert control.get("/livez").status_code == 200
        answers = [threads.submit(receive_all, gate) for gate in gates]
        for gate in gates:
            gate.sendall(b"ody")
        assert all(b"through" in answer.result() for answer in answers)
    assert running.process.wait(20) == 0


def ask_hello(dev: Dev) -> bytes | None:
    """Return what came back on a connection of its own; None when nobody took it."""
    request = b"GET / HTTP/1.1\r\nhost: x\r\nx-worker-name: hello\r\nconnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", dev.port), timeout=20) as connection:
            connection.sendall(request)
            return receive_all(connection)
    except ConnectionError:
        # Refused, or reset before anybody saw it. A client of HTTP does not tell that from a server that closes without an answer.
        return None


def test_drain_under_load_breaks_no_answer(cli: Cli, dev: Callable[..., Dev]) -> None:
    """Whoever got in is answered whole; the others are told 503, or find nobody; then the process ends, with 0."""
    cli.write("w/hello.js", WORKERS["hello"])
    running = dev("w")
    begun = threading.Semaphore(0)

    def hammer() -> list[tuple[bytes, bytes]]:
        seen: list[tuple[bytes, bytes]] = []
        while (answer := ask_hello(running)) is not None:
            head, _, body = answer.partition(b"\r\n\r\n")
            seen.append((head[:13], body if b" 200 " in head[:13] else b""))
            begun.release()
        return seen

    with control_of(running) as control, concurrent.futures.ThreadPoolExecutor(6) as threads:
        hammers = [threads.submit(hammer) for _ in range(6)]
        for _ in range(60):
            assert begun.acquire(timeout=20)
        assert control.post("/admin/drain").status_code == 202
        answers = [answer for hammer in hammers for answer in hammer.result(timeout=20)]
    assert set(answers) <= {(b"HTTP/1.1 200 ", b"one"), (b"HTTP/1.1 503 ", b"")}
    assert answers.count((b"HTTP/1.1 200 ", b"one")) >= 60
    assert running.process.wait(20) == 0


def test_a_token_of_ones_own_is_used_and_not_printed(cli: Cli, dev: Callable[..., Dev]) -> None:
    cli.write("w/hello.js", WORKERS["hello"])
    token = "my-own-token-of-the-day"
    running = dev("w", CONTROL_TOKEN=token)
    running.wait_for("NATS ")
    with control_of(running, token=token) as control:
        assert control.get("/admin/stats").status_code == 200
    assert not [line for line in running.lines if token in line]


def test_a_control_address_that_is_taken_stops_the_start(cli: Cli) -> None:
    cli.write("w/hello.js", WORKERS["hello"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = cli("dev", "w", "--port", "0", CONTROL_ADDR=where)
    assert done.returncode == 1
    assert f"can not listen on {where}" in done.stderr
