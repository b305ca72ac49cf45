"""Whatever a test opened is closed when it ends."""

from __future__ import annotations

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
