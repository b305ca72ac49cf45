"""How long outages last: `make chaos` makes them longer."""

from __future__ import annotations

import pytest

_USUAL_S = 5.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outage-s", type=float, default=_USUAL_S, help="how long a server is away")


@pytest.fixture
def outage_s(request: pytest.FixtureRequest) -> float:
    """For how long a server is away."""
    # In a run of everything this file is found too late for its option to be known.
    seconds: float = request.config.getoption("--outage-s", default=_USUAL_S)
    return seconds
