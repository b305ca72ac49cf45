"""Signals: the first asks the runner to end, the second ends it at once.

Must not know what ending takes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Final, Self

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Listens while the context is open, in the running loop."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            loop.add_signal_handler(number, self._take, number)
        return self

    def __exit__(self, *error: object) -> None:
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            loop.remove_signal_handler(number)

    async def wait(self) -> None:
        """Wait until the runner is asked to end."""
        await self._asked.wait()

    def _take(self, number: int) -> None:
        if self._asked.is_set():
            # The hosts see their sockets close and end, too.
            os._exit(128 + number)
        self._asked.set()
