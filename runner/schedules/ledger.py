"""What the database knows of crons and their events; each statement is safe against any number of other runners.

Must not know lanes, nor when it is asked.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from runner.errors import CronError
from runner.schedules.cron import parse_cron
from runner.store.dedicated import DedicatedConnection
from runner.store.named_queries import load_queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from runner.schedules.cron import Cron
    from runner.store.pool import Connection

CATCH_UP: Final = timedelta(seconds=60)
"""Of what was missed, all of this time is made up for; of what is older, the last one if there is none younger."""
_MAX_REASON: Final = 1000


class Claim(msgspec.Struct, frozen=True, gc=False):
    """An event that is ours while its lease lasts. The fields are the columns that the queries return."""

    id: UUID
    cron: str
    worker: UUID
    scheduled_at: datetime
    lease: UUID
    attempts: int
    """How often it was begun before."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What becomes of a claimed event."""

    claim: Claim
    at: datetime
    outcome: str | None = None
    """None puts it back."""
    again: datetime | None = None
    """From when on others may take it."""
    counted: bool = True
    """Whether a begun attempt that is put back counts."""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A row of ``crons`` that can not be used."""

    cron: UUID
    worker: UUID
    reason: str


class Fired(msgspec.Struct, frozen=True, gc=False):
    """What a look at the crons that are due came to."""

    claims: list[Claim]
    refused: list[Refusal]
    more: bool
    """There may be more that is due."""


class Ledger:
    """``async with`` closes its connection.

    Every method raises ``psycopg.Error`` or ``DatabaseUnavailableError`` when the database is out of reach.
    """

    def __init__(self, url: str) -> None:
        self._queries = load_queries("schedules")
        self._dedicated = DedicatedConnection(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._dedicated.__aexit__(*error)

    async def _ask(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        async with self._dedicated.lend() as connection:
            return await self._fetch(connection, query, **parameters)

    async def _fetch(
        self, connection: Connection, query: str, **parameters: Any
    ) -> list[tuple[Any, ...]]:
        cursor = await connection.execute(self._queries[query].encode(), parameters)
        return await cursor.fetchall() if cursor.description else []

    async def plan(self, now: datetime) -> list[Refusal]:
        """Give every cron that has none its next run; return those that were found to be unusable."""
        refused: list[Refusal] = []
        async with self._dedicated.lend() as connection:
            for cron_id, value, timezone in await self._fetch(connection, "unplanned"):
                row = {"id": cron_id, "value": value, "timezone": timezone}
                try:
                    following = parse_cron(value, timezone).after(now)
                except CronError as error:
                    refused += await self._refuse(connection, error, **row)
                else:
                    await self._fetch(connection, "plan", next_run=following, **row)
        return refused

    async def _refuse(
        self, connection: Connection, error: CronError, **row: object
    ) -> list[Refusal]:
        reason = str(error)[:_MAX_REASON].replace("\0", "\ufffd")
        rows = await self._fetch(connection, "refuse", reason=reason, **row)
        cron = row["id"]
        assert isinstance(cron, UUID)
        return [Refusal(cron, worker, reason) for (worker,) in rows]

    async def fire(self, now: datetime, until: datetime, *, most: int, most_open: int) -> Fired:
        """Fire what is due, ``most`` of it.

        A cron that has ``most_open`` events on their way fires no other before one of them is over.
        """
        async with self._dedicated.lend() as connection, connection.transaction():
            rows = await self._fetch(connection, "due", now=now, most=most, most_open=most_open)
            crons: list[UUID] = []
            times: list[datetime] = []
            nexts: list[datetime | None] = []
            refused: list[Refusal] = []
            for cron_id, value, timezone, planned in rows:
                try:
                    cron = parse_cron(value, timezone)
                except CronError as error:
                    row = {"id": cron_id, "value": value, "timezone": timezone}
                    refused += await self._refuse(connection, error, **row)
                    continue
                due = choose(cron, planned, now)
                crons.append(cron_id)
                times.append(due)
                nexts.append(cron.after(due))
            fired = await self._fetch(
                connection, "fire", crons=crons, times=times, nexts=nexts, now=now, until=until
            )
        # A cron that made up for what it missed may be due again at once.
        more = len(rows) == most or any(next_run and next_run <= now for next_run in nexts)
        return Fired([Claim(*row) for row in fired], refused, more)

    async def take_over(
        self, now: datetime, until: datetime, *, most: int, lost: bool
    ) -> list[Claim]:
        """Take events that were put back and, with ``lost``, those of runners that are gone."""
        rows = await self._ask("take_over", now=now, until=until, most=most, lost=lost)
        return [Claim(*row) for row in rows]

    async def begin(self, claims: Sequence[Claim], now: datetime, until: datetime) -> list[bool]:
        """Note that these are about to run; tell which of them are ours still."""
        rows = await self._ask("begin", now=now, until=until, **_held(claims))
        ours = {lease for (lease,) in rows}
        return [claim.lease in ours for claim in claims]

    async def renew(self, claims: Sequence[Claim], until: datetime) -> None:
        await self._ask("renew", until=until, **_held(claims))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write down what became of events; for one that is not ours any more nothing is written."""
        await self._ask(
            "settle",
            **_held([done.claim for done in settlements]),
            outcomes=[done.outcome for done in settlements],
            ats=[done.at for done in settlements],
            agains=[done.again for done in settlements],
            uncounted=[0 if done.counted else 1 for done in settlements],
        )

    async def soonest(self, now: datetime) -> tuple[datetime, bool]:
        """Return when there is something to do next, in a day at the latest, and whether a cron is due that is not to be had now."""
        ((soonest, overdue),) = await self._ask("soonest", now=now)
        return soonest, overdue


def choose(cron: Cron, planned: datetime, now: datetime) -> datetime:
    """Return which instant fires now, of those from ``planned`` until ``now``; see :data:`CATCH_UP`."""
    limit = now - CATCH_UP
    if planned > limit:
        return planned.astimezone(UTC)
    young = cron.after(limit)
    if young is not None and young <= now:
        return young
    # A tool may have planned what its expression does not say.
    return max(cron.until(limit) or planned, planned).astimezone(UTC)


def _held(claims: Sequence[Claim]) -> dict[str, list[UUID]]:
    return {"ids": [claim.id for claim in claims], "leases": [claim.lease for claim in claims]}
