"""What is counted of a pipeline's work."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct):
    """Of one stage, or of several together, since the start."""

    errors: int = 0
    events_in: int = 0
    """Made by inputs."""
    events_out: int = 0
    """Taken by outputs."""
    bytes_in: int = 0
    bytes_out: int = 0
    lines_in: int = 0
    lines_out: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in self._pairs(other)))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*(a - b for a, b in self._pairs(other)))

    def _pairs(self, other: Counts) -> list[tuple[int, int]]:
        return list(zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True))
