"""The engine against a model of a few lines: whatever is done in whatever order, both have the same tasks in the same states."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from runner.tasks.claims import Claimer, Wanted
from runner.tasks.engine import TaskEngine, open_engine
from runner.tasks.errors import TaskStateError
from runner.tasks.policy import RetryPolicy
from runner.tasks.rules import QueueRules, TenantRules
from runner.tasks.settlements import MAX_ATTEMPTS
from runner.tasks.streak import Streak
from runner.tasks.task import ClaimedTask, Completed, Failed, NewTask, Outcome, Released
from tests.integration.store.scheduling import HandClock

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime

LEASE_S = 30
DELAY_S = 10
POLICY = RetryPolicy(kind="fixed", delay_ms=DELAY_S * 1000, jitter=0)
TENANTS = [UUID(int=1), UUID(int=2)]
QUEUES = ["default", "other"]


ENDS = st.lists(
    st.sampled_from(["ok", "fail", "fail", "final", "release", "forget"]), min_size=4, max_size=4
)
NEW = st.tuples(
    st.sampled_from(TENANTS),
    st.sampled_from(QUEUES),
    st.sampled_from([None, None, None, "a", "b"]),
    st.integers(-1, 1),
    st.sampled_from([None, None, None, 5, 20]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, None, "x"]),
)


@dataclass
class Row:
    """A task as it has to be."""

    tenant: UUID
    queue: str
    key: str | None
    priority: int
    due: datetime
    most: int | None
    shared: str | None
    status: str = "pending"
    attempts: int = 0
    lease: UUID | None = None
    until: datetime | None = None
    errors: list[str] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.status in {"pending", "running", "paused"}


class TaskMachine(RuleBasedStateMachine):
    """Two executors, two tenants, two queues; the clock stands still between steps."""

    runner: asyncio.Runner
    engine: TaskEngine
    clock: HandClock
    claims: Any = Bundle("claims")
    tasks: Any = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[UUID, Row] = {}
        self.paused_queues: set[str] = set()
        self.paused_tenants: set[UUID] = set()
        self.max_running: dict[str, int] = {}
        self.committed: dict[UUID, int] = {}
        self.do(self._empty())
        self.claimers = [
            Claimer(
                self.engine.lines, Wanted(kinds=("script",)), name, LEASE_S, streak=partial(Streak, streak_s, busy=0)
            )
            for name, streak_s in (("one", -1.0), ("two", 60.0))
        ]  # fmt: skip

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    async def _empty(self) -> None:
        async with self.engine.lines.lend() as line:
            for table in (b"tasks", b"task_queues", b"task_tenants"):
                await line.connection.execute(b"DELETE FROM " + table)

    # --- doors ----------------------------------------------------------------------------------------------------

    @initialize(target=tasks, news=st.lists(NEW, min_size=2, max_size=8))
    def begin(self, news: list[tuple[Any, ...]]) -> Any:
        return multiple(*(self._enqueue(*new) for new in news))

    @rule(target=tasks, news=st.lists(NEW, min_size=1, max_size=3))
    def enqueue(self, news: list[tuple[Any, ...]]) -> Any:
        return multiple(*(self._enqueue(*new) for new in news))

    def _enqueue(
        self, tenant: UUID, queue: str, key: str | None, priority: int, delay: int | None, most: int | None, shared: str | None
    ) -> UUID:  # fmt: skip
        at = None if delay is None else self.clock.now() + timedelta(seconds=delay)
        task = NewTask(
            kind="script", script="s", tenant=tenant, queue=queue, key=key, priority=priority, scheduled_at=at,
            max_attempts=most, retry=POLICY, concurrency_key=shared,
        )  # fmt: skip
        got = self.do(self.engine.enqueue(task))
        same = [
            one for one, row in self.rows.items()
            if key is not None and row.live and (row.tenant, row.key) == (tenant, key)
        ]  # fmt: skip
        assert got.created == (not same)
        if same:
            assert same == [got.id]
        else:
            due = at or self.clock.now()
            self.rows[got.id] = Row(tenant, queue, key, priority, due, most, shared)
        assert isinstance(got.id, UUID)
        return got.id

    def _step(self, verb: str, task: UUID, come_from: set[str]) -> bool:
        """Take a step; return whether it was to be taken."""
        row = self.rows[task]
        work = getattr(self.engine, verb)(task)
        if row.status in come_from:
            self.do(work)
            return True
        with pytest.raises(TaskStateError):
            self.do(work)
        return False

    @rule(task=tasks, verb=st.sampled_from(["cancel", "pause", "resume", "retry"]))
    def steer(self, task: UUID, verb: str) -> None:
        getattr(self, f"_{verb}")(task)

    def _cancel(self, task: UUID) -> None:
        if self._step("cancel", task, {"pending", "paused", "running"}):
            self.rows[task].status, self.rows[task].lease = "cancelled", None

    def _pause(self, task: UUID) -> None:
        if self._step("pause", task, {"pending"}):
            self.rows[task].status = "paused"

    def _resume(self, task: UUID) -> None:
        if self._step("resume", task, {"paused"}):
            self.rows[task].status = "pending"

    def _retry(self, task: UUID) -> None:
        row = self.rows[task]
        if row.key and not row.live and any(
            other.live and (other.tenant, other.key) == (row.tenant, row.key) for other in self.rows.values()
        ):  # fmt: skip
            return
        if self._step("retry", task, {"failed", "cancelled"}):
            row.status, row.due = "pending", self.clock.now()

    @rule(queue=st.sampled_from(QUEUES), tenant=st.sampled_from(TENANTS), what=st.integers(0, 4))
    def change_rules(self, queue: str, tenant: UUID, what: int) -> None:
        rules = self.engine.rules
        match what:
            case 0 if queue in self.paused_queues:
                self.paused_queues.remove(queue)
                self.do(rules.resume_queue(queue))
            case 0:
                self.paused_queues.add(queue)
                self.do(rules.pause_queue(queue))
            case 1 if tenant in self.paused_tenants:
                self.paused_tenants.remove(tenant)
                self.do(rules.set_tenant(TenantRules(tenant=tenant)))
            case 1:
                self.paused_tenants.add(tenant)
                self.do(rules.set_tenant(TenantRules(tenant=tenant, paused=True)))
            case _:
                most = None if what == 2 else what - 2
                paused = queue in self.paused_queues
                self.do(rules.set_queue(QueueRules(queue=queue, max_running=most, paused=paused)))
                self.max_running.pop(queue, None)
                if most is not None:
                    self.max_running[queue] = most

    @rule(seconds=st.sampled_from([1, 5, 10, 31]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    # --- executors ------------------------------------------------------------------------------------------------

    def _startable(self, *, ruled: bool) -> dict[UUID, Row]:
        return {
            one: row
            for one, row in self.rows.items()
            if row.status == "pending"
            and row.due <= self.clock.now()
            and row.queue not in self.paused_queues
            and row.tenant not in self.paused_tenants
            and ruled == (row.shared is not None or row.queue in self.max_running)
        }

    def _running(self, **fields: Any) -> int:
        return sum(
            row.status == "running"
            and all(getattr(row, name) == value for name, value in fields.items())
            for row in self.rows.values()
        )

    def _note_claims(self, tasks: list[ClaimedTask]) -> None:
        for task in tasks:
            row = self.rows[task.id]
            row.attempts += 1
            assert task.attempts == row.attempts
            row.status, row.lease = "running", task.lease_id
            row.until = self.clock.now() + timedelta(seconds=LEASE_S)

    @rule(target=claims, executor=st.sampled_from([0, 1]), most=st.integers(1, 4))
    def claim(self, executor: int, most: int) -> Any:
        return self._claim(executor, most)

    def _claim(self, executor: int, most: int) -> Any:
        could = self._startable(ruled=False)
        tasks, _ = self.do(self.claimers[executor].claim(most, self.clock.now()))
        assert {task.id for task in tasks} <= set(could)
        # Whoever has something due has his turn, and all places are taken while there is anything.
        flows = {(row.queue, row.tenant) for row in could.values()}
        assert bool(tasks) == bool(could)
        if len(flows) == 1:
            assert len(tasks) == min(most, len(could))
        # Who is in a streak may pass over what was put back.
        for task in tasks if executor == 0 else ():
            row = could[task.id]
            behind = [
                other
                for one, other in could.items()
                if one not in {t.id for t in tasks}
                and (other.queue, other.tenant) == (row.queue, row.tenant)
            ]
            assert all((-row.priority, row.due) <= (-other.priority, other.due) for other in behind)
        self._note_claims(tasks)
        return tasks

    @rule(executor=st.sampled_from([0, 1]), ruled=st.booleans(), most=st.integers(1, 4), ends=ENDS)
    def work(self, executor: int, ruled: bool, most: int, ends: list[str]) -> None:
        tasks = self._claim_ruled(executor, most) if ruled else self._claim(executor, most)
        self._settle(tasks, ends)

    @rule(target=claims, executor=st.sampled_from([0, 1]), most=st.integers(1, 4))
    def claim_ruled(self, executor: int, most: int) -> Any:
        return self._claim_ruled(executor, most)

    def _claim_ruled(self, executor: int, most: int) -> Any:
        could = self._startable(ruled=True)
        tasks = self.do(self.claimers[executor].claim_ruled(most, self.clock.now()))
        assert {task.id for task in tasks} <= set(could)
        room = [
            one for one, row in could.items()
            if self._running(queue=row.queue) < self.max_running.get(row.queue, 9999)
            and (row.shared is None or not self._running(queue=row.queue, tenant=row.tenant, shared=row.shared))
        ]  # fmt: skip
        assert bool(tasks) == bool(room)
        before = {queue: self._running(queue=queue) for queue in QUEUES}
        self._note_claims(tasks)
        for task in tasks:
            row = self.rows[task.id]
            assert self._running(queue=row.queue) <= max(
                self.max_running.get(row.queue, 9999), before[row.queue]
            )
            if row.shared is not None:
                assert self._running(queue=row.queue, tenant=row.tenant, shared=row.shared) == 1
        return tasks

    @rule(tasks=consumes(claims), ends=ENDS)
    def settle(self, tasks: list[ClaimedTask], ends: list[str]) -> None:
        """Maybe long after the lease was lost, maybe by who has lost it."""
        self._settle(tasks, ends)

    def _settle(self, tasks: list[ClaimedTask], ends: list[str]) -> None:
        outcomes: dict[str, Outcome] = {
            "ok": Completed({"done": True}), "fail": Failed(error="e"),
            "final": Failed(error="f", final=True), "release": Released(),
        }  # fmt: skip
        pairs = [
            (task, outcomes[end]) for task, end in zip(tasks, ends, strict=False) if end != "forget"
        ]
        settled = self.do(self.engine.settlements.settle(pairs, "x", self.clock.now()))
        for (task, outcome), one in zip(pairs, settled, strict=True):
            expected = self._expect(task, outcome)
            assert one.status == expected
        again = self.do(self.engine.settlements.settle(pairs, "x", self.clock.now()))
        assert all(one.status is None for one in again)

    def _expect(self, task: ClaimedTask, outcome: Outcome) -> str | None:
        row = self.rows[task.id]
        if row.lease != task.lease_id:
            return None
        row.lease = None
        match outcome:
            case Completed():
                row.status = "completed"
                self.committed[task.id] = self.committed.get(task.id, 0) + 1
                assert self.committed[task.id] == 1
            case Released():
                row.status = "pending"
                row.attempts -= 1
            case Failed(error=error, final=final):
                row.errors.append(error)
                if final or row.attempts >= (row.most or 1):
                    row.status = "failed"
                else:
                    row.status = "pending"
                    row.due = self.clock.now() + timedelta(seconds=DELAY_S)
        return row.status

    @rule(tasks=claims)
    def renew(self, tasks: list[ClaimedTask]) -> None:
        held = self.do(self.engine.settlements.renew(tasks, LEASE_S, self.clock.now()))
        mine = {task.lease_id for task in tasks if self.rows[task.id].lease == task.lease_id}
        assert held == mine
        for task in tasks:
            if task.lease_id in mine:
                self.rows[task.id].until = self.clock.now() + timedelta(seconds=LEASE_S)

    @rule(executor=st.sampled_from([0, 1]), most=st.integers(1, 4))
    def lose_an_executor(self, executor: int, most: int) -> None:
        self._claim(executor, most)
        self.clock.advance(LEASE_S + 1)
        self._rescue()

    @rule()
    def rescue(self) -> None:
        self._rescue()

    def _rescue(self) -> None:
        rescued = {
            one.id: one.status for one in self.do(self.engine.rescue.rescue(100, self.clock.now()))
        }
        lost = {
            one: row for one, row in self.rows.items()
            if row.status == "running" and row.until is not None and row.until < self.clock.now()
        }  # fmt: skip
        assert set(rescued) == set(lost)
        for one, row in lost.items():
            row.status = "pending" if row.attempts < (row.most or MAX_ATTEMPTS) else "failed"
            row.lease = None
            row.errors.append("lost")
            assert rescued[one] == row.status

    # --- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def both_have_the_same(self) -> None:
        tasks = self.do(self.engine.leaf(most=1000))
        assert len(tasks) == len(self.rows)
        for task in tasks:
            row = self.rows[task.id]
            assert (task.status, task.attempts) == (row.status, row.attempts)
            assert len(task.errors) == len(row.errors)
            assert (task.leased_until is not None) == (row.status == "running")
            assert task.status.ended == (task.completed_at is not None)
            if row.status == "pending":
                assert task.scheduled_at == row.due


@pytest.mark.timeout(120)
def test_the_engine_does_what_its_model_does(empty: str) -> None:
    """Enqueueing, steering, claims, limits, outcomes late and twice, lost executors, in any order."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        clock = HandClock()
        opening = open_engine(empty, clock)
        engine = runner.run(opening.__aenter__())
        machine = type("M", (TaskMachine,), {"runner": runner, "engine": engine, "clock": clock})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=60,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opening.__aexit__(None, None, None))
