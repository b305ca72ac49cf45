"""The client: one tenant's tasks, over the API of a runner."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec

from runner.client.errors import (
    TaskClientError,
    TaskConflictError,
    TaskFailedError,
    TaskNotFoundError,
    TaskRefusedError,
    TasksUnavailableError,
)
from runner.client.models import (
    CleanedCounts,
    EnqueuedId,
    EnqueuedTask,
    NewTask,
    Stats,
    Status,
    Task,
    TaskEvent,
    TaskPage,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

T = TypeVar("T")
_TIMEOUT_S: Final = 60.0
_SILENCE_S: Final = 45.0
"""A stream has a sign of life every 15 s."""
_ASK_S: Final = 30.0
"""How long one request waits for a task to end."""
_OF_STATUS: Final = {
    400: TaskRefusedError,
    404: TaskNotFoundError,
    409: TaskConflictError,
    413: TaskRefusedError,
    503: TasksUnavailableError,
}


class Tasks:
    """One tenant's tasks. Every method raises a :class:`TaskClientError` when the runner refuses or is not there."""

    def __init__(self, http: httpx.AsyncClient, tenant: str) -> None:
        self._http = http
        self._base = f"/v1/tenants/{quote(tenant, safe='')}/tasks"

    async def enqueue(
        self,
        worker: str,
        type: str | None = None,  # noqa: A002 - the API's word
        payload: Any = None,
        **options: Any,
    ) -> EnqueuedTask:
        """Enqueue a task for a worker; ``options`` are the further fields of :class:`NewTask`."""
        task = NewTask(worker=worker, type=type, payload=payload, **options)
        return await self._call(EnqueuedTask, "POST", "", body=task)

    async def enqueue_many(self, tasks: Sequence[NewTask]) -> list[EnqueuedId]:
        """Enqueue up to 10,000 tasks, all or none."""
        return await self._call(list[EnqueuedId], "POST", "/bulk", body={"tasks": tasks})

    async def get(self, task: UUID) -> Task:
        return await self._call(Task, "GET", f"/{task}")

    async def leaf(
        self,
        *,
        queue: str | None = None,
        status: Status | None = None,
        type: str | None = None,  # noqa: A002 - the API's word
        key: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> TaskPage:
        """List tasks, the newest first; ``type`` may be a glob (``email:*``)."""
        query = {
            "queue": queue, "status": status, "type": type, "key": key, "cursor": cursor, "limit": limit,
        }  # fmt: skip
        return await self._call(TaskPage, "GET", "", query=query)

    async def cancel(self, task: UUID, reason: str = "it was cancelled") -> Task:
        """End a task that has not ended; if it runs, its execution is ended."""
        return await self._call(Task, "POST", f"/{task}/cancel", body={"reason": reason})

    async def retry(self, task: UUID, *, reset_attempts: bool = False) -> Task:
        """Let a task that failed or was cancelled run again, at once."""
        body = {"resetAttempts": reset_attempts}
        return await self._call(Task, "POST", f"/{task}/retry", body=body)

    async def wait(self, task: UUID, *, timeout_s: float) -> Task:
        """Wait until a task has ended; return it, ended or not when the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            left_s = max(0.0, deadline - loop.time())
            query = {"waitS": min(left_s, _ASK_S)}
            found = await self._call(Task, "GET", f"/{task}", query=query)
            if found.ended or loop.time() >= deadline:
                return found

    async def result(self, task: UUID, *, timeout_s: float, shape: Any = Any) -> Any:
        """Wait for a task's result.

        Raises
        ------
        TaskFailedError
            It failed, was cancelled, or has not ended in time.

        """
        found = await self.wait(task, timeout_s=timeout_s)
        if found.status != "completed":
            raise TaskFailedError(found)
        return found.value(shape)

    async def stats(self, queue: str | None = None) -> Stats:
        return await self._call(Stats, "GET", "/stats", query={"queue": queue})

    async def clean(self, older_than_s: float, status: Status | None = None) -> CleanedCounts:
        """Remove tasks that ended so long ago."""
        body = {"olderThanS": older_than_s, "status": status}
        return await self._call(CleanedCounts, "POST", "/cleanup", body=body)

    @asynccontextmanager
    async def listen(
        self, *, event: str | None = None, task: UUID | None = None, queue: str | None = None
    ) -> AsyncIterator[AsyncIterator[TaskEvent]]:
        """Open a subscription: what happens from now on is heard."""
        query = _given({"event": event, "task": task, "queue": queue})
        timeout = httpx.Timeout(_TIMEOUT_S, read=_SILENCE_S)
        try:
            async with self._http.stream(
                "GET", self._base + "/events", params=query, timeout=timeout
            ) as response:
                if response.status_code >= 400:
                    raise _refusal(response.status_code, await response.aread())
                lines = response.aiter_lines()
                # The first line says that nothing is missed any more.
                await anext(lines)
                yield _events(lines)
        except httpx.HTTPError as error:
            raise _unavailable(error) from error

    async def subscribe(self, **which: Any) -> AsyncIterator[TaskEvent]:
        """Yield what happens to tasks from now on, as :meth:`listen` does; for ``async for``."""
        async with self.listen(**which) as events:
            async for event in events:
                yield event

    async def _call(
        self, shape: type[T], method: str, path: str, *, query: Any = None, body: Any = None
    ) -> T:
        content, headers = None, {}
        if body is not None:
            content = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        try:
            response = await self._http.request(
                method,
                self._base + path,
                params=_given(query or {}),
                content=content,
                headers=headers,
            )
        except httpx.HTTPError as error:
            raise _unavailable(error) from error
        if response.status_code >= 400:
            raise _refusal(response.status_code, response.content)
        return msgspec.json.decode(response.content, type=shape)


@asynccontextmanager
async def open_tasks(url: str, *, token: str, tenant: str) -> AsyncIterator[Tasks]:
    """Open a client of the runner whose control listener is at ``url``; nothing is asked yet."""
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
    ) as http:
        yield Tasks(http, tenant)


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[TaskEvent]:
    async for line in lines:
        if line.startswith("data: "):
            yield msgspec.json.decode(line.removeprefix("data: "), type=TaskEvent)


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _unavailable(error: httpx.HTTPError) -> TasksUnavailableError:
    return TasksUnavailableError(
        f"the runner can not be reached: {str(error) or type(error).__name__}"
    )


def _refusal(status: int, content: bytes) -> TaskClientError:
    try:
        message = str(msgspec.json.decode(content)["error"]["message"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        message = f"the runner answered {status}"
    return _OF_STATUS.get(status, TaskClientError)(message, status)
