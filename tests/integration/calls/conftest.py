"""A town for each test."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.integration.calls.town import town

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.integration.calls.town import Town


@pytest.fixture
def open_town(tmp_path: Path, snapshots: Path) -> Callable[..., AbstractAsyncContextManager[Town]]:
    """Open a town; arguments are variables of the environment."""
    return partial(town, tmp_path, snapshots)
