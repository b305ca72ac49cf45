"""The tasks server's API: a task looked at, registered, listed, with a million HTTP tasks in the table.

PostgreSQL is a process of its own with ``synchronous_commit=on``, the runner another (``isolane dev`` with ``TASKS_ADDR``, one process), the
client a third. Every request has an owner's key; rate limits are off, all others on. Registered tasks are counted in the table.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import msgspec

from benchmarks.client import Job
from benchmarks.errors import BenchmarkError, WrongAnswerError
from benchmarks.harness import alternate
from benchmarks.report import CPU, P99, RATE, Findings, at_least, at_most
from benchmarks.server import Server
from runner.embedded.postgres import open_postgres
from runner.store.migrate import Migrator
from runner.store.pool import connect
from runner.tasks_server.ids import read_ulid

if TYPE_CHECKING:
    from benchmarks.figures import Measurements
    from benchmarks.harness import Plan
    from benchmarks.report import Bar, Figures

_CONNECTIONS: Final = 64
_SECONDS: Final = 2.0
_ROWS: Final = 1_000_000
_OWNERS: Final = 16
_LISTENING: Final = re.compile(r"^Tasks http://127\.0\.0\.1:(\d+)$", re.MULTILINE)
_TASK: Final = {
    "httpRequest": {"url": "https://target-service/do", "method": "POST", "data": {"order": 4711}},
    "config": {"executionDelay": 86_400_000, "retry": 5, "retryInterval": 3_600_000},
}
_REGISTERED: Final = (
    r'\{"id":"[0-9A-Z]{24}","state":"RUNNING","createdAt":\d{13},"statusCode":0,"estimateEndAt":0,'
    r'"estimateExecutionAt":\d{13},"response":null,"metadata":null\}'
)
_LINE: Final = r'\{"id":"[0-9A-Z]{24}","state":"[A-Z]+","createdAt":\d+,"statusCode":\d+,"estimateEndAt":\d+,"estimateExecutionAt":\d+\}'
_FILL: Final = """
INSERT INTO tasks (id, tenant, queue, kind, status, created_at, scheduled_at, completed_at, options, result)
SELECT gen_random_uuid(), %s, 'http', 'http', CASE WHEN n %% 10 = 0 THEN 'failed' WHEN n %% 100 = 1 THEN 'cancelled' ELSE 'completed' END,
    now() - n * interval '1 s', now() - (n::bigint * 7919 %% %s) * interval '1 s',
    now() - (n::bigint * 104729 %% %s) * interval '1 s',
    to_jsonb(repeat(md5(n::text), 12)), '{"statusCode": 200, "response": null}'
FROM generate_series(1, %s) AS n
"""


class _Owner(NamedTuple):
    """Who asks."""

    id: str
    key: str

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self.key}\r\nx-tasks-owner-id: {self.id}\r\n"
            "accept: */*\r\nuser-agent: isolane-bench\r\n"
        )
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


class _Api:
    """The server, its owners, and its table."""

    def __init__(self, server: Server, url: str) -> None:
        found = _LISTENING.search(server.said())
        if found is None:
            raise BenchmarkError(f"the tasks server does not listen: {server.said()}")
        self._server = server
        self._url = url
        self._port = int(found[1])
        self.owners: list[_Owner] = []

    async def prepare(self, rows: int) -> None:
        """Register owners; the first one has so many tasks that have ended."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._port}") as client:
            for number in range(_OWNERS):
                answer = await client.post("/v1/owners/register", json={"name": f"owner{number}"})
                self.owners.append(_Owner(**answer.raise_for_status().json()))
        async with connect(self._url) as connection:
            await connection.execute(_FILL, [read_ulid(self.owners[0].id), rows, rows, rows])
            await connection.execute("VACUUM ANALYZE tasks")

    async def register(self) -> tuple[bytes, bytes]:
        """Return the request that looks at a task, and its answer."""
        owner = self.owners[0]
        headers = {"authorization": f"Bearer {owner.key}", "x-tasks-owner-id": owner.id}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._port}") as client:
            answer = await client.post("/v1/queues/register", json=_TASK, headers=headers)
            queue = answer.raise_for_status().json()["id"]
        return owner.request("GET", f"/v1/queues/{queue}"), answer.content

    async def do(self, name: str, *, seconds: float = _SECONDS, **job: Any) -> Figures:
        values = {"request": b"", "body": b"", "connections": _CONNECTIONS, **job}
        return await self._server.do(name, Job(port=self._port, seconds=seconds, **values))

    async def registrations(self, name: str, *, seconds: float = _SECONDS) -> Figures:
        """Register tasks; each is seen in the table, then they go."""
        body = msgspec.json.encode(_TASK)
        owners = self.owners[1:]
        requests = [owner.request("POST", "/v1/queues/register", body) for owner in owners]
        figures = await self.do(
            name, seconds=seconds, requests=requests, status=201, pattern=_REGISTERED
        )
        async with connect(self._url) as connection:
            cursor = await connection.execute(
                "DELETE FROM tasks WHERE tenant = ANY (%s) AND kind = 'http' AND status = 'pending'",
                [[read_ulid(owner.id) for owner in owners]],
            )
            await connection.execute("VACUUM tasks")
        if cursor.rowcount < figures[RATE] * seconds:
            raise WrongAnswerError(name, f"{cursor.rowcount} tasks are in the table")
        return figures


async def run(plan: Plan) -> Findings:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        plan.progress.tell("starting")
        database = await stack.enter_async_context(open_postgres(folder))
        async with connect(database.url) as connection:
            await Migrator(connection).up()
        settings = {
            "DATABASE_URL": database.url,
            "TASKS_ADDR": "127.0.0.1:0",
            "TASKS_RATE_REQUESTS": "0",
        }
        server = await stack.enter_async_context(
            Server({"idle": "export default { fetch: () => new Response('') };"}, settings)
        )
        api = _Api(server, database.url)
        rows = plan.count(_ROWS)
        plan.progress.tell(f"registering {rows} tasks")
        await api.prepare(rows)
        request, answer = await api.register()
        # Sixteen owners may have 15,000 live tasks: no longer than it takes to register those.
        contenders = {
            "look at a task": partial(api.do, "look at a task", request=request, body=answer),
            "register a task": partial(api.registrations, "register a task", seconds=1.5),
            **{
                name: partial(
                    api.do,
                    name,
                    request=api.owners[0].request("GET", f"/v1/queues?{query}"),
                    pattern=rf"\[{_LINE}(,{_LINE})*\]",
                    connections=1,
                    seconds=1.0,
                )
                for name, query in _PAGES.items()
            },
        }
        for contender in contenders.values():
            await contender(seconds=0.2)
        measured = await alternate(plan, contenders)
    notes = [
        f"{_CONNECTIONS} connections, of pages 1; one runner process; {rows} tasks of one owner in the table; CPU of the runner, not of PostgreSQL."
    ]
    return Findings(rows=measured.rows(), bars=_bars(measured), rounds=plan.rounds, notes=notes)


_PAGES: Final = {
    "page: newest": "sort=desc",
    "page: last to end, offset 1000": "order=estimateEndAt&sort=desc&limit=100&offset=1000",
    "page: failed, by time": "order=estimateExecutionAt&state=ERROR&limit=100",
    "page: 1000 of all": "limit=1000",
}


def _bars(measured: Measurements) -> list[Bar]:
    return [
        at_least("look at a task: rate", 2000, measured.median("look at a task", RATE), "1/s"),
        at_least("register a task: rate", 2000, measured.median("register a task", RATE), "1/s"),
        at_most("look at a task: CPU", 500, measured.median("look at a task", CPU), CPU.unit),
        *(at_most(f"{name}: p99", 50, measured.median(name, P99), "ms") for name in _PAGES),
    ]
