"""What executors take: claims, in batches, in turn.

Must not know how tasks are executed.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID, uuid4

import msgspec

from runner.tasks.streak import Streak
from runner.tasks.task import ClaimedTask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.tasks.lines import Line, Lines
    from runner.tasks.task import Kind

WALK: Final = 64
"""Queues and tenants that one claim passes at most; the next one goes on from there."""
_ZERO: Final = UUID(int=0)
_FIELDS: Final = len(ClaimedTask.__struct_fields__)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor serves. None: all; ``types`` are patterns of ``LIKE``."""

    kinds: tuple[Kind, ...]
    queues: list[str] | None = None
    types: list[str] | None = None


class Outlook(NamedTuple):
    """``due_in_s``: until the next task is due that is to come, None when there is none; ``ruled``: there is work for ``claim_ruled``."""

    due_in_s: float | None
    ruled: bool


class Rider(NamedTuple):
    """A success that is written along with a claim; ``result`` is JSON."""

    task: ClaimedTask
    result: str | None


class Claimer:
    """Claims for one executor; remembers where it ended, so that everybody has a turn.

    Who claims much goes on for a moment with tenants that have much, before it looks around for others again: see ``Streak``; ``streak``
    makes one.
    """

    def __init__(
        self,
        lines: Lines,
        wanted: Wanted,
        executor: str,
        lease_s: float,
        *,
        streak: Callable[[], Streak] = Streak,
    ) -> None:
        self._streaks: dict[str, Streak] = {kind: streak() for kind in wanted.kinds}
        self._lines = lines
        self._wanted = wanted
        self._executor = executor
        self._lease_s = lease_s
        self._kind = 0
        self._after: dict[str, tuple[str, UUID]] = dict.fromkeys(wanted.kinds, ("", _ZERO))
        self._groups: dict[tuple[str, str], tuple[str, UUID, str]] = {}
        self.full: list[UUID] = []
        """Tenants that get nothing now, unless by ``claim_ruled``."""

    async def claim(
        self, most: int, now: datetime | None, riders: Sequence[Rider] = ()
    ) -> tuple[list[ClaimedTask], set[UUID]]:
        """Take up to ``most`` tasks that are due; none only when there is none to be had.

        Return them, and those of the riders' leases that were still held: the others' outcomes were not written. Executors with types
        have no riders.
        """
        taken: list[ClaimedTask] = []
        written: set[UUID] = set()
        kinds = self._wanted.kinds
        async with self._lines.lend() as line:
            for _ in kinds:
                kind = kinds[self._kind]
                self._kind = (self._kind + 1) % len(kinds)
                if self._wanted.types is None:
                    taken += await self._claim_flows(
                        line, kind, most - len(taken), now, riders, written
                    )
                    riders = ()
                else:
                    taken += await self._claim_ruled(line, kind, most - len(taken), now)
                if len(taken) >= most:
                    break
        return taken, written

    async def claim_ruled(self, most: int, now: datetime | None) -> list[ClaimedTask]:
        """Take up to ``most`` tasks that stand under limits of queues, tenants or keys. For executors without types."""
        taken: list[ClaimedTask] = []
        async with self._lines.lend() as line:
            for kind in self._wanted.kinds:
                if len(taken) < most:
                    taken += await self._claim_ruled(line, kind, most - len(taken), now)
        return taken

    async def _claim_flows(
        self,
        line: Line,
        kind: str,
        most: int,
        now: datetime | None,
        riders: Sequence[Rider],
        written: set[UUID],
    ) -> list[ClaimedTask]:
        streak = self._streaks[kind]
        if streak.goes_on():
            values = streak.values()
            rows = await self._ask(line, "claim_again", kind, most, now, riders, written, **values)
            tasks = _claimed(rows)
            if len(tasks) == most:
                streak.note(tasks)
                return tasks
            riders, most = (), most - len(tasks)
        else:
            tasks = []
        some = await self._walk(line, kind, most, now, riders, written)
        streak.begin(some if len(some) == most else [])
        return tasks + some

    async def _walk(
        self,
        line: Line,
        kind: str,
        most: int,
        now: datetime | None,
        riders: Sequence[Rider],
        written: set[UUID],
    ) -> list[ClaimedTask]:
        begun = self._after[kind]
        while True:
            queue, tenant = self._after[kind]
            place = {"after_queue": queue, "after_tenant": tenant, "walk": WALK}
            queues = self._wanted.queues
            rows = await self._ask(
                line, "claim", kind, most, now, riders, written, queues=queues, **place
            )
            riders = ()
            if not rows:
                return []
            last = max(rows, key=_step)
            self._after[kind] = last[3], last[2]
            if last[0] is not None:
                return _claimed(rows)
            if _passed(begun, (queue, tenant), self._after[kind]):
                return []

    async def _ask(
        self,
        line: Line,
        query: str,
        kind: str,
        most: int,
        now: datetime | None,
        riders: Sequence[Rider],
        written: set[UUID],
        **values: Any,
    ) -> list[tuple[Any, ...]]:
        rows = await line.rows(
            query,
            kind=kind,
            most=most,
            lease_s=self._lease_s,
            executor=self._executor,
            draw=uuid4(),
            ids=[rider.task.id for rider in riders],
            leases=[rider.task.lease_id for rider in riders],
            results=[rider.result for rider in riders],
            full=self.full,
            now=now,
            **values,
        )
        if not riders:
            return rows
        written.update(row[1] for row in rows if row[0] is None and row[1] is not None)
        return [row for row in rows if row[0] is not None or row[1] is None]

    async def _claim_ruled(
        self, line: Line, kind: str, most: int, now: datetime | None
    ) -> list[ClaimedTask]:
        typed = self._groups.get((kind, "type"), ("", _ZERO, ""))
        keyed = self._groups.get((kind, "key"), ("", _ZERO, ""))
        async with line.connection.transaction():
            await line.run("rules_lock")
            rows = await line.rows(
                "claim_ruled", kind=kind, queues=self._wanted.queues, types=self._wanted.types, walk=WALK, most=most,
                typed_queue=typed[0], typed_tenant=typed[1], typed_name=typed[2],
                keyed_queue=keyed[0], keyed_tenant=keyed[1], keyed_name=keyed[2],
                lease_s=self._lease_s, executor=self._executor, draw=uuid4(), now=now,
            )  # fmt: skip
        for row in rows:
            way, name = row[_FIELDS + 1 :]
            if name is not None:
                self._groups[kind, way] = row[3], row[2], name
        return _claimed([row for row in rows if row[0] is not None])

    async def look(self, now: datetime | None, back_s: float = 0.0) -> Outlook:
        """Look ahead; what became due within the last ``back_s`` counts as to come."""
        async with self._lines.lend() as line:
            row = await line.first("look", kinds=list(self._wanted.kinds), back_s=back_s, now=now)
        assert row is not None
        return Outlook(*row)


def _passed(begun: tuple[str, UUID], before: tuple[str, UUID], now: tuple[str, UUID]) -> bool:
    """Tell whether a step around the circle came to where it was begun."""
    if before < now:
        return before < begun <= now
    return begun > before or begun <= now


def _step(row: tuple[Any, ...]) -> int:
    step = row[_FIELDS]
    assert isinstance(step, int)
    return step


def _claimed(rows: list[tuple[Any, ...]]) -> list[ClaimedTask]:
    """Return the tasks of rows, the most urgent first."""
    tasks = [ClaimedTask(*row[:_FIELDS]) for row in rows]
    if len(tasks) > 1:
        tasks.sort(key=lambda task: (-task.priority, task.scheduled_at))
    return tasks
