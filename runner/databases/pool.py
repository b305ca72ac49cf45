"""Sessions are lent for one statement or one transaction, and kept for a while: few, shared out by tenant and by database.

Must not know where they lead or what is said in them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import msgspec

from runner.errors import OpError

if TYPE_CHECKING:
    from runner.bindings import DatabaseBinding
    from runner.databases.session import Session


class SessionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions there may be, how long one may be idle, and how long one may be waited for."""

    total: int = 15
    per_tenant: int = 8
    per_database: int = 5
    idle_s: float = 30.0
    wait_s: float = 5.0


def limits_for(total: int) -> SessionLimits:
    """Return limits under which no tenant has all, if there is more than one."""
    per_tenant = max(1, (total + 1) // 2)
    return SessionLimits(total=total, per_tenant=per_tenant, per_database=min(5, per_tenant))


class Opener(Protocol):
    """Opens sessions."""

    async def connect(self, binding: DatabaseBinding) -> Session:
        """Open one; an :class:`OpError` says why not."""
        ...


class _Borrower(msgspec.Struct, frozen=True):
    """Whose session one is. A changed binding is another."""

    binding: DatabaseBinding
    tenant: str


class SessionPool:
    """Lends sessions. What comes back is cleaned before others get it, and closed if it can not be."""

    def __init__(self, opener: Opener, limits: SessionLimits | None = None) -> None:
        self._opener = opener
        self._limits = limits or SessionLimits()
        self._borrowers: dict[Session, _Borrower] = {}
        self._idle: dict[Session, asyncio.TimerHandle] = {}
        """The longest idle first."""
        self._counts: Counter[str | DatabaseBinding] = Counter()
        self._coming: Counter[_Borrower] = Counter()
        self._total = 0
        self._waiting: list[tuple[_Borrower, asyncio.Future[None]]] = []
        self._cleaning: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def sessions(self) -> int:
        """How many there are, with those that are being opened or cleaned."""
        return self._total

    @property
    def idle(self) -> int:
        return len(self._idle)

    async def take(self, binding: DatabaseBinding, tenant: str) -> Session:
        """Lend a session; give it back in any case.

        Raises
        ------
        OpError
            None is free in time, or it can not be opened.

        """
        borrower = _Borrower(binding, tenant)
        try:
            async with asyncio.timeout(self._limits.wait_s):
                while True:
                    if (session := self._reuse(borrower)) is not None:
                        return session
                    # One that will be there in a moment is worth more than a new one.
                    if not self._is_coming(borrower) and self._make_room(borrower):
                        break
                    await self._turn(borrower)
        except TimeoutError:
            raise OpError(
                "Error", f"no connection to the database was free within {self._limits.wait_s:g} s"
            ) from None
        self._count(borrower, 1)
        try:
            session = await self._opener.connect(binding)
        except BaseException:
            self._count(borrower, -1)
            self._wake()
            raise
        self._borrowers[session] = borrower
        return session

    def give_back(self, session: Session) -> None:
        """Take a session back, whatever runs in it."""
        if coming := session.is_quiet:
            self._coming[self._borrowers[session]] += 1
        task = asyncio.get_running_loop().create_task(
            self._clean(session, coming=coming), name="clean session"
        )
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def close(self) -> None:
        """Close what is idle or comes back; what is lent has to come back before."""
        self._closed = True
        for session in tuple(self._idle):
            await self._discard(session)
        while self._cleaning:
            await asyncio.gather(*self._cleaning)

    # --- how many -------------------------------------------------------------------------------------------------

    def _reuse(self, borrower: _Borrower) -> Session | None:
        for session in reversed(self._idle):
            if self._borrowers[session] == borrower:
                self._idle.pop(session).cancel()
                if session.is_idle:
                    return session
                self._later(session)
                return self._reuse(borrower)
        return None

    def _is_coming(self, borrower: _Borrower) -> bool:
        """Whether a session that nothing runs in is being cleaned, and is not waited for yet."""
        waiting = sum(other == borrower for other, _ in self._waiting)
        return self._coming[borrower] > waiting

    def _has_room(self, borrower: _Borrower) -> bool:
        limits = self._limits
        return (
            self._total < limits.total
            and self._counts[borrower.tenant] < limits.per_tenant
            and self._counts[borrower.binding] < limits.per_database
        )

    def _make_room(self, borrower: _Borrower) -> bool:
        """Tell whether there is room for one more, closing what is idle if that helps."""
        if self._closed:
            return False
        limits, counts = self._limits, self._counts
        for session in tuple(self._idle):
            if self._has_room(borrower):
                break
            other = self._borrowers[session]
            if counts[borrower.binding] >= limits.per_database:
                helps = other.binding == borrower.binding
            elif counts[borrower.tenant] >= limits.per_tenant:
                helps = other.tenant == borrower.tenant
            else:
                helps = True
            if helps:
                self._idle.pop(session).cancel()
                self._later(session)
        return self._has_room(borrower)

    def _later(self, session: Session) -> None:
        """Close a session without waiting for it; its place is free."""
        self._count(self._borrowers.pop(session), -1)
        task = asyncio.get_running_loop().create_task(session.close(), name="close session")
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    def _count(self, borrower: _Borrower, change: int) -> None:
        self._total += change
        for key in (borrower.tenant, borrower.binding):
            self._counts[key] += change
            if self._counts[key] == 0:
                del self._counts[key]

    # --- waiting and coming back ----------------------------------------------------------------------------------

    async def _turn(self, borrower: _Borrower) -> None:
        """Wait until there may be a place."""
        entry = (borrower, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        except BaseException:
            if entry in self._waiting:
                self._waiting.remove(entry)
            else:
                # The place that was meant for this one.
                self._wake()
            raise

    def _wake(self) -> None:
        """Let the first go on that may have what came free."""
        for position, (borrower, future) in enumerate(self._waiting):
            idle = any(self._borrowers[session] == borrower for session in self._idle)
            if idle or self._make_room(borrower):
                del self._waiting[position]
                if not future.done():
                    future.set_result(None)
                return

    async def _clean(self, session: Session, *, coming: bool) -> None:
        clean = await session.clean()
        if coming:
            self._coming[self._borrowers[session]] -= 1
            self._coming += Counter()  # without zeros
        if not clean:
            self._count(self._borrowers.pop(session), -1)
        elif self._closed:
            self._count(self._borrowers.pop(session), -1)
            await session.close()
        else:
            loop = asyncio.get_running_loop()
            self._idle[session] = loop.call_later(self._limits.idle_s, self._expire, session)
        self._wake()

    def _expire(self, session: Session) -> None:
        if self._idle.pop(session, None) is not None:
            self._later(session)

    async def _discard(self, session: Session) -> None:
        self._idle.pop(session).cancel()
        self._count(self._borrowers.pop(session), -1)
        await session.close()
