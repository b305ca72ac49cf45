"""Puts what is written in one iteration of the loop into one system call.

uvloop writes at once when it can; a response's head and body, or the frames of several executions, would go in a call each, and a
call costs more than all the rest of sending them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

_FLUSH_BYTES: Final = 64 << 10


class Corked:
    """A transport that writes a moment later; whatever else it is asked, the real one answers."""

    __slots__ = ("_call_soon", "_size", "_transport", "_waiting", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._call_soon = asyncio.get_running_loop().call_soon
        self._waiting: list[bytes] = []
        self._size = 0
        # Asked several times for each request.
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._call_soon(self.flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        waiting = self._waiting
        if waiting:
            self._waiting, self._size = [], 0
            if not self._transport.is_closing():
                self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def get_write_buffer_size(self) -> int:
        return self._size + self._transport.get_write_buffer_size()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._waiting.clear()
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
