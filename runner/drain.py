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
    if not await _finish(executions, timeout_ms / 1000):
        late = executions()
        _log.warning(
            "%d executions did not finish within %d ms and are ended", len(late), timeout_ms
        )
        for execution in late:
            execution.terminate(OutcomeKind.TERMINATED, _TERMINATE_S)
        await _finish(executions, _TERMINATE_S)
        return len(late)
    return 0


async def _finish(executions: Callable[[], AbstractSet[Execution]], timeout_s: float) -> bool:
    """Wait until there are none, those that others still start included; false when that did not come in time."""
    try:
        async with asyncio.timeout(timeout_s):
            while running := executions():
                for execution in running:
                    execution.stop("drain")
                await asyncio.gather(*(execution.ended() for execution in running))
    except TimeoutError:
        return False
    return True
