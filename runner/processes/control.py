"""One control listener for several runner processes: probes speak for all, metrics are of all, the API is any one's.

Each process has a control listener of its own, on the loopback interface, with the same token.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from runner.api.endpoint import Endpoint, Raw
from runner.api.errors import unavailable
from runner.processes.exposition import merge
from runner.telemetry.exposition import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from typing import Self

    from starlette.types import ASGIApp, Receive, Scope, Send

    from runner.processes.process import RunnerProcess
    from runner.processes.supervisor import Processes

_WITHIN_S: Final = 2.0
_LOOK_EVERY_S: Final = 1.0
_PASSED_ON: Final = frozenset({"/openapi.json", "/status"})
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "te", "transfer-encoding", "upgrade"})


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """One of the processes."""

    process: int
    pid: int
    serving: bool
    starts: int


class ProcessList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    processes: list[ProcessView]


class Draining(msgspec.Struct, frozen=True, kw_only=True):
    """All processes take nothing new."""

    draining: bool


class ProcessesControl:
    """What the control listener of the whole serves; ``drain()`` makes the whole end as a signal does."""

    def __init__(self, processes: Processes, token: str, drain: Callable[[], None]) -> None:
        self._processes = processes
        self._drain = drain
        # It would log each request, one for each process every second.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._turns = itertools.count()
        self._unready: set[int] = set()
        self._watching: asyncio.Task[None] | None = None
        # Its own connections only: no proxy of the environment, and as long as a stream lasts.
        self._client = httpx.AsyncClient(
            headers={"authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(_WITHIN_S, read=None),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch(), name="readiness")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._client.aclose()

    def ready(self) -> int:
        """Return how many processes can serve requests."""
        return sum(one.number not in self._unready for one in self._processes.serving())

    async def _watch(self) -> None:
        """Look every second which of those that serve have no lane to serve with."""
        while True:
            serving = self._processes.serving()
            well = {number for number, _ in await self._all("/readyz")}
            self._unready = {one.number for one in serving} - well
            await asyncio.sleep(_LOOK_EVERY_S)

    def checks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what raises when a process is not well."""

        def check_of(process: RunnerProcess) -> Callable[[], Awaitable[None]]:
            async def check() -> None:
                (await self._get(process, "/healthz")).raise_for_status()

            return check

        return {f"process {one.number}": check_of(one) for one in self._processes.all}

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/metrics", self.metrics),
            Endpoint("GET", "/admin/processes", self.list_all),
            Endpoint("GET", "/admin/tasks", self.tasks),
            Endpoint("GET", "/admin/stats", self.stats),
            Endpoint("GET", "/admin/pool", self.pool),
            Endpoint("GET", "/admin/executors", self.executors),
            Endpoint("POST", "/admin/drain", self.drain, status=202),
        ]

    async def metrics(self) -> Raw:
        """All metrics of all processes, each with the label ``process``."""
        pages = await self._all("/metrics")
        return Raw(merge({number: page.text for number, page in pages}).encode(), CONTENT_TYPE)

    async def list_all(self) -> ProcessList:
        """List the processes, and how often each was started."""
        return ProcessList(
            processes=[
                ProcessView(process=one.number, pid=one.pid, serving=one.serving, starts=one.starts)
                for one in self._processes.all
            ]
        )

    async def tasks(self) -> Raw:
        """List the executions in flight, by process."""
        return await self._by_process("/admin/tasks")

    async def stats(self) -> Raw:
        """Tell how each process and its isolate hosts do."""
        return await self._by_process("/admin/stats")

    async def pool(self) -> Raw:
        """Tell how the pools of isolates do, by process."""
        return await self._by_process("/admin/pool")

    async def executors(self) -> Raw:
        """Tell what the executors of tasks have done, and do now, by process."""
        return await self._by_process("/admin/executors")

    async def drain(self) -> Draining:
        """Take nothing new, let what runs finish, then end all processes, as SIGTERM does."""
        self._drain()
        return Draining(draining=True)

    async def _by_process(self, path: str) -> Raw:
        answers = {
            f"{number}": msgspec.Raw(answer.content) for number, answer in await self._all(path)
        }
        return Raw(msgspec.json.encode({"processes": answers}) + b"\n")

    async def _all(self, path: str) -> list[tuple[int, httpx.Response]]:
        """Return the answers of those that give one."""
        serving = self._processes.serving()
        answers = await asyncio.gather(
            *(self._get(process, path) for process in serving), return_exceptions=True
        )
        return [
            (process.number, answer)
            for process, answer in zip(serving, answers, strict=True)
            if isinstance(answer, httpx.Response) and answer.is_success
        ]

    async def _get(self, process: RunnerProcess, path: str) -> httpx.Response:
        async with asyncio.timeout(_WITHIN_S):
            return await self._client.get(process.control_url + path)

    # --- the API ----------------------------------------------------------------------------------------------------

    def in_front_of(self, app: ASGIApp) -> ASGIApp:
        """Return what has one of the processes answer for the API, and ``app`` all else."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")
            if path.startswith("/v1/") or path in _PASSED_ON:
                answer = await self._pass_on(Request(scope, receive))
                await answer(scope, receive, send)
            else:
                await app(scope, receive, send)

        return serve

    async def _pass_on(self, request: Request) -> Response:
        """Return the answer of a process, who judges the request by its token, Host and Origin as if it had come to it."""
        serving = self._processes.serving()
        if not serving:
            return _refuse("no process serves yet")
        process = serving[next(self._turns) % len(serving)]
        url = httpx.URL(process.control_url).copy_with(
            raw_path=request.scope["raw_path"] + _query(request.scope["query_string"])
        )
        # Not with our own token.
        headers = [("authorization", ""), *_end_to_end(request.headers.items())]
        if request.client is not None:
            headers += _with_client(request.headers, request.client.host)
        has_body = {"content-length", "transfer-encoding"} & set(request.headers)
        sent = self._client.build_request(
            request.method,
            url,
            headers=httpx.Headers(dict(headers)),
            content=request.stream() if has_body else None,
        )
        try:
            answer = await self._client.send(sent, stream=True)
        except ClientDisconnect:
            return _refuse("the client has left")
        except httpx.HTTPError:
            return _refuse(f"process {process.number} can not be reached")
        return StreamingResponse(
            _chunks(answer), answer.status_code, dict(_end_to_end(answer.headers.items()))
        )


async def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.HTTPError:
        # The process has ended in the middle: so does the answer.
        return
    finally:
        await answer.aclose()


def _with_client(headers: Mapping[str, str], client: str) -> list[tuple[str, str]]:
    """Return what tells whom a request came over, with the last one at the end."""
    before = headers.get("x-forwarded-for", "")
    told = [("x-forwarded-for", f"{before}, {client}" if before else client)]
    if standard := headers.get("forwarded", ""):
        # Whoever reads this one reads no other.
        node = f'"[{client}]"' if ":" in client else client
        told.append(("forwarded", f"{standard}, for={node}"))
    return told


def _end_to_end(headers: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


def _query(query: bytes) -> bytes:
    return b"?" + query if query else b""


def _refuse(message: str) -> Response:
    error = unavailable(message)
    return Response(error.body() + b"\n", error.status, error.headers, "application/json")
