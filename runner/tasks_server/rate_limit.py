"""How often a client may ask: so many requests in a window of time, which begins with the first of them, counted over all processes.

Counts are rows of an unlogged table; a window that is used up is refused from memory. A client is an address, of IPv6 a network of 64 bits,
which is what one client has. Must not know HTTP servers.
"""

from __future__ import annotations

import ipaddress
import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from cachetools import LRUCache

from runner.tasks_server.errors import too_many

if TYPE_CHECKING:
    from runner.tasks.lines import Lines

_REMEMBERED: Final = 100_000
_SWEEP_EVERY_S: Final = 60.0
_V6_PREFIX: Final = 64


class RateLimit(NamedTuple):
    """``requests`` in ``window_ms``; with a 0 there is no limit."""

    requests: int
    window_ms: int

    @property
    def on(self) -> bool:
        return bool(self.requests and self.window_ms)


class Throttle:
    """Counts requests of clients."""

    def __init__(self, lines: Lines, limit: RateLimit) -> None:
        self._lines = lines
        self._limit = limit
        self.on = limit.on
        window_s = math.ceil(limit.window_ms / 1000)
        self._fixed = {
            "ratelimit-policy": f"{limit.requests};w={window_s}",
            "ratelimit-limit": f"{limit.requests}",
        }
        self._closed: LRUCache[str, float] = LRUCache(_REMEMBERED)
        """Until when, by the monotonic clock, clients have nothing left."""
        self._swept = time.monotonic()

    async def admit(self, address: str) -> dict[str, str]:
        """Count a request; return the headers for its answer.

        Raises
        ------
        Refused
            There were too many.
        DatabaseUnavailableError
            It can not be counted.

        """
        client, now = _client(address), time.monotonic()
        until = self._closed.get(client, 0.0)
        if until > now:
            raise self._refusal(until - now)
        async with self._lines.lend() as line:
            row = await line.first(
                "throttle_count", client=client, window_s=self._limit.window_ms / 1000
            )
            if now - self._swept > _SWEEP_EVERY_S:
                self._swept = now
                await line.run("throttle_sweep")
        assert row is not None
        requests, left_s = row
        if requests > self._limit.requests:
            self._closed[client] = now + left_s
            raise self._refusal(left_s)
        return {**self._fixed, "ratelimit-remaining": f"{self._limit.requests - requests}"}

    def _refusal(self, left_s: float) -> Exception:
        reset = {"ratelimit-reset": f"{max(1, math.ceil(left_s))}"}
        return too_many({**self._fixed, "ratelimit-remaining": "0", **reset})


def _client(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return f"{ip}"
    if ip.ipv4_mapped is not None:
        return f"{ip.ipv4_mapped}"
    return f"{ipaddress.IPv6Network((ip, _V6_PREFIX), strict=False)}"
