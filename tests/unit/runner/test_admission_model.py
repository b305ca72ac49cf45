"""Admission against a model that looks at everybody each time: whatever is done to it, in whatever order.

The model has the limits and the waiting as plain lists. It does not say who of several comes next, but that nobody waits who could
run, that no limit is exceeded, and that nobody overtakes one of its own line.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runner.admission import Admission, AdmissionLimits
from runner.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = AdmissionLimits(
    total=6, per_tenant=2, isolates_per_tenant=4, per_worker=2, waiting=4, wait_timeout_ms=60_000
)
TOTAL = (5, 6, 6)
PER_TENANT = (2, 3, 4)
NO_WAITING = {2}
"""Depths without places of their own."""

Place = tuple[str, str, int]


class Entrant:
    """Somebody who wants a place, and the task that waits for it."""

    def __init__(self, place: Place, task: asyncio.Task[None]) -> None:
        self.place = place
        self.task = task


class AdmissionMachine(RuleBasedStateMachine):
    """The real one on a loop of its own; every rule lets the loop come to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.admission = Admission(LIMITS)
        self.running: list[Place] = []
        self.waiting: list[Entrant] = []

    def teardown(self) -> None:
        self._do(self._cancel_all)
        while self.running:
            self._leave(0)
        assert self.admission.total == 0
        assert not self.admission._tenants
        assert not self.admission._turns
        self.loop.run_until_complete(asyncio.sleep(0))
        timer = self.admission._timer
        if timer is not None:
            timer.cancel()
        self.loop.close()

    # --- what is done -----------------------------------------------------------------------------------------------

    @rule(tenant=st.sampled_from("tuv"), worker=st.sampled_from("ab"), depth=st.integers(0, 2))
    def come(self, tenant: str, worker: str, depth: int) -> None:
        place = (tenant, tenant + worker, depth)
        fits, full = self._fits(place), len(self.waiting) >= LIMITS.waiting
        entrant = self._enter(place)
        if fits:
            assert entrant.task.done()
            assert entrant.task.exception() is None
            self.running.append(place)
        elif depth in NO_WAITING:
            assert isinstance(entrant.task.exception(), BusyError)
        elif entrant.task.done():
            assert isinstance(entrant.task.exception(), BusyError)
            assert full
            assert self._waiting_of(tenant) + 1 >= max(
                self._waiting_of(other.place[0]) for other in self.waiting
            )
        else:
            self.waiting.append(entrant)
            if full:
                self._take_note_of_the_one_sent_away(tenant)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self._leave(data.draw(st.integers(0, len(self.running) - 1)))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        entrant = self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1)))
        self._do(entrant.task.cancel)
        assert entrant.task.cancelled()
        self._take_note_of_the_admitted()

    @precondition(lambda self: self.waiting and self.running)
    @rule(data=st.data())
    def leave_while_somebody_gives_up(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.running) - 1))
        entrant = data.draw(st.sampled_from(self.waiting))
        leaves_first = data.draw(st.booleans())
        place = self.running.pop(number)
        acts: list[Callable[[], object]] = [
            lambda: self.admission.leave(*place),
            entrant.task.cancel,
        ]
        self._do(*(acts if leaves_first else reversed(acts)))
        assert entrant.task.cancelled()
        self.waiting.remove(entrant)
        self._take_note_of_the_admitted()

    # --- what is always true ----------------------------------------------------------------------------------------

    @invariant()
    def the_counts_are_right(self) -> None:
        assert self.admission.running == len(self.running)
        assert self.admission.waiting == len(self.waiting)

    @invariant()
    def nobody_waits_who_could_run(self) -> None:
        assert not any(self._fits(entrant.place) for entrant in self.waiting)

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        assert len(self.running) <= TOTAL[-1]
        assert len(self.waiting) <= LIMITS.waiting
        for tenant in "tuv":
            of_tenant = [place for place in self.running if place[0] == tenant]
            assert len(of_tenant) <= PER_TENANT[-1]
            assert sum(place[2] == 0 for place in of_tenant) <= PER_TENANT[0]
            assert all(of_tenant.count(place) <= LIMITS.per_worker for place in of_tenant)

    # --- how it is done ---------------------------------------------------------------------------------------------

    def _fits(self, place: Place) -> bool:
        of_tenant = sum(other[0] == place[0] for other in self.running)
        return (
            self.running.count(place) < LIMITS.per_worker
            and of_tenant < PER_TENANT[place[2]]
            and len(self.running) < TOTAL[place[2]]
        )

    def _waiting_of(self, tenant: str) -> int:
        return sum(entrant.place[0] == tenant for entrant in self.waiting)

    def _enter(self, place: Place) -> Entrant:
        task = self.loop.create_task(self.admission.enter(*place))
        self._do()
        return Entrant(place, task)

    def _leave(self, number: int) -> None:
        place = self.running.pop(number)
        self._do(lambda: self.admission.leave(*place))
        self._take_note_of_the_admitted()

    def _cancel_all(self) -> None:
        for entrant in self.waiting:
            entrant.task.cancel()
        self.waiting.clear()

    def _take_note_of_the_admitted(self) -> None:
        """Nobody is let in before those of its line that came earlier."""
        lines: set[Place] = set()
        for entrant in tuple(self.waiting):
            if not entrant.task.done():
                lines.add(entrant.place)
                continue
            assert entrant.task.exception() is None
            assert entrant.place not in lines
            self.waiting.remove(entrant)
            self.running.append(entrant.place)

    def _take_note_of_the_one_sent_away(self, comer: str) -> None:
        (gone,) = (entrant for entrant in self.waiting if entrant.task.done())
        assert isinstance(gone.task.exception(), BusyError)
        assert gone.place[0] != comer
        self.waiting.remove(gone)
        assert self._waiting_of(gone.place[0]) >= self._waiting_of(comer)

    def _do(self, *acts: Callable[[], object]) -> None:
        async def act() -> None:
            for each in acts:
                each()
            for _ in range(4):
                await asyncio.sleep(0)

        self.loop.run_until_complete(act())


TestAdmission = AdmissionMachine.TestCase
TestAdmission.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
