"""A runner with real hosts in the test's own process, and workers of several tenants."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.worker_table import WorkerTable
from runner.app import Runner
from runner.bindings import ServiceBinding
from runner.calls import Reply
from runner.config import load_settings
from runner.deployments import make_deployment, make_limits, worker_id
from runner.events.context import EventContext
from runner.events.fetch import make_request
from runner.journal import Silence
from runner.streams import ByteStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from runner.calls import Calls, Source
    from runner.deployments import Deployment
    from runner.journal import EventLine


class Notes(Silence):
    """A journal that keeps everything."""

    def __init__(self) -> None:
        self.events: list[EventLine] = []
        self.lines: list[str] = []
        self._changed = asyncio.Event()

    def console(self, deployment: Deployment, level: str, text: str) -> None:
        self.lines.append(f"{deployment.name}: {text}")
        self._changed.set()

    def event(self, line: EventLine) -> None:
        self.events.append(line)
        self._changed.set()

    async def wait_for_line(self, line: str) -> None:
        while line not in self.lines:
            self._changed.clear()
            await self._changed.wait()

    async def wait_for_events(self, count: int) -> list[EventLine]:
        """Wait until so many events have ended."""
        while len(self.events) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.events


class Town:
    """The runner, its workers, and somebody from outside who asks them."""

    def __init__(self, runner: Runner, table: WorkerTable, calls: Calls, notes: Notes) -> None:
        self.runner = runner
        self.table = table
        self.calls = calls
        self.notes = notes

    def add(
        self,
        name: str,
        source: str,
        *,
        tenant: str = "t",
        public: bool = False,
        services: Mapping[str, str] | None = None,
    ) -> None:
        """Serve a worker; ``services`` are names of the same tenant's workers, or ``tenant/name``, by binding."""
        settings = self.runner.settings
        bindings = {
            binding: ServiceBinding(worker_id(*target.split("/")))
            for binding, target in (services or {}).items()
        }
        limits = make_limits(
            cpu_ms=settings.cpu_time_limit_ms,
            wall_ms=settings.wall_clock_timeout_ms,
            ops=settings.op_limits,
        )
        self.table.put(
            make_deployment(
                tenant=tenant,
                worker=worker_id(tenant, name),
                name=name,
                main="index.js",
                files={"index.js": source},
                variables={},
                limits=limits,
                public=public,
                bindings=bindings,
            )
        )

    async def ask(
        self, url: str, body: bytes | Source | None = None, **request: Any
    ) -> tuple[int, bytes]:
        """Send a request from outside; return status and body."""
        made = make_request(
            request.get("method", "GET" if body is None else "POST"),
            url,
            request.get("headers", []),
            request_id=request.get("request_id", "r"),
        )
        context = EventContext(request_id=made.id)
        async with self.calls.open(made, body, context=context) as call:
            answer = await call.answer()
            if not isinstance(answer, Reply):
                return answer.status, answer.message.encode()
            content = answer.body
            if isinstance(content, ByteStream):
                parts = []
                while (chunk := await content.read()) is not None:
                    parts.append(chunk)
                content = b"".join(parts)
            return answer.status, content or b""


@asynccontextmanager
async def town(folder: Path, snapshots: Path, **variables: str) -> AsyncIterator[Town]:
    environ = {"SNAPSHOT_DIR": str(snapshots), "WORKER_POOL_SIZE": "2", **variables}
    settings = load_settings(environ, folder)
    notes = Notes()
    table = WorkerTable(settings.worker_domains)
    async with Runner(settings, notes) as runner:
        made = Town(runner, table, runner.make_calls(table), notes)
        yield made
        assert runner.admission.total == 0, "a place did not come back"
