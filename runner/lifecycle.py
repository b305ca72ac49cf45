"""The end of a runner: the first signal asks for it, as the control listener may; the second signal ends it at once.

Must not know what ending takes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Listens while the context is open, in the running loop."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._signalled = False

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

    async def before(self, work: Coroutine[object, object, None]) -> bool:
        """Do some work, unless the runner is asked to end first; return whether it is done."""
        doing = asyncio.create_task(work, name="start")
        asked = asyncio.create_task(self._asked.wait(), name="asked to end")
        try:
            await asyncio.wait({doing, asked}, return_when=asyncio.FIRST_COMPLETED)
            done = doing.done()
        finally:
            asked.cancel()
            doing.cancel()
        if done:
            await doing
        else:
            await asyncio.wait([doing])
        return done

    def follow(self, line: socket.socket) -> None:
        """Take the other side's end for a signal, too."""
        asyncio.get_running_loop().add_reader(line, self._hear, line)

    def ask(self) -> None:
        """Ask the runner to end, as a signal does; the first signal after it is no second one."""
        self._asked.set()

    def _hear(self, line: socket.socket) -> None:
        if not line.recv(1):
            asyncio.get_running_loop().remove_reader(line)
            self._take(signal.SIGHUP)

    def _take(self, number: int) -> None:
        if self._signalled:
            # The hosts see their sockets close and end, too.
            os._exit(128 + number)
        self._signalled = True
        self._asked.set()
