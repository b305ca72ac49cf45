"""Schedules as rows: which worker wants to be called when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from runner.errors import NotFoundError
from runner.schedules.cron import parse_cron
from runner.store.tenants import as_id
from runner.store.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.store.database import Statements


class CronRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``crons``; times are None until a scheduler has looked at it."""

    id: UUID
    value: str
    worker: UUID
    worker_name: str | None
    last_run: datetime | None
    next_run: datetime | None
    from_manifest: bool
    created_at: datetime


class Crons:
    """Reads and writes schedules of a tenant."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._workers = Workers(statements)

    async def all(self, tenant: UUID, worker: UUID | None = None) -> list[CronRow]:
        return await self._statements.all(CronRow, "crons", tenant=tenant, worker=worker)

    async def add(self, tenant: UUID, worker: UUID, value: str) -> None:
        """Call a worker by an expression; one that is there already stays.

        Raises
        ------
        CronError
            It is no expression.
        NotFoundError
            The tenant has no such worker.

        """
        parse_cron(value)
        await self._workers.get(tenant, str(worker))
        await self._statements.run("add_cron", worker=worker, value=value, from_manifest=False)

    async def remove(self, tenant: UUID, worker: UUID, value_or_id: str) -> None:
        """Stop a schedule.

        Raises
        ------
        NotFoundError
            There is none.

        """
        found = await self._statements.run(
            "delete_cron", tenant=tenant, worker=worker, id=as_id(value_or_id), value=value_or_id
        )
        if found == 0:
            raise NotFoundError("schedule", value_or_id)

    async def apply_manifest(self, tenant: UUID, worker: UUID, values: Iterable[str]) -> None:
        """Make a worker's manifest true; schedules that were set by hand stay."""
        await self._workers.get(tenant, str(worker))
        wanted = list(values)
        await self._statements.run("delete_manifest_crons", worker=worker, values=wanted)
        for value in wanted:
            parse_cron(value)
            await self._statements.run("add_cron", worker=worker, value=value, from_manifest=True)
