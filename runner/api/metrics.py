"""``/metrics``, for Prometheus. Must not know what is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.api.endpoint import Endpoint, Raw
from runner.telemetry.exposition import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable


def metrics_endpoint(render: Callable[[], bytes]) -> Endpoint:
    """Return the endpoint that serves what ``render()`` gives."""

    async def metrics() -> Raw:
        """All metrics of this runner."""
        return Raw(render(), CONTENT_TYPE)

    return Endpoint("GET", "/metrics", metrics)
