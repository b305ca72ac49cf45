"""The tasks server on a listener that has other things, too."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runner.tasks_server.front import TasksFront, is_ours


class Asked:
    """An application that counts what it is asked."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])


async def nothing() -> None:
    pass


OURS = ["/status", "/v1/owners/register", "/v1/queues", "/v1/queues/A/pause", "/v1/certificates/x"]
OTHERS = [
    "/",
    "/livez",
    "/v1/tenants/queues",
    "/v1/queuesx",
    "/openapi.json",
    "/status/x",
    "/metrics",
]


@pytest.mark.parametrize("path", OURS)
def test_these_paths_are_its_own(path: str) -> None:
    assert is_ours(path)


@pytest.mark.parametrize("path", OTHERS)
def test_all_others_are_the_listeners(path: str) -> None:
    assert not is_ours(path)


async def test_each_gets_its_own_requests() -> None:
    control, server, front = Asked(), Asked(), TasksFront()
    front.server = server
    app = front.in_front_of(control)
    for path in OURS + OTHERS:
        await app({"type": "http", "path": path}, nothing, nothing)
    await app({"type": "websocket", "path": "/v1/queues"}, nothing, nothing)
    assert server.paths == OURS
    assert control.paths == [*OTHERS, "/v1/queues"]


async def test_before_it_is_ready_it_says_so() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    app = TasksFront().in_front_of(Asked())
    await app({"type": "http", "path": "/v1/queues"}, nothing, send)
    start, body = sent
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert msgspec.json.decode(body["body"])["message"] == "The server is starting, or about to end"
