"""Console lines to NATS: ``<worker id>.console.<LEVEL>``, the text as payload. Nobody waits for them, nothing is kept for later.

Must not know who listens.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from runner.errors import NatsUnavailableError
from runner.logs.lines import LineBuffer

if TYPE_CHECKING:
    from runner.nats.connection import Bus

_BATCH: Final = 256
_WORKER: Final = re.compile(r"[A-Za-z0-9_-]+")


def console_subject(worker: str, level: str) -> str:
    return f"{worker}.console.{level}"


class LinePublisher(LineBuffer):
    """Publishes what it is given, while :meth:`run` runs."""

    def __init__(self, bus: Bus) -> None:
        super().__init__()
        self._bus = bus
        self.lost = 0
        """Lines that NATS was not there for."""

    async def run(self) -> None:
        while True:
            await self.filled()
            await self.flush()

    async def flush(self) -> None:
        """Publish what is there."""
        while lines := self.take(_BATCH):
            for line in lines:
                # A subject is made of it.
                if not self._bus.connected or not _WORKER.fullmatch(line.worker):
                    self.lost += 1
                    continue
                payload = line.text.encode(errors="replace")
                try:
                    await self._bus.publish(console_subject(line.worker, line.level), payload)
                except (NatsUnavailableError, ValueError):
                    self.lost += 1
