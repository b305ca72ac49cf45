"""Which events get spans: so many a second of each worker, and errors.

Every worker has an allowance of its own, so that a busy one does not crowd out the others, and a rare one is always seen. Must
not know spans.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_MAX_WORKERS: Final = 10_000


class Allowance:
    """Token buckets by worker: ``per_s`` a second on average, ``burst`` at once. The least recently used go first."""

    def __init__(self, per_s: float, burst: float, max_workers: int = _MAX_WORKERS) -> None:
        self._per_s = per_s
        self._burst = burst
        self._max_workers = max_workers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens, and when they were that many."""

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, worker: str, now: float) -> bool:
        """Take one, if there is one; ``now`` in seconds."""
        if self._burst < 1:
            return False
        bucket = self._buckets.get(worker)
        if bucket is None:
            tokens = self._burst
            if len(self._buckets) >= self._max_workers:
                self._buckets.popitem(last=False)
        else:
            tokens, since = bucket
            tokens = min(self._burst, tokens + (now - since) * self._per_s)
            self._buckets.move_to_end(worker)
        taken = tokens >= 1
        self._buckets[worker] = (tokens - taken, now)
        return taken


class Sampler:
    """Decides at an event's beginning, and once more at its end.

    Parameters
    ----------
    per_s
        Events of each worker that get spans, a second; 0: none but errors.

    """

    ERRORS_PER_S: Final = 50
    """Errors of each worker that get spans, a second: all of them, but for a worker that does nothing else."""

    def __init__(self, per_s: float) -> None:
        self._samples = Allowance(per_s, max(1.0, 2 * per_s) if per_s > 0 else 0)
        self._errors = Allowance(self.ERRORS_PER_S, 4 * self.ERRORS_PER_S)

    def wants(self, worker: str, now: float, *, asked: bool | None) -> bool:
        """Decide for an event that begins; ``asked`` is the flag of the trace it came with, if it came with one.

        A trace that is not sampled stays so. One that is takes its place like any other: the flag is the client's to set.
        """
        return asked is not False and self._samples.take(worker, now)

    def keeps(self, worker: str, now: float) -> bool:
        """Decide for an error that was not sampled."""
        return self._errors.take(worker, now)
