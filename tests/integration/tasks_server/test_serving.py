"""The tasks server as ``isolane serve`` has it: on the control listener, on a listener of its own, in several processes."""

from __future__ import annotations

import base64
import os
import signal
import ssl
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.integration.tasks_server.certificate import make_pair
from tests.integration.tasks_server.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.conftest import Running

TOKEN = "0123456789abcdef-token"
KEYS = base64.b64encode(b"k" * 32).decode()
OPEN = {"TASKS_RATE_REQUESTS": "0"}


class Client:
    """Asks as an owner, on one address."""

    def __init__(self, url: str, name: str = "alice", **options: Any) -> None:
        self.http = httpx.Client(base_url=url, timeout=20, trust_env=False, **options)
        answer = self.http.post("/v1/owners/register", json={"name": name})
        assert answer.status_code == 201, answer.text
        owner = answer.json()
        self.http.headers["authorization"] = f"Bearer {owner['key']}"
        self.http.headers["x-tasks-owner-id"] = owner["id"]

    def register(self, url: str, **config: Any) -> str:
        request = {"url": url, "method": "POST", "data": {"a": 1}}
        answer = self.http.post(
            "/v1/queues/register", json={"httpRequest": request, "config": config}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def wait_for_state(self, queue: str, state: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            task: dict[str, Any] = self.http.get(f"/v1/queues/{queue}").json()
            if task["state"] == state:
                return task
            assert time.monotonic() < deadline, task


@pytest.fixture
def owner() -> Iterator[Callable[..., Client]]:
    """Register an owner; what it leaves open is closed when the test ends."""
    with ExitStack() as stack:

        def register(url: str, **options: Any) -> Client:
            client = Client(url, **options)
            stack.callback(client.http.close)
            return client

        yield register


@pytest.fixture
def start(serve: Callable[..., Running]) -> Callable[..., Running]:
    """Serve with a listener for the tasks server."""

    def start(**environ: str) -> Running:
        given = {
            "SECRETS_KEY": KEYS, "CONTROL_TOKEN": TOKEN, "TASKS_ADDR": "127.0.0.1:0", "FETCH_ALLOW_PRIVATE_NETWORK": "true",
            **OPEN, **environ,
        }  # fmt: skip
        running = serve(**given)
        running.reach()
        return running

    return start


@pytest.fixture
def target() -> Iterator[Target]:
    with Target() as target:
        yield target


def address(running: Running, name: str) -> str:
    return running.wait_for(f"{name} http").removeprefix(f"{name} ")


def test_it_is_on_both_listeners_and_sends_what_is_registered(
    start: Callable[..., Running], owner: Callable[..., Client], target: Target
) -> None:
    """An owner needs no control token; nothing else is on its own listener."""
    running = start()
    tasks, control = address(running, "Tasks"), address(running, "Control")
    alice = owner(tasks)
    queue = alice.register(target.url("/200/a"))
    done = alice.wait_for_state(queue, "SUCCESS")
    assert (done["statusCode"], done["response"]) == (200, base64.b64encode(b"done").decode())
    assert target.hits[0].headers["x-tasks-queue-id"] == queue
    there = httpx.get(f"{control}/v1/queues/{queue}", headers=alice.http.headers)
    assert there.json() == done
    assert httpx.get(f"{control}/v1/queues/{queue}").status_code == 403
    assert httpx.get(f"{control}/v1/tenants", headers=alice.http.headers).status_code == 401
    assert httpx.get(f"{control}/status").text == "OK"
    bearer = {"authorization": f"Bearer {TOKEN}"}
    document = httpx.get(f"{control}/openapi.json", headers=bearer).json()
    assert "paths" in document, document
    assert {"/v1/queues/{id}/config", "/v1/tenants", "/status"} <= document["paths"].keys()
    for path in ("/livez", "/v1/tenants", "/metrics", "/admin/stats"):
        assert alice.http.get(path).status_code == 404
    assert alice.http.get("/openapi.json").status_code == 200
    assert running.stop() == 0


def test_its_listener_speaks_tls_with_a_certificate(
    start: Callable[..., Running], owner: Callable[..., Client], tmp_path: Path
) -> None:
    pair = make_pair()
    (tmp_path / "cert.pem").write_bytes(pair.certificate)
    (tmp_path / "key.pem").write_bytes(pair.key)
    running = start(
        PATH_TLS_CERT=f"{tmp_path / 'cert.pem'}",
        PATH_TLS_KEY=f"{tmp_path / 'key.pem'}",
        PATH_TLS_CA=f"{tmp_path / 'cert.pem'}",
    )
    url = address(running, "Tasks")
    assert url.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cadata=pair.certificate.decode())
    alice = owner(url.replace("127.0.0.1", "localhost"), verify=context)
    assert alice.http.get("/v1/queues").json() == []
    assert running.stop() == 0


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SECRETS_KEY": ""}, "TASKS_ADDR"),
        ({"PATH_TLS_KEY": "README"}, "PATH_TLS_KEY"),
        ({"PATH_TLS_CERT": "broken.pem"}, "PATH_TLS_CERT"),
        ({"TASKS_CERTIFICATES_FOLDER": "nowhere"}, "TASKS_CERTIFICATES_FOLDER"),
        ({"TASKS_REGISTRATION_TOKEN": "short"}, "TASKS_REGISTRATION_TOKEN"),
        ({"TASKS_RATE_WINDOW_MS": "1 min"}, "TASKS_RATE_WINDOW_MS"),
    ],
)
def test_what_it_can_not_start_with_is_named(
    serve: Callable[..., Running], tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    (tmp_path / "broken.pem").write_text("nothing")
    (tmp_path / "README").write_text("nothing")
    running = serve(**{"SECRETS_KEY": KEYS, "TASKS_ADDR": "127.0.0.1:0", **environ})
    running.wait_for(said)
    assert running.process.wait(20) == 2


def test_settings_say_who_registers_how_often_and_where_certificates_lie(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    (certificates / "ca.pem").write_bytes(make_pair().certificate)
    running = start(
        TASKS_REGISTRATION_TOKEN=TOKEN,
        TASKS_RATE_REQUESTS="4",
        TASKS_RATE_WINDOW_MS="600000",
        TASKS_CERTIFICATES_FOLDER=f"{certificates}",
    )
    url = address(running, "Tasks")
    assert httpx.post(f"{url}/v1/owners/register", json={"name": "alice"}).status_code == 403
    bearer = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{url}/v1/owners/register", json={"name": "alice"}, headers=bearer)
    assert answer.status_code == 201
    assert answer.headers["ratelimit-policy"] == "4;w=600"
    known = answer.json()
    headers = {"authorization": f"Bearer {known['key']}", "x-tasks-owner-id": known["id"]}
    task = {
        "httpRequest": {"url": "https://target-service/do", "method": "GET", "transport": "curl"},
        "config": {"ca": "ca.pem", "executionDelay": 86_400_000},
    }
    taken = httpx.post(f"{url}/v1/queues/register", json=task, headers=headers)
    assert taken.status_code == 201, taken.text
    task["config"] = {"ca": "../README", "executionDelay": 86_400_000}
    unknown = httpx.post(f"{url}/v1/queues/register", json=task, headers=headers)
    assert unknown.status_code == 400
    assert httpx.get(f"{url}/status").status_code == 429
    assert running.stop() == 0


def test_several_processes_are_one_server(
    start: Callable[..., Running], owner: Callable[..., Client], target: Target
) -> None:
    """They share the address, the tasks and the counts of requests; one that is killed is not missed."""
    running = start(
        RUNNER_PROCESSES="2",
        WORKER_POOL_SIZE="2",
        TASKS_RATE_REQUESTS="40",
        TASKS_RATE_WINDOW_MS="600000",
    )
    tasks, control = address(running, "Tasks"), address(running, "Control")
    bearer = {"authorization": f"Bearer {TOKEN}"}

    def processes() -> list[dict[str, Any]]:
        found = httpx.get(f"{control}/admin/processes", headers=bearer).json()["processes"]
        assert isinstance(found, list)
        return found

    while not all(one["serving"] for one in processes()):
        pass
    alice = owner(tasks)
    queue = alice.register(target.url("/200/a"), executionDelay=86_400_000)
    # Connections of their own: they go to both.
    left = []
    for _ in range(10):
        for url in (tasks, control):
            answer = httpx.get(f"{url}/v1/queues/{queue}", headers=alice.http.headers)
            assert answer.status_code == 200
            left.append(int(answer.headers["ratelimit-remaining"]))
    assert left == list(range(37, 17, -1))
    assert httpx.get(f"{control}/status").status_code == 200
    # Another client behind a proxy of this machine has counts of its own, wherever it asks.
    for url in (control, tasks):
        other = httpx.get(f"{url}/status", headers={"x-forwarded-for": "203.0.113.1"})
        assert int(other.headers["ratelimit-remaining"]) == (39 if url == control else 38)
    os.kill(processes()[0]["pid"], signal.SIGKILL)
    executed = httpx.post(f"{tasks}/v1/queues/{queue}/execute", headers=alice.http.headers)
    assert executed.status_code == 200
    target.wait_until(lambda hits: len(hits) == 1)
    refused = 0
    while not refused:
        refused = httpx.get(f"{tasks}/status").status_code == 429
    assert running.stop() == 0
