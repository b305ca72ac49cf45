"""What executors ask of the table: claims, leases, outcomes. Whoever does not hold the lease any more changes nothing.

Must not know how tasks are executed.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import msgspec

from runner.errors import RefusedError
from runner.tasks.encoding import encode_json
from runner.tasks.errors import TaskRefusedError
from runner.tasks.policy import DEFAULT_RETRY, RetryPolicy
from runner.tasks.streak import Streak
from runner.tasks.task import AttemptError, ClaimedTask, Completed, Failed, Released

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.tasks.lines import Line, Lines
    from runner.tasks.task import Kind, Outcome

WALK: Final = 64
"""Queues and tenants that one claim passes at most; the next one goes on from there."""
MAX_ATTEMPTS: Final = 3
"""Of tasks that say nothing, nor their queues; scripts fail for good at once, as the seed's do, but may lose their executor as often."""
_MAX_ERROR: Final = 10_000
_ZERO: Final = UUID(int=0)
_FIELDS: Final = len(ClaimedTask.__struct_fields__)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor serves. None: all; ``types`` are patterns of ``LIKE``."""

    kinds: tuple[Kind, ...]
    queues: list[str] | None = None
    types: list[str] | None = None


class Settled(NamedTuple):
    """What became of an attempt: ``status`` is the task's, None when the lease was not ours any more and nothing was written."""

    status: str | None
    error: str | None = None
    reason: str | None = None
    retry_in_s: float | None = None


class Rescued(NamedTuple):
    """A task whose executor was lost."""

    id: UUID
    tenant: UUID
    queue: str
    kind: str
    type: str | None
    key: str | None
    attempts: int
    status: str
    error: str


class Outlook(NamedTuple):
    """``due_in_s``: until the next task is due that is not now, None when there is none; ``ruled``: there is work for ``claim_ruled``."""

    due_in_s: float | None
    ruled: bool


class Rider(NamedTuple):
    """A success that is written along with a claim; ``result`` is JSON."""

    task: ClaimedTask
    result: str | None


class _Write(NamedTuple):
    """An outcome as the statement ``settle`` takes it."""

    status: str
    error: str | None
    entry: str | None
    uncounted: int
    again: datetime | None
    after_s: float | None
    reason: str


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
            ids=[rider.task.id for rider in riders],
            leases=[rider.task.lease_id for rider in riders],
            results=[rider.result for rider in riders],
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
                lease_s=self._lease_s, executor=self._executor, now=now,
            )  # fmt: skip
        for row in rows:
            way, name = row[_FIELDS + 1 :]
            if name is not None:
                self._groups[kind, way] = row[3], row[2], name
        return _claimed([row for row in rows if row[0] is not None])

    async def look(self, now: datetime | None) -> Outlook:
        async with self._lines.lend() as line:
            row = await line.first("look", kinds=list(self._wanted.kinds), now=now)
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


class Settlements:
    """Writes down what became of attempts, and keeps leases."""

    def __init__(
        self, lines: Lines, *, max_result_bytes: int, chance: Callable[[], float] = random.random
    ) -> None:
        self._lines = lines
        self._max_result = max_result_bytes
        self._chance = chance

    def rider(self, task: ClaimedTask, outcome: Completed) -> Rider | None:
        """Return a success as claims take it along; None when it has to be looked at by :meth:`settle`."""
        try:
            return Rider(task, encode_json("the result", outcome.result, self._max_result))
        except TaskRefusedError:
            return None

    async def renew(
        self, tasks: Sequence[ClaimedTask], lease_s: float, now: datetime | None
    ) -> set[UUID]:
        """Return the leases that are still held, and are so for ``lease_s`` from now on."""
        ids, leases = [task.id for task in tasks], [task.lease_id for task in tasks]
        async with self._lines.lend() as line:
            rows = await line.rows("renew", ids=ids, leases=leases, lease_s=lease_s, now=now)
        return {lease for (lease,) in rows}

    async def settle(
        self, ends: Sequence[tuple[ClaimedTask, Outcome]], executor: str, now: datetime | None
    ) -> list[Settled]:
        """Write outcomes, each at most once; return what became of each, in their order.

        A result that the database can not have makes its task fail; the others are not concerned.
        """
        completed: list[tuple[ClaimedTask, str | None]] = []
        others: list[tuple[ClaimedTask, _Write]] = []
        for task, outcome in ends:
            if isinstance(outcome, Completed):
                try:
                    completed.append(
                        (task, encode_json("the result", outcome.result, self._max_result))
                    )
                except TaskRefusedError as error:
                    others.append((task, self._write(task, _unstorable(error), executor)))
            else:
                others.append((task, self._write(task, outcome, executor)))
        settled: dict[UUID, Settled] = {}
        async with self._lines.lend() as line:
            if completed:
                await self._complete(line, completed, others, executor, settled, now)
            if others:
                await _settle(line, others, settled, now)
        nothing = Settled(None)
        return [settled.get(task.lease_id, nothing) for task, _ in ends]

    async def _complete(
        self, line: Line, ends: list[tuple[ClaimedTask, str | None]], others: list[tuple[ClaimedTask, _Write]],
        executor: str, settled: dict[UUID, Settled], now: datetime | None,
    ) -> None:  # fmt: skip
        import psycopg

        try:
            rows = await line.rows(
                "complete",
                ids=[task.id for task, _ in ends],
                leases=[task.lease_id for task, _ in ends],
                results=[result for _, result in ends],
                now=now,
            )
        except (
            psycopg.DataError,
            psycopg.errors.ProgramLimitExceeded,
            psycopg.errors.StatementTooComplex,
        ) as error:
            if len(ends) > 1:
                # One of them is to blame; none was written.
                for end in ends:
                    await self._complete(line, [end], others, executor, settled, now)
            else:
                reason = error.diag.message_primary or str(error)
                others.append(
                    (
                        ends[0][0],
                        self._write(
                            ends[0][0], _unstorable(RefusedError(f"the result: {reason}")), executor
                        ),
                    )
                )
        else:
            for (lease,) in rows:
                settled[lease] = Settled("completed")

    def _write(self, task: ClaimedTask, outcome: Failed | Released, executor: str) -> _Write:
        text = _storable(outcome.error) if outcome.error or isinstance(outcome, Failed) else None
        entry = None
        if text is not None:
            one = AttemptError(task.attempts, datetime.now(UTC), text, outcome.reason, executor)
            entry = msgspec.json.encode([one]).decode()
        if isinstance(outcome, Released):
            if not outcome.counted:
                return _Write(
                    "pending", text, entry, 1, None, outcome.after_s or None, outcome.reason
                )
            final, after_s, again = False, outcome.after_s or None, None
        else:
            final, after_s, again = outcome.final, outcome.retry_after_s, outcome.retry_at
        allowed = task.max_attempts
        if allowed is None and isinstance(outcome, Failed):
            allowed = outcome.max_attempts
        if allowed is None:
            allowed = 1 if task.kind == "script" and isinstance(outcome, Failed) else MAX_ATTEMPTS
        if final or task.attempts >= allowed:
            return _Write("failed", text, entry, 0, None, None, outcome.reason)
        if after_s is None and again is None and isinstance(outcome, Failed):
            after_s = read_policy(task.retry).delay_s(task.attempts, self._chance)
        return _Write("pending", text, entry, 0, again, after_s, outcome.reason)


async def _settle(
    line: Line,
    ends: list[tuple[ClaimedTask, _Write]],
    settled: dict[UUID, Settled],
    now: datetime | None,
) -> None:
    rows = await line.rows(
        "settle",
        ids=[task.id for task, _ in ends],
        leases=[task.lease_id for task, _ in ends],
        statuses=[write.status for _, write in ends],
        errors=[write.error for _, write in ends],
        entries=[write.entry for _, write in ends],
        uncounted=[write.uncounted for _, write in ends],
        agains=[write.again for _, write in ends],
        afters=[write.after_s for _, write in ends],
        now=now,
    )
    held = Counter(lease for (lease,) in rows)
    for task, write in ends:
        if held[task.lease_id]:
            settled[task.lease_id] = Settled(write.status, write.error, write.reason, write.after_s)


class Rescue:
    """Finds tasks whose leases ended."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def rescue(self, most: int, now: datetime | None) -> list[Rescued]:
        async with self._lines.lend() as line:
            rows = await line.rows("rescue", most=most, max_attempts=MAX_ATTEMPTS, now=now)
        return [Rescued(*row) for row in rows]


def read_policy(text: str | None) -> RetryPolicy:
    """Return the policy of a row; the default for none, and for what SQL wrote that is none."""
    if text is None:
        return DEFAULT_RETRY
    try:
        return msgspec.json.decode(text, type=RetryPolicy)
    except msgspec.MsgspecError:
        return DEFAULT_RETRY


def _unstorable(error: RefusedError) -> Failed:
    return Failed(error=str(error), reason="result", final=True)


def _storable(text: str) -> str:
    if len(text) > _MAX_ERROR:
        text = text[:_MAX_ERROR] + "…"
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
