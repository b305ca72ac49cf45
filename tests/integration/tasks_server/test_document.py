"""The seed's document, from its first command to its last: what it tells users to do works as it says."""

from __future__ import annotations

import base64
import json
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.integration.conftest import Cli, Running
from tests.integration.tasks_server.certificate import make_pair
from tests.integration.tasks_server.commands import Said, _by_client, run_curl
from tests.integration.tasks_server.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUEST = """\
curl -X POST http://localhost:9420/v1/queues/register \\
    -d "..." \\
    -H "Authorization: Bearer <SECRET_KEY>" \\
    -H "Content-Type: application/json" \\
    -H "X-Tasks-Owner-Id: <OWNER_ID>"
"""
PAYLOAD = """\
{
    "httpRequest": {
        "url": "https://target-service",
        "method": "POST"
    },
    "config": {
        "executionDelay": 86400000,
        "retry": 5,
        "retryInterval": 3600000,
        "retryExponential": false
    }
}
"""
AT_EPOCH = """\
{
    "httpRequest": {
        "url": "https://target-service",
        "method": "POST"
    },
    "config": {
        "executeAt": 1355245932000
    }
}
"""
AT_DATE = """\
{
    "httpRequest": {
        "url": "https://target-service",
        "method": "POST"
    },
    "config": {
        "executeAt": "Dec 12 2012 12:12:12 AM +07:00"
    }
}
"""
WITH_PATHS = """\
{
    "httpRequest": {
        "url": "https://target-service",
        "method": "POST",
        "transport": "curl"
    },
    "config": {
        "executeAt": "Dec 12 2012 12:12:12 AM +07:00",
        "ca": "/tmp/ca.crt",
        "cert": {
            "value": "/tmp/fullchain.pem"
        },
        "key": "/tmp/key.pem"
    }
}
"""
ENCODED = "cat /tmp/ca.crt | base64 -w 0"
ROUTES = """\
-   ✅ `GET /v1/owners/:name`
-   ✅ `DELETE /v1/owners/:name`
-   ✅ `POST /v1/owners/register`
-   ✅ `GET /v1/queues`
-   ✅ `GET /v1/queues/:id`
-   ❌ `PATCH /v1/queues/:id`
-   ✅ `DELETE /v1/queues/:id`
-   ❌ `GET /v1/queues/:id/config`
-   ✅ `PATCH /v1/queues/:id/pause`
-   ✅ `PATCH /v1/queues/:id/resume`
-   ✅ `PATCH /v1/queues/:id/revoke`
-   ✅ `POST /v1/queues/register`
-   ✅ `POST /v1/queues/:id/execute`
"""
IN_2112 = 4_510_919_532_000
"""Dec 12 2112 12:12:12 AM +07:00."""


class Reader:
    """Does what the document says, as one owner."""

    def __init__(self, control: str) -> None:
        self.control = control
        self.address = control.removeprefix("http://")
        answer = httpx.post(f"{control}/v1/owners/register", json={"name": "reader"})
        assert answer.status_code == 201, answer.text
        self.id, self.key = answer.json()["id"], answer.json()["key"]
        self.headers = {"authorization": f"Bearer {self.key}", "x-tasks-owner-id": self.id}

    def request(self, payload: str) -> Said:
        """Give the document's request what it leaves open."""
        command = (
            REQUEST.replace('"..."', f"'{payload}'")
            .replace("<SECRET_KEY>", self.key)
            .replace("<OWNER_ID>", self.id)
        )
        return run_curl(command, self.address)

    def ask(self, method: str, path: str) -> httpx.Response:
        return httpx.request(method, self.control + path, headers=self.headers, timeout=20)


@pytest.fixture(scope="module")
def reader(
    tmp_path_factory: pytest.TempPathFactory, snapshots: Path, services: dict[str, str]
) -> Iterator[Reader]:
    """A runner, served once for the tests of a module."""
    environ = {
        "HTTP_ADDR": "127.0.0.1:0", "CONTROL_ADDR": "127.0.0.1:0", "TASKS_RATE_REQUESTS": "0",
        "SECRETS_KEY": base64.b64encode(b"k" * 32).decode(), "FETCH_ALLOW_PRIVATE_NETWORK": "true", **services,
    }  # fmt: skip
    running = Running(Cli(tmp_path_factory.mktemp("document"), snapshots), "serve", **environ)
    running.reach()
    yield Reader(running.wait_for("Control http").removeprefix("Control "))
    assert running.stop() == 0


def test_a_task_is_requested_as_the_document_says(reader: Reader) -> None:
    """Word for word; so is the answer."""
    said = reader.request(PAYLOAD)
    assert said.status == 201, said.body
    task = json.loads(said.body)
    assert list(task) == [
        "id", "state", "createdAt", "statusCode", "estimateEndAt", "estimateExecutionAt", "response", "metadata",
    ]  # fmt: skip
    fixed = {"state": "RUNNING", "statusCode": 0, "estimateEndAt": 0, "response": None}
    assert fixed.items() <= task.items()
    assert task["estimateExecutionAt"] == task["createdAt"] + 86_400_000


def test_the_same_command_works_without_curl(reader: Reader) -> None:
    """Where tests have none, they ask as it does."""
    said = _by_client(
        [
            "-X", "POST", "http://localhost:9420/v1/queues/register", "-d", PAYLOAD,
            "-H", f"Authorization: Bearer {reader.key}", "-H", f"X-Tasks-Owner-Id: {reader.id}",
        ],
        reader.address,
    )  # fmt: skip
    assert said.status == 201


@pytest.mark.parametrize("payload", [AT_EPOCH, AT_DATE])
def test_a_task_has_a_time_by_the_epoch_or_with_a_zone(reader: Reader, payload: str) -> None:
    """The document's own is over by now; a hundred years later it is not, and the zone counts."""
    over = reader.request(payload)
    assert over.status == 400
    wrong = json.loads(over.body)["message"]["config"]["executeAt"]["_errors"]
    assert wrong == ["Execution date must be greater than today"]
    later = payload.replace("1355245932000", f"{IN_2112}").replace("2012", "2112")
    said = reader.request(later)
    assert said.status == 201, said.body
    assert json.loads(said.body)["estimateExecutionAt"] == IN_2112


def test_certificates_are_named_by_path_or_sent_as_base64(reader: Reader, tmp_path: Path) -> None:
    """A path of the server's is no file that owners may name, unless it lies where the operator says; base64 always is."""
    payload = WITH_PATHS.replace("2012", "2112")
    refused = reader.request(payload)
    assert refused.status == 400
    wrong = json.loads(refused.body)["message"]["config"]
    assert wrong["ca"]["_errors"] == ["CA file does not exist"]
    assert wrong["cert"]["value"]["_errors"] == ["Cert file does not exist"]
    assert wrong["key"]["_errors"] == ["Key file does not exist"]
    pair = make_pair()
    for name, content in (
        ("ca.crt", pair.certificate),
        ("fullchain.pem", pair.certificate),
        ("key.pem", pair.key),
    ):
        (tmp_path / name).write_bytes(content)
        command = ENCODED.replace("/tmp/ca.crt", f"{tmp_path / name}")
        encoded = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True
        )
        payload = payload.replace(f"/tmp/{name}", encoded.stdout)
    said = reader.request(payload)
    assert said.status == 201, said.body


def test_every_route_of_the_document_is_there(reader: Reader) -> None:
    """Those that it marks as missing, too."""
    listed = [line.split("`")[1].split() for line in ROUTES.splitlines()]
    assert len(listed) == 13
    for method, path in listed:
        path = path.replace(":id", "0" * 24).replace(":name", "nobody")
        answer = reader.ask(method, path)
        assert answer.status_code in {200, 400, 404, 422}, (method, path)
        assert answer.json() is not None


def test_retries_come_after_the_intervals_of_the_document(reader: Reader) -> None:
    """Once, twice and three times the interval when it grows; the same one when it does not."""
    for exponential, factors in ((True, (1, 2, 3)), (False, (1, 1, 1))):
        with Target() as target:
            task: dict[str, Any] = {
                "httpRequest": {"url": target.url("/503/busy"), "method": "POST"},
                "config": {"retry": 3, "retryInterval": 200, "retryExponential": exponential},
            }
            said = reader.request(json.dumps(task))
            assert said.status == 201
            target.wait_until(lambda hits: len(hits) == 4)
            spans = [second.at_ms - first.at_ms for first, second in pairwise(target.hits)]
            assert all(
                span >= 200 * factor - 5 for span, factor in zip(spans, factors, strict=True)
            )
            counts = [hit.headers.get("x-tasks-retry-count") for hit in target.hits]
            assert counts == [None, "1", "2", "3"]
            assert {hit.headers.get("x-tasks-retry-limit") for hit in target.hits[1:]} == {"3"}
