"""Whatever a test opened is closed when it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.unit.runner.fake_lane import OPEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(autouse=True)
async def _close_lanes() -> AsyncIterator[None]:
    yield
    while OPEN:
        await OPEN.pop().close()
    # Transports close their sockets one iteration of the loop after they were told.
    for _ in range(3):
        await asyncio.sleep(0)
