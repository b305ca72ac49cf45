"""``RUNNER_PROCESSES``: several runner processes of one ``isolane serve``, behind one address and one control listener."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.test_serve import FOREVER, HELLO, SLOW, insert

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Cli, Running

TOKEN = "0123456789abcdef-token"
WHO = {"authorization": f"Bearer {TOKEN}"}


class Several:
    """A running ``serve`` with more processes than one."""

    def __init__(self, running: Running, database: str) -> None:
        self.running = running
        self.database = database
        running.reach()
        self.control = running.wait_for("Control ").removeprefix("Control ")

    def ask(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        return httpx.request(method, self.control + path, headers=WHO, timeout=20, **options)

    def processes(self) -> list[dict[str, Any]]:
        listed = self.ask("/admin/processes").json()["processes"]
        assert isinstance(listed, list)
        return listed

    def wait_until_all_serve(self, starts: int) -> list[dict[str, Any]]:
        """Wait until all serve, after so many starts in all."""
        while True:
            found = self.processes()
            if all(one["serving"] for one in found) and sum(p["starts"] for p in found) == starts:
                return found


@pytest.fixture
def several(serve: Callable[..., Running], servers: dict[str, str]) -> Several:
    insert(servers["DATABASE_URL"], "hello", HELLO)
    insert(servers["DATABASE_URL"], "slow", SLOW)
    environ = {"RUNNER_PROCESSES": "2", "WORKER_POOL_SIZE": "3", "CONTROL_TOKEN": TOKEN}
    return Several(serve(**environ), servers["DATABASE_URL"])


def served_by(several: Several) -> dict[str, float]:
    """Return how many requests each process has answered."""
    families = text_string_to_metric_families(several.ask("/metrics").text)
    (durations,) = (one for one in families if one.name == "http_server_request_duration_seconds")
    counts: dict[str, float] = {}
    for sample in durations.samples:
        if sample.name.endswith("_count"):
            process = sample.labels["process"]
            counts[process] = counts.get(process, 0) + sample.value
    return counts


def test_they_share_the_address_and_the_lanes(several: Several) -> None:
    """Each has its part, all answer, and one page of metrics tells of both."""
    several.wait_until_all_serve(starts=2)
    for _ in range(40):
        answer = httpx.get(several.running.url, headers={"x-worker-name": "hello"})
        assert (answer.status_code, answer.text) == (200, "one var")
    stats = several.ask("/admin/stats").json()["processes"]
    assert sorted(one["lanes"] for one in stats.values()) == [1, 2]
    counts = served_by(several)
    assert sum(counts.values()) == 40
    assert counts.keys() == {"1", "2"}
    assert all(counts.values())
    assert several.ask("/readyz").json() == {"ready": True, "state": "ready"}
    health = several.ask("/healthz").json()
    assert health["dependencies"].keys() == {"process 1", "process 2"}
    assert health["ok"]
    assert several.running.stop() == 0


def test_one_that_is_killed_is_started_again_and_the_other_serves_meanwhile(
    several: Several,
) -> None:
    victim = several.wait_until_all_serve(starts=2)[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    several.running.wait_for("process 1 ended with SIGKILL; next start in 0.1 s")
    for _ in range(20):
        answer = httpx.get(several.running.url, headers={"x-worker-name": "hello"})
        assert answer.status_code == 200
    assert several.ask("/readyz").status_code == 200
    assert several.wait_until_all_serve(starts=3)[0]["pid"] != victim


def test_the_api_is_answered_by_any_of_them_and_known_to_all(several: Several) -> None:
    several.wait_until_all_serve(starts=2)
    assert several.ask("/v1/tenants/new", "PUT", json={}).is_success
    for _ in range(4):
        assert "new" in several.ask("/v1/tenants").text
    assert several.ask("/v1/tenants?nonsense=1").status_code == 400
    assert "/v1/tenants" in several.ask("/openapi.json").json()["paths"]
    assert httpx.get(f"{several.control}/v1/tenants").status_code == 401
    wrong = httpx.get(f"{several.control}/v1/tenants", headers={"authorization": "Bearer x"})
    assert wrong.status_code == 401
    other = httpx.get(f"{several.control}/v1/tenants", headers={**WHO, "origin": "http://evil"})
    assert other.status_code == 403
    assert httpx.get(f"{several.control}/metrics").status_code == 401


def test_a_signal_lets_what_runs_finish_in_all_of_them(several: Several) -> None:
    several.wait_until_all_serve(starts=2)
    clients = [socket.create_connection(("127.0.0.1", several.running.port)) for _ in range(6)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nhost: slow.workers.rocks\r\nconnection: close\r\n\r\n")
    while len([line for line in several.running.lines if "begun" in line]) < 6:
        pass
    several.running.process.send_signal(signal.SIGTERM)
    for client in clients:
        answer = b""
        while data := client.recv(65536):
            answer += data
        client.close()
        assert answer.endswith(b"finished")
    assert several.running.process.wait(10) == 0


def test_one_that_is_killed_while_they_drain_does_not_keep_the_others_from_it(
    several: Several,
) -> None:
    """What the other runs is finished, nothing is started again, and the whole ends."""
    pids = [one["pid"] for one in several.wait_until_all_serve(starts=2)]
    clients = [socket.create_connection(("127.0.0.1", several.running.port)) for _ in range(6)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nhost: slow.workers.rocks\r\nconnection: close\r\n\r\n")
    while len([line for line in several.running.lines if "begun" in line]) < 6:
        pass
    several.running.process.send_signal(signal.SIGTERM)
    several.running.wait_for("draining ")
    os.kill(pids[0], signal.SIGKILL)
    finished = 0
    for client in clients:
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := client.recv(65536):
                answer += data
        client.close()
        finished += answer.endswith(b"finished")
    assert several.running.process.wait(20) == 0
    assert finished == sum("200 slow" in line for line in several.running.lines)
    assert not any("next start" in line for line in several.running.lines)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_second_signal_ends_all_of_them_at_once(several: Several) -> None:
    insert(several.database, "forever", FOREVER)
    pids = [one["pid"] for one in several.wait_until_all_serve(starts=2)]
    with socket.create_connection(("127.0.0.1", several.running.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: forever.workers.rocks\r\n\r\n")
        several.running.wait_for("begun")
        several.running.process.send_signal(signal.SIGTERM)
        several.running.wait_for("draining ")
        several.running.process.send_signal(signal.SIGINT)
        assert several.running.process.wait(20) == 128 + signal.SIGINT
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            pass


def test_draining_by_the_control_listener_ends_them_all(several: Several) -> None:
    pids = [one["pid"] for one in several.wait_until_all_serve(starts=2)]
    assert several.ask("/admin/drain", "POST").status_code == 202
    assert several.running.process.wait(10) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


async def test_none_is_left_when_the_supervisor_is_killed(several: Several) -> None:
    """They let what runs finish, as after a signal."""
    pids = [one["pid"] for one in several.wait_until_all_serve(starts=2)]
    watched = [os.pidfd_open(pid) for pid in pids]
    several.running.process.kill()
    async with asyncio.timeout(10):
        for fd in watched:
            ended = asyncio.Event()
            asyncio.get_running_loop().add_reader(fd, ended.set)
            await ended.wait()
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)


def test_a_worker_that_is_deployed_has_its_static_files_in_each(several: Several, cli: Cli) -> None:
    several.wait_until_all_serve(starts=2)
    cli.write("w/worker.toml", '[assets]\nfolder = "public"\n')
    cli.write("w/index.js", "export default { fetch: (r, env) => env.ASSETS.fetch(r) };")
    text = "page" * 200_000
    cli.write("w/public/index.html", text)
    environ = {"CONTROL_URL": several.control, "CONTROL_TOKEN": TOKEN}
    done = cli("deploy", "page", cli.folder / "w", "--tenant", "t", **environ)
    assert done.returncode == 0, done.stderr
    for _ in range(20):
        answer = httpx.get(several.running.url, headers={"x-worker-name": "page"})
        assert (answer.status_code, answer.text == text) == (200, True)
    assert all(served_by(several).values())


def test_what_is_wrong_for_all_ends_the_whole(
    cli: Cli, servers: dict[str, str], create_database: Callable[[str], str]
) -> None:
    done = cli(
        "serve",
        **servers
        | {
            "DATABASE_URL": create_database("template1"),
            "RUNNER_PROCESSES": "2",
            "WORKER_POOL_SIZE": "2",
        },
    )
    assert done.returncode == 4
    assert "run isolane migrate up" in done.stderr
    assert "next start" not in done.stderr


def test_more_processes_than_lanes_are_refused(cli: Cli, servers: dict[str, str]) -> None:
    environ = servers | {"RUNNER_PROCESSES": "3", "WORKER_POOL_SIZE": "2"}
    done = cli("serve", **environ)
    assert done.returncode == 2
    assert "RUNNER_PROCESSES='3' can not be used" in done.stderr


def test_an_address_that_others_share_is_taken(
    several: Several, cli: Cli, servers: dict[str, str]
) -> None:
    """Two services of one user would else share it without a word."""
    environ = servers | {"RUNNER_PROCESSES": "2", "WORKER_POOL_SIZE": "2"}
    environ["HTTP_ADDR"] = f"127.0.0.1:{several.running.port}"
    done = cli("serve", **environ)
    assert done.returncode == 1
    assert "stop what listens there" in done.stderr
