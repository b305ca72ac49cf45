"""Who may start now, who waits, and who is sent away.

Three limits, each for executions at once: of a worker, of a tenant, in all. Who is over one of them waits for its turn: within a
tenant worker by worker, and tenant by tenant where it is the whole that is full. What waits is limited, too; of a full waiting room
no tenant has more than its share.

An execution that another worker called is deeper by one, and holds its place while its caller waits for it with a place of its own.
So that no circle of callers waits for itself, every depth has places that none above it may take (:func:`grades`), and a worker's
limit counts for each depth by itself. Deeper than that there is no waiting at all.

Must not know lanes, events or HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple, TypeAlias

from runner.errors import BusyError, OwnLimitError
from runner.events.context import MAX_HOPS

_RETRY_AFTER_S: Final = 1
_MAX_HELD_UP: Final = 1000

_Line: TypeAlias = str | tuple[str, int]
"""Who shares a worker's places: its executions from outside (the worker's id), and those of each depth."""


class AdmissionLimits(NamedTuple):
    """Executions at once, but for the last three; the defaults are those of two lanes."""

    total: int = 2000
    """In all: more than there can be isolates would only wait in lanes, where it is nobody's turn."""
    per_tenant: int = 16
    """From outside, of one tenant."""
    isolates_per_tenant: int = 20
    """Of one tenant, with those that its workers call."""
    per_worker: int = 10
    waiting: int = 20
    """How many may wait."""
    wait_timeout_ms: int = 10_000
    refusal_ms: int = 0
    """How long a refusal takes, of a request from outside for which there is no room to wait."""


def grades(first: int, capacity: int) -> tuple[int, ...]:
    """Return by depth how many executions there may be at once when one more of this depth starts.

    The first is for those from outside; each further one adds half of what is left, so that the last call of a chain finds a place.
    """
    found = [first]
    while len(found) <= MAX_HOPS:
        found.append(found[-1] + (capacity - found[-1] + 1) // 2)
    return tuple(found)


def _kept_free(capacity: int, part: int) -> int:
    """Return the capacity without the part that is not for everybody."""
    return capacity - max(1, capacity // part) if capacity > 1 else capacity


class _Waiter:
    __slots__ = ("admitted", "deadline", "depth", "in_line", "line", "tenant", "turn")

    def __init__(
        self,
        tenant: _Tenant,
        line: _Line,
        depth: int,
        deadline: float,
        turn: asyncio.Future[BusyError | None],
    ) -> None:
        self.tenant = tenant
        self.line = line
        self.depth = depth
        self.deadline = deadline
        self.turn = turn
        self.in_line = True
        self.admitted = False


class _Tenant:
    __slots__ = ("lines", "name", "places", "running", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.running = 0
        self.waiting = 0
        self.places: dict[_Line, int] = {}
        """Taken ones."""
        self.lines: dict[_Line, deque[_Waiter]] = {}
        """Who waits; the line whose turn it is first."""


class Admission:
    """Counts executions. Every successful :meth:`try_enter` or :meth:`enter` needs one :meth:`leave` with the same arguments."""

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._wait_timeout_s = limits.wait_timeout_ms / 1000
        self._total = grades(_kept_free(limits.total, 8), limits.total)
        # However few there are: not all of them are for one tenant.
        most = min(limits.isolates_per_tenant, _kept_free(limits.total, 8))
        self._per_tenant = grades(min(limits.per_tenant, _kept_free(most, most)), most)
        self._may_wait = tuple(
            depth == 0
            or (
                self._total[depth] > self._total[depth - 1]
                and self._per_tenant[depth] > self._per_tenant[depth - 1]
            )
            for depth in range(MAX_HOPS + 1)
        )
        self._per_worker = limits.per_worker
        self._tenants: dict[str, _Tenant] = {}
        self._turns: dict[str, _Tenant] = {}
        """Those with somebody waiting; the one whose turn it is first."""
        self._deadlines: deque[_Waiter] = deque()
        """All who wait, and some who did; all wait equally long."""
        self._timer: asyncio.TimerHandle | None = None
        self._held_up = 0
        self.running = 0
        self.waiting = 0
        self.draining = False
        """Nothing new may start; ingresses look at it first. What runs may still call other workers."""

    @property
    def total(self) -> int:
        """In flight and waiting."""
        return self.running + self.waiting

    def try_enter(self, tenant: str, worker: str, depth: int = 0) -> bool:
        """Enter if that is possible without waiting. ``depth``: how many workers called each other to get here."""
        state = self._tenants.get(tenant) or _Tenant(tenant)
        line = (worker, depth) if depth else worker
        places = state.places
        taken = places.get(line, 0)
        # Nobody is overtaken: whoever waits has been let in as soon as that was possible.
        if (
            taken >= self._per_worker
            or state.running >= self._per_tenant[depth]
            or self.running >= self._total[depth]
        ):
            return False
        if not state.running:
            self._tenants[tenant] = state
        places[line] = taken + 1
        state.running += 1
        self.running += 1
        return True

    async def enter(self, tenant: str, worker: str, depth: int = 0) -> None:
        """Enter, after waiting if need be.

        Raises
        ------
        OwnLimitError
            The worker or its tenant has all that it may have at once, for longer than one may wait.
        BusyError
            There is no place for anybody, or too many wait.

        """
        if self.try_enter(tenant, worker, depth):
            return
        try:
            waiter = self._line_up(tenant, worker, depth)
        except BusyError:
            if depth == 0:
                await self._hold_up()
            raise
        try:
            refusal = await waiter.turn
        except asyncio.CancelledError:
            if waiter.admitted:
                # The place was given to us in the very moment we gave up: pass it on.
                self.leave(tenant, worker, depth)
            else:
                self._take_out(waiter)
            raise
        if refusal is not None:
            raise refusal

    def leave(self, tenant: str, worker: str, depth: int = 0) -> None:
        """An execution ended: another one may start."""
        state = self._tenants[tenant]
        line = (worker, depth) if depth else worker
        places = state.places
        taken = places[line]
        if taken == 1:
            del places[line]
        else:
            places[line] = taken - 1
        was_full = self.running >= self._total[0]
        self.running -= 1
        state.running -= 1
        if self.waiting:
            self._let_in(state, others=was_full)
        self._forget(state)

    async def _hold_up(self) -> None:
        """Keep who is refused for a moment.

        Whoever comes again at once takes more of the processor with refusals than with executions, from all others.
        """
        if self._held_up < _MAX_HELD_UP and self._limits.refusal_ms:
            self._held_up += 1
            try:
                await asyncio.sleep(self._limits.refusal_ms / 1000)
            finally:
                self._held_up -= 1

    # --- waiting --------------------------------------------------------------------------------------------------

    def _line_up(self, tenant: str, worker: str, depth: int) -> _Waiter:
        """Wait from now on.

        Raises
        ------
        BusyError
            That is not possible.

        """
        state = self._tenants.get(tenant) or _Tenant(tenant)
        line: _Line = (worker, depth) if depth else worker
        if not self._may_wait[depth]:
            raise self._refusal(state, line, depth, "at this depth of calls nobody waits")
        if self.waiting >= self._limits.waiting:
            self._make_room(state)
        self._tenants[tenant] = state
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_timeout_s
        waiter = _Waiter(state, line, depth, deadline, loop.create_future())
        state.lines.setdefault(line, deque()).append(waiter)
        state.waiting += 1
        self.waiting += 1
        self._turns.setdefault(tenant, state)
        deadlines = self._deadlines
        while deadlines and not deadlines[0].in_line:
            deadlines.popleft()
        deadlines.append(waiter)
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._send_away)
        return waiter

    def _make_room(self, state: _Tenant) -> None:
        """Send away the last of the tenant that has most waiting, if that is more than the one that comes would have.

        Raises
        ------
        BusyError
            It is not.

        """
        most = state
        # Whoever has its share already is refused without a look at all the others.
        if state.waiting * (len(self._turns) + (not state.waiting)) < self._limits.waiting:
            most = max(self._turns.values(), key=lambda other: other.waiting, default=state)
        refusal = BusyError(
            f"too many requests at once ({self.running} are running, {self.waiting} waiting)",
            _RETRY_AFTER_S,
        )
        if most.waiting <= state.waiting + 1:
            raise refusal
        self._refuse(max(most.lines.values(), key=len)[-1], refusal)

    def _send_away(self) -> None:
        """Tell those who have waited too long."""
        loop = asyncio.get_running_loop()
        deadlines, now = self._deadlines, loop.time()
        while deadlines and (not deadlines[0].in_line or deadlines[0].deadline <= now):
            waiter = deadlines.popleft()
            if waiter.in_line:
                why = f"waited {self._wait_timeout_s:g} s"
                self._refuse(waiter, self._refusal(waiter.tenant, waiter.line, waiter.depth, why))
        self._timer = loop.call_at(deadlines[0].deadline, self._send_away) if deadlines else None

    def _refusal(self, state: _Tenant, line: _Line, depth: int, why: str) -> BusyError:
        """Return what is said of the limit that is in the way."""
        if state.places.get(line, 0) >= self._per_worker:
            return OwnLimitError(
                f"{why}: the worker has all of the {self._per_worker} executions that it may have at once",
                _RETRY_AFTER_S,
            )
        if state.running >= self._per_tenant[depth]:
            return OwnLimitError(
                f"{why}: the worker's owner has all of the {self._per_tenant[depth]} executions"
                " that one may have at once",
                _RETRY_AFTER_S,
            )
        return BusyError(f"{why}: {self.running} executions are running", _RETRY_AFTER_S)

    def _refuse(self, waiter: _Waiter, refusal: BusyError) -> None:
        self._take_out(waiter)
        if not waiter.turn.done():
            waiter.turn.set_result(refusal)
        self._forget(waiter.tenant)

    def _take_out(self, waiter: _Waiter) -> None:
        """Whoever it is does not wait any more."""
        if not waiter.in_line:
            return
        waiter.in_line = False
        state = waiter.tenant
        line = state.lines[waiter.line]
        line.remove(waiter)
        if not line:
            del state.lines[waiter.line]
        state.waiting -= 1
        self.waiting -= 1
        if not state.waiting:
            del self._turns[state.name]
        self._forget(state)

    def _forget(self, state: _Tenant) -> None:
        if not state.running and not state.waiting:
            self._tenants.pop(state.name, None)

    # --- the next -------------------------------------------------------------------------------------------------

    def _let_in(self, state: _Tenant, *, others: bool) -> None:
        """Let in whoever may enter now that a place of ``state`` is free.

        Of other tenants' it can only be one, and only if it was the total that was in their way (``others``).
        """
        if others:
            for other in tuple(self._turns.values()):
                if self._let_in_one(other):
                    break
        while state.waiting and self._let_in_one(state):
            pass

    def _let_in_one(self, state: _Tenant) -> bool:
        for line, waiters in tuple(state.lines.items()):
            while waiters and waiters[0].turn.done():
                self._take_out(waiters[0])  # given up, and not yet said so
            if not waiters:
                continue
            waiter = waiters[0]
            depth = waiter.depth
            taken = state.places.get(line, 0)
            if (
                taken >= self._per_worker
                or state.running >= self._per_tenant[depth]
                or self.running >= self._total[depth]
            ):
                continue
            self._take_out(waiter)
            # Its line, and its tenant, come last from now on.
            if line in state.lines:
                state.lines[line] = state.lines.pop(line)
            if state.name in self._turns:
                self._turns[state.name] = self._turns.pop(state.name)
            self._tenants[state.name] = state
            state.places[line] = taken + 1
            state.running += 1
            self.running += 1
            waiter.admitted = True
            waiter.turn.set_result(None)
            return True
        return False
