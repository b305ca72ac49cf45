"""The end of a runner's life: nothing new starts, what runs may finish, then it is ended.

Must not know sockets or processes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from pools.protocol import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from runner.execution import Execution

_log = logging.getLogger(__name__)
_TERMINATE_S: Final = 2.0


async def drain(executions: Callable[[], AbstractSet[Execution]], timeout_ms: int) -> int:
    """Let the executions finish, and end them after ``timeout_ms``; return how many had to be ended.

    They are told first: ``ctx.signal`` aborts, ``isShuttingDown()`` is true.
    """
    running = set(executions())
    for execution in running:
        execution.stop("drain")
    if not await _wait(running, timeout_ms / 1000):
        late = [execution for execution in running if execution.outcome is None]
        _log.warning(
            "%d executions did not finish within %d ms and are ended", len(late), timeout_ms
        )
        for execution in late:
            execution.terminate(OutcomeKind.TERMINATED, _TERMINATE_S)
        await _wait(running, _TERMINATE_S)
        return len(late)
    return 0


async def _wait(executions: AbstractSet[Execution], timeout_s: float) -> bool:
    """Wait for the end of all; false when that did not come in time."""
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(*(execution.ended() for execution in executions))
    except TimeoutError:
        return False
    return True
