"""What becomes of attempts: outcomes, leases that go on, and those that ended. Who does not hold the lease any more changes nothing.

Must not know how tasks are executed.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

import msgspec

from runner.errors import RefusedError
from runner.tasks.claims import Rider
from runner.tasks.encoding import encode_json
from runner.tasks.errors import TaskRefusedError
from runner.tasks.policy import DEFAULT_RETRY, RetryPolicy
from runner.tasks.task import AttemptError, ClaimedTask, Completed, Failed, Released

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.tasks.lines import Line, Lines
    from runner.tasks.task import Outcome

MAX_ATTEMPTS: Final = 3
"""Of tasks that say nothing, nor their queues; scripts fail for good at once, as the seed's do, but may lose their executor as often."""
_MAX_ERROR: Final = 10_000


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


class _Write(NamedTuple):
    """An outcome as the statement ``settle`` takes it."""

    status: str
    error: str | None
    entry: str | None
    uncounted: int
    again: datetime | None
    after_s: float | None
    reason: str
    result: str | None = None
    """None: the one of the attempt before stays."""


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
                others.append((task, self._checked(task, outcome, executor)))
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

    def _checked(self, task: ClaimedTask, outcome: Failed | Released, executor: str) -> _Write:
        """Return what is written of an outcome; a result that can not be kept ends its task."""
        if not isinstance(outcome, Failed) or outcome.result is None:
            return self._write(task, outcome, executor)
        try:
            result = encode_json("the result", outcome.result, self._max_result)
        except TaskRefusedError as error:
            return self._write(task, _unstorable(error), executor)
        return self._write(task, outcome, executor)._replace(result=result)

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
        results=[write.result for _, write in ends],
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
