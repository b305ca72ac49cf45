"""The tasks server on a socket of its own, in the tests' process, and what tests do with it all the time."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import psycopg

from runner.config import Address
from runner.http_tasks.ids import task_of
from runner.ingress.server import HttpServer, bind
from runner.service_settings import SecretKey
from runner.tasks.engine import open_engine
from runner.tasks_server.owner_routes import RegistrationRule
from runner.tasks_server.rate_limit import RateLimit
from runner.tasks_server.server import ServerOptions, TasksServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from runner.tasks.engine import TaskEngine

KEY = SecretKey(1, b"k" * 32)
ANYBODY = RegistrationRule("open")
UNLIMITED = RateLimit(0, 0)
TASK: dict[str, Any] = {"httpRequest": {"url": "https://target-service/do", "method": "POST"}}
LATER: dict[str, Any] = {**TASK, "config": {"executionDelay": 86_400_000}}


class OwnerClient:
    """Asks as one owner."""

    def __init__(self, http: httpx.AsyncClient, name: str, owner: str, key: str) -> None:
        self._http = http
        self.name = name
        self.id = owner
        self.key = key
        self.headers = {"authorization": f"Bearer {key}", "x-tasks-owner-id": owner}

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return await self._http.request(method, path, headers=headers, **options)

    async def register(self, task: dict[str, Any] = LATER) -> str:
        answer = await self.ask("POST", "/v1/queues/register", json=task)
        assert answer.status_code == 201, answer.text
        name = answer.json()["id"]
        assert isinstance(name, str)
        return name

    async def get(self, queue: str) -> dict[str, Any]:
        answer = await self.ask("GET", f"/v1/queues/{queue}")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert isinstance(found, dict)
        return found

    async def count(self) -> int:
        answer = await self.ask("GET", f"/v1/owners/{self.name}")
        tasks = answer.json()["tasksInQueue"]
        assert isinstance(tasks, int)
        return tasks


class Served:
    """A tasks server that listens."""

    def __init__(self, server: TasksServer, http: httpx.AsyncClient, engine: TaskEngine) -> None:
        self.server = server
        self.http = http
        self.engine = engine

    async def owner(self, name: str = "alice") -> OwnerClient:
        answer = await self.http.post("/v1/owners/register", json={"name": name})
        assert answer.status_code == 201, answer.text
        return OwnerClient(self.http, name, answer.json()["id"], answer.json()["key"])


@asynccontextmanager
async def serve(
    url: str,
    *,
    limit: RateLimit = UNLIMITED,
    rule: RegistrationRule = ANYBODY,
    proxies: tuple[str, ...] = ("loopback",),
    keys: tuple[SecretKey, ...] = (KEY,),
) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(url))
        options = ServerOptions(url, keys, limit, rule)
        server = await stack.enter_async_context(TasksServer(options, engine.events))
        sock = stack.enter_context(bind(Address("127.0.0.1", 0)))
        listener = HttpServer(server.application(proxies), sock)
        await listener.start()
        stack.push_async_callback(listener.close)
        base = f"http://127.0.0.1:{sock.getsockname()[1]}"
        limits = httpx.Limits(max_connections=200)
        http = httpx.AsyncClient(base_url=base, limits=limits, timeout=100, trust_env=False)
        await stack.enter_async_context(http)
        yield Served(server, http, engine)


def row_of(queue: str) -> UUID:
    task = task_of(queue)
    assert task is not None
    return task


def execute(url: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Ask the database behind the server's back."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port
