"""kill -9 of a runner under load, twice: every task that was registered is sent, at its time, as it was registered."""

from __future__ import annotations

import base64
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from tests.integration.tasks_server.target import Hit, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Running

OF_A_KIND = 12
SETTINGS = {
    "SECRETS_KEY": base64.b64encode(b"k" * 32).decode(),
    "TASKS_ADDR": "127.0.0.1:0",
    "TASKS_RATE_REQUESTS": "0",
    "FETCH_ALLOW_PRIVATE_NETWORK": "true",
    "JOB_LOCK_DURATION": "1500",
    "JOB_STALE_CHECK_INTERVAL": "100",
}


class Registered(NamedTuple):
    """A task, as it was asked for and as it was answered."""

    path: str
    data: Any
    headers: dict[str, str]
    task: dict[str, Any]


class Runners:
    """One runner after the other on one database, and an owner."""

    def __init__(self, serve: Callable[..., Running], target: Target) -> None:
        self._serve = serve
        self._target = target
        self.running: Running
        self.url = ""
        self.registered: list[Registered] = []
        self._headers: dict[str, str] = {}

    def start(self) -> None:
        self.running = self._serve(**SETTINGS)
        self.running.reach()
        self.url = self.running.wait_for("Tasks http").removeprefix("Tasks ")
        if not self._headers:
            answer = httpx.post(f"{self.url}/v1/owners/register", json={"name": "alice"})
            owner = answer.json()
            self._headers = {
                "authorization": f"Bearer {owner['key']}",
                "x-tasks-owner-id": owner["id"],
            }

    def kill(self) -> None:
        self.running.stop(signal.SIGKILL)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return httpx.request(method, self.url + path, headers=self._headers, timeout=20, **options)

    def register(self, path: str, data: Any, **config: Any) -> None:
        headers = {"X-Mine": path, "X-Key": "secret " * 20}
        request = {
            "url": self._target.url(path), "method": "POST", "headers": headers, "data": data,
            "transport": "curl" if len(self.registered) % 2 else "fetch",
        }  # fmt: skip
        answer = self.ask(
            "POST", "/v1/queues/register", json={"httpRequest": request, "config": config}
        )
        assert answer.status_code == 201, answer.text
        self.registered.append(Registered(path, data, headers, answer.json()))

    def register_until_it_is_gone(self) -> None:
        with pytest.raises(httpx.TransportError):
            while len(self.registered) < 900:
                self.register(f"/load/{len(self.registered)}", {"n": len(self.registered)})

    def wait_until_kept(self, start: str, status: int) -> None:
        """Wait until the database has the status of the attempt of each task whose path starts so."""
        deadline = time.monotonic() + 30
        for one in self.registered:
            path = f"/v1/queues/{one.task['id']}"
            while (
                one.path.startswith(start) and self.ask("GET", path).json()["statusCode"] != status
            ):
                assert time.monotonic() < deadline

    def wait_until_all_have_ended(self) -> None:
        deadline = time.monotonic() + 90
        while self.ask("GET", "/v1/owners/alice").json()["tasksInQueue"]:
            assert time.monotonic() < deadline


DATA: tuple[Any, ...] = (
    {"order": {"n": 1, "text": "größe"}},
    "plain words",
    [{"name": "field", "value": "größe"}],
)


def check(hit: Hit, registered: Registered) -> None:
    """See that a request was sent as it was registered."""
    assert hit.method == "POST"
    for name, value in registered.headers.items():
        assert hit.headers[name.lower()] == value.strip()
    assert hit.headers["x-tasks-queue-id"] == registered.task["id"]
    assert hit.headers["user-agent"].startswith("Tasks-Server/1.0")
    kind = hit.headers["content-type"]
    match registered.data:
        case dict():
            assert kind == "application/json"
            assert httpx.Response(200, content=hit.body).json() == registered.data
        case str():
            assert kind == "plain/text"
            assert hit.body.decode() == registered.data
        case _:
            assert kind.startswith("multipart/form-data; boundary=")
            assert b'name="field"' in hit.body
            assert "größe".encode() in hit.body


@pytest.mark.timeout(180)
def test_every_task_is_sent_at_its_time_as_it_was_registered(serve: Callable[..., Running]) -> None:
    """What was on its way is sent again; an absolute time does not slip; a retry has its headers and counts on."""
    with Target() as target:
        runners = Runners(serve, target)
        runners.start()
        at_ms = time.time_ns() // 1_000_000 + 9_000
        for n in range(OF_A_KIND):
            data = DATA[n % 3]
            runners.register(f"/hold/{n}", data)
            runners.register(f"/once/{n}", data, retry=3, retryInterval=4_000)
            runners.register(f"/delayed/{n}", data, executionDelay=6_000)
            runners.register(f"/dated/{n}", data, executeAt=at_ms)
        target.wait_until(
            lambda hits: (
                sum(hit.path.startswith(("/hold", "/once")) for hit in hits) >= 2 * OF_A_KIND
            )
        )
        runners.wait_until_kept("/once", 503)
        load = threading.Thread(target=runners.register_until_it_is_gone)
        load.start()
        target.wait_until(lambda hits: any(hit.path.startswith("/load") for hit in hits))
        runners.kill()
        load.join()
        target.released.set()
        runners.start()
        runners.kill()
        runners.start()
        runners.wait_until_all_have_ended()

        hits: dict[str, list[Hit]] = {}
        for hit in target.hits:
            hits.setdefault(hit.path, []).append(hit)
        for registered in runners.registered:
            planned_ms = registered.task["estimateExecutionAt"]
            found = runners.ask("GET", f"/v1/queues/{registered.task['id']}").json()
            assert found["state"] == "SUCCESS", found
            kind = registered.path.split("/")[1]
            if kind in {"dated", "delayed"}:
                assert found["estimateExecutionAt"] == planned_ms
            for hit in hits[registered.path]:
                check(hit, registered)
                assert hit.at_ms >= planned_ms - 5
            if kind == "dated":
                assert planned_ms == at_ms
            if kind == "hold":
                assert len(hits[registered.path]) >= 2
            if kind == "once":
                retries = [hit.headers.get("x-tasks-retry-count") for hit in hits[registered.path]]
                assert retries[0] is None
                assert set(retries[1:]) == {"1"}
        assert runners.running.stop() == 0
