"""Work for executors of both kinds, without an end while they are in trouble."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from runner.errors import DatabaseUnavailableError
from runner.tasks.task import NewTask
from tests.chaos.fleet import STEP_S

if TYPE_CHECKING:
    from uuid import UUID

    from runner.tasks.engine import TaskEngine
    from runner.tasks.task import Kind
    from tests.chaos.fleet import Committed

WAITING: Final[dict[Kind, int]] = {"script": 1_000, "worker": 250}
"""So many of each are there to be claimed: whoever is to be caught with tasks in hand has some, however fast the machine is."""
AT_ONCE: Final = 2_000


class Producer:
    """Enqueues each task exactly once, whatever happens to the database: ``least`` of them, and more while the trouble lasts."""

    def __init__(self, engine: TaskEngine, committed: Committed, worker: UUID, least: int) -> None:
        self._engine = engine
        self._committed = committed
        self._worker = worker
        self._tenant: UUID | None = None
        self._least = least
        self._over = asyncio.Event()
        self.enqueued = 0

    def finish(self) -> None:
        """Enqueue what is left at once, as the trouble is over."""
        self._over.set()

    async def run(self) -> None:
        self._tenant = await self._committed.one("SELECT user_id FROM workers")
        while not self._over.is_set():
            waiting = await self._committed.waiting()
            for kind, most in WAITING.items():
                if (missing := most - waiting.get(kind, 0)) > 0:
                    await self._wave(dict.fromkeys(range(missing), kind))
            await asyncio.sleep(STEP_S)
        while (left := self._least - self.enqueued) > 0:
            kinds: dict[int, Kind] = {
                n: "worker" if n % 5 == 0 else "script" for n in range(min(left, AT_ONCE))
            }
            await self._wave(kinds)

    async def _wave(self, kinds: dict[int, Kind]) -> None:
        first = self.enqueued
        tasks = [self._task(first + n, kind) for n, kind in kinds.items()]
        while True:
            try:
                await self._engine.enqueue_many(tasks)
            except DatabaseUnavailableError:
                # All or none: which one only the table knows.
                there = await self._committed.one(
                    "SELECT count(*) FROM tasks WHERE (payload->>'n')::int >= %s", first
                )
                assert there in {0, len(tasks)}, f"{there} of {len(tasks)} were enqueued"
                if not there:
                    continue
            self.enqueued += len(tasks)
            return

    def _task(self, n: int, kind: Kind) -> NewTask:
        assert self._tenant is not None
        # Losing an executor again and again is what this is about.
        if kind == "worker":
            return NewTask(
                tenant=self._tenant, worker=self._worker, payload={"n": n}, max_attempts=50
            )
        return NewTask(kind="script", script="chaos.js", payload={"n": n}, max_attempts=50)
