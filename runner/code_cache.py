"""V8 code caches by deployment and file: made by lanes, kept here, handed to the next lane.

Must not know V8. A cache is only ever handed out for the deployment whose lane made it.
"""

from __future__ import annotations

from collections import OrderedDict


class CodeCaches:
    """Least recently used go first, above so many files or bytes."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._by_deployment: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._entries = 0
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def of(self, deployment: str) -> dict[str, bytes]:
        """Return the caches of a deployment by file."""
        caches = self._by_deployment.get(deployment)
        if caches is None:
            return {}
        self._by_deployment.move_to_end(deployment)
        return dict(caches)

    def put(self, deployment: str, file: str, cache: bytes) -> None:
        """Keep a file's cache; the first one stays (docs/decisions/007)."""
        caches = self._by_deployment.setdefault(deployment, {})
        if file in caches:
            return
        self._entries += 1
        self._bytes += len(cache)
        caches[file] = cache
        self._by_deployment.move_to_end(deployment)
        while self._by_deployment and (
            self._entries > self._max_entries or self._bytes > self._max_bytes
        ):
            _, dropped = self._by_deployment.popitem(last=False)
            self._entries -= len(dropped)
            self._bytes -= sum(map(len, dropped.values()))
