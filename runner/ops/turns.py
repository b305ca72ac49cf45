"""Turns at what all tenants share: one that asks a lot waits for itself, not others for it.

Must not know what is shared.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class _Line:
    """One tenant's: those whose turn it is, and those who wait in their order."""

    __slots__ = ("members", "turns")

    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self.members = 0


class Turns:
    """Gives each tenant up to ``at_once`` turns at a time."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the block."""
        line = self._lines.get(tenant)
        if line is None:
            line = self._lines[tenant] = _Line(self._at_once)
        line.members += 1
        try:
            async with line.turns:
                yield
        finally:
            line.members -= 1
            if line.members == 0:
                del self._lines[tenant]
