"""Standard input and output without their traps: a read or write that waits can be ended, and they stay blocking for all who share them.

Making a terminal's descriptor non-blocking makes it so for the shell, too; and a thread that waits in ``read`` keeps the process from ending.
So a thread waits for the descriptor and for a pipe that wakes it.
"""

from __future__ import annotations

import asyncio
import os
import select
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_PIPE_BYTES: Final = select.PIPE_BUF
"""A pipe that may be written to has room for so much."""


class Descriptor:
    """One that is not ours to close. One operation at a time; after :meth:`end` there are none."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._wakes, self._waker = os.pipe()
        self._ended = False

    async def read(self, most: int) -> bytes:
        """Return what is there, at most so many bytes; nothing at the end of all, or after :meth:`end`."""
        return await self._in_thread(lambda: self._read(most))

    async def write(self, data: bytes) -> None:
        """Write all of it, but for what is left after :meth:`end`."""
        await self._in_thread(lambda: self._write(data))

    def end(self) -> None:
        """End what waits."""
        if not self._ended:
            self._ended = True
            os.write(self._waker, b"\0")

    def close(self) -> None:
        """Give back what waiting takes."""
        os.close(self._wakes)
        os.close(self._waker)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(None, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self.end()
            await asyncio.wait([future])
            future.exception()
            raise

    def _read(self, most: int) -> bytes:
        waiting, _, _ = select.select([self._number, self._wakes], [], [])
        return b"" if self._wakes in waiting else os.read(self._number, most)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            waiting, _, _ = select.select([self._wakes], [self._number], [])
            if waiting:
                return
            rest = rest[os.write(self._number, rest[:_PIPE_BYTES]) :]
