"""What runs: an embedded server as its user sees it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from runner.embedded.process import ServiceProcess


@dataclass(frozen=True)
class Service:
    """A server that can be reached."""

    url: str
    """With its password or token."""
    log: Path
    process: ServiceProcess


@asynccontextmanager
async def open_together(
    *services: AbstractAsyncContextManager[Service],
) -> AsyncIterator[tuple[Service, ...]]:
    """Start services at the same time; the body gets them in the order given.

    Raises
    ------
    EmbeddedServiceError
        One does not start; the others are stopped.

    """
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(stack.enter_async_context(service)) for service in services
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        yield tuple(task.result() for task in tasks)
