"""Rules of queues and tenants: what is paused, how many may run, how many may start, and what tasks have that say nothing.

A rule holds for claims that begin after it was written; what runs already goes on. Must not know claims.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from runner.tasks.encoding import encode_json
from runner.tasks.errors import TaskRefusedError
from runner.tasks.policy import RetryPolicy

if TYPE_CHECKING:
    from runner.tasks.lines import Lines


class QueueRules(msgspec.Struct, frozen=True, kw_only=True):
    """None: no limit, or the default."""

    queue: str
    paused: bool = False
    max_running: int | None = None
    """Over all executors; 0 lets nothing start."""
    max_running_per_key: int = 1
    """Of tasks that share a concurrency key."""
    rate_limit: int | None = None
    """Starts in ``rate_period_ms``, on the average; no more than these at once."""
    rate_period_ms: int = 1000
    max_attempts: int | None = None
    retry: RetryPolicy | None = None
    timeout_ms: int | None = None


class TenantRules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a tenant in all queues together."""

    tenant: UUID
    paused: bool = False
    max_running: int | None = None


class Rules:
    """Every method raises ``DatabaseUnavailableError`` when the database is away."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def queues(self) -> list[QueueRules]:
        """Return the rules there are; a queue without any is not among them."""
        return await self._read(None)

    async def queue(self, queue: str) -> QueueRules:
        """Return what holds for a queue."""
        found = await self._read(queue)
        return found[0] if found else QueueRules(queue=queue)

    async def set_queue(self, rules: QueueRules) -> None:
        """Replace the rules of a queue.

        Raises
        ------
        TaskRefusedError
            One of them can not be.

        """
        _check(rules)
        values: dict[str, Any] = msgspec.structs.asdict(rules)
        if rules.retry is not None:
            values["retry"] = encode_json("retry", rules.retry, 4096)
        async with self._lines.lend() as line:
            await line.run("set_queue_rules", **values)

    async def pause_queue(self, queue: str) -> None:
        """Start nothing more from it; what runs goes on."""
        await self._pause_queue(queue, paused=True)

    async def resume_queue(self, queue: str) -> None:
        await self._pause_queue(queue, paused=False)

    async def forget_queue(self, queue: str) -> None:
        async with self._lines.lend() as line:
            await line.run("forget_queue_rules", queue=queue)

    async def tenant(self, tenant: UUID) -> TenantRules:
        async with self._lines.lend() as line:
            row = await line.first("tenant_rules", tenant=tenant)
        if row is None:
            return TenantRules(tenant=tenant)
        return TenantRules(tenant=row[0], paused=row[1], max_running=row[2])

    async def set_tenant(self, rules: TenantRules) -> None:
        _at_least("max_running", rules.max_running, 0)
        async with self._lines.lend() as line:
            await line.run("set_tenant_rules", **msgspec.structs.asdict(rules))

    async def _pause_queue(self, queue: str, *, paused: bool) -> None:
        _check(QueueRules(queue=queue))
        async with self._lines.lend() as line:
            await line.run("pause_queue", queue=queue, paused=paused)

    async def _read(self, queue: str | None) -> list[QueueRules]:
        async with self._lines.lend() as line:
            rows = await line.rows("queue_rules", queue=queue)
        found = []
        for row in rows:
            values = dict(zip(QueueRules.__struct_fields__, row, strict=True))
            if values["retry"] is not None:
                values["retry"] = msgspec.json.decode(values["retry"], type=RetryPolicy)
            found.append(QueueRules(**values))
        return found


def _check(rules: QueueRules) -> None:
    if not rules.queue or len(rules.queue) > 100 or "\0" in rules.queue:
        raise TaskRefusedError("queue", "is a name of 1 to 100 characters")
    _at_least("max_running", rules.max_running, 0)
    _at_least("max_running_per_key", rules.max_running_per_key, 1)
    _at_least("rate_limit", rules.rate_limit, 1)
    _at_least("rate_period_ms", rules.rate_period_ms, 1)
    _at_least("timeout_ms", rules.timeout_ms, 1)
    _at_least("max_attempts", rules.max_attempts, 1)
    if rules.max_attempts is not None and rules.max_attempts > 1000:
        raise TaskRefusedError("max_attempts", "is 1 to 1000")


def _at_least(field: str, value: int | None, least: int) -> None:
    if value is not None and not least <= value < 2**31:
        raise TaskRefusedError(field, f"is a whole number from {least} on")
