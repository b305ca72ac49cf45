"""Tasks of one table: claimed into free places, run, and their outcomes written.

With lease columns a task whose executor is lost runs again; without them each is claimed at most once. Must not know SQL.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
import psycopg

from pools.protocol import OutcomeKind
from runner.errors import BusyError, DatabaseUnavailableError
from runner.events.task import TaskEvent
from runner.executor.errors import ScriptRefusedError
from runner.executor.handler_word import HandlerWord
from runner.executor.table_rows import LEASE_S, REFUSED, Finish
from runner.executor.table_statements import MOST_LOST
from runner.executor.verdict import failure_of
from runner.schedules.clock import SystemClock
from runner.tasks.encoding import encode_json
from runner.tasks.errors import TaskRefusedError
from runner.tasks.settlements import read_policy

if TYPE_CHECKING:
    from runner.executor.attempt import Ended
    from runner.executor.programs import Programs
    from runner.executor.table_rows import Row, TableRows

_log = logging.getLogger(__name__)
_POLL_S: Final = 1.0
_AWAY_S: Final = 0.25
_BROKEN_S: Final = 5.0
"""After an error that is the table's: somebody may put it right."""
_BUSY_S: Final = 1.0
_LAST_WORDS_S: Final = 5.0
_MOST_AT_ONCE: Final = 500
_MAX_RESULT_BYTES: Final = 16 << 20
_MAX_ERROR: Final = 10_000
_Key = tuple[str, str]
_AWAY = (DatabaseUnavailableError, psycopg.Error)


class TableExecutor:
    """Runs from :meth:`start` to :meth:`stop`; :meth:`wake` makes it look now."""

    def __init__(self, rows: TableRows, programs: Programs, *, timeout_ms: int, concurrency: int) -> None:  # fmt: skip
        self._rows = rows
        self._programs = programs
        self._timeout_ms = timeout_ms
        self._concurrency = concurrency
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: dict[_Key, tuple[Row, asyncio.Task[None]]] = {}
        self._lost: set[_Key] = set()
        """Rows that are not ours any more, although they run here still."""
        self._unwritten: list[Finish] = []
        self._written = asyncio.Event()
        self._to_write = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._claiming: asyncio.Task[None] | None = None

    def wake(self) -> None:
        self._wake.set()

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._claiming = loop.create_task(self._claim_all(), name="tasks: claim")
        self._loops = [loop.create_task(self._write_all(), name="tasks: write")]
        if self._rows.table.leased:
            self._loops.append(loop.create_task(self._renew_all(), name="tasks: leases"))
            self._loops.append(loop.create_task(self._rescue_all(), name="tasks: rescue"))

    async def stop(self, drain_s: float) -> None:
        """Claim no more; what does not finish within ``drain_s`` is put back, without costing an attempt."""
        self._stopping.set()
        self._wake.set()
        if self._claiming is not None:
            await asyncio.wait([self._claiming])
        self._programs.attempts.stop("drain")
        if jobs := self._jobs():
            await asyncio.wait(jobs, timeout=drain_s)
        for job in (jobs := self._jobs()):
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                while self._unwritten:
                    self._written.clear()
                    await self._written.wait()
        for loop in self._loops:
            loop.cancel()
        await asyncio.wait(self._loops)

    def _jobs(self) -> list[asyncio.Task[None]]:
        return [job for _, job in self._running.values()]

    # --- claiming -------------------------------------------------------------------------------------------------

    async def _claim_all(self) -> None:
        away = False
        while not self._stopping.is_set():
            self._wake.clear()
            pause_s = _POLL_S * random.uniform(0.8, 1.2)  # noqa: S311 - no cryptography
            waiting = len(self._unwritten)
            free = self._concurrency - len(self._running) - max(0, waiting - self._concurrency)
            if free > 0:
                try:
                    claimed = await self._rows.claim(min(free, _MOST_AT_ONCE))
                except _AWAY as error:
                    pause_s = self._complain(error, told=away)
                    away = True
                else:
                    if away:
                        _log.warning("tasks can be claimed again")
                    away = False
                    for row in claimed:
                        self._begin(row)
                    if len(claimed) == free:
                        continue
            await SystemClock().wait(self._stopping if away else self._wake, pause_s)

    def _complain(self, error: Exception, *, told: bool) -> float:
        if not told:
            _log.warning("no tasks can be claimed: %s", str(error).strip())
        return _AWAY_S if isinstance(error, DatabaseUnavailableError) else _BROKEN_S

    def _begin(self, row: Row) -> None:
        job = asyncio.get_running_loop().create_task(self._see_to(row))
        self._running[_key(row)] = row, job

    # --- one task -------------------------------------------------------------------------------------------------

    async def _see_to(self, row: Row) -> None:
        try:
            finish = await self._run(row)
        except asyncio.CancelledError:
            finish = Finish(row, "pending", uncounted=1)
        except Exception as error:  # noqa: BLE001 - one task must not end the executor
            _log.exception("task %s failed by an error of ours", row.id)
            finish = _failed(row, f"{type(error).__name__}: {error}")
        del self._running[_key(row)]
        if _key(row) in self._lost:
            self._lost.discard(_key(row))
        else:
            self._unwritten.append(finish)
            self._to_write.set()
        self.wake()

    async def _run(self, row: Row) -> Finish:
        word = HandlerWord(row.type, row.timeout_ms, self._timeout_ms, cpu_ms=self._timeout_ms)
        try:
            ended = await self._programs.run(
                row.script or "",
                _event_of(row),
                word,
                cancelled_as=lambda: (
                    OutcomeKind.ABORTED if _key(row) in self._lost else OutcomeKind.TERMINATED
                ),
            )
        except ScriptRefusedError as error:
            return _failed(row, f"{error}")
        except BusyError as error:
            _log.warning("task %s is put back: %s", row.id, error)
            # The row may have no place for a time.
            await SystemClock().wait(self._stopping, _BUSY_S)
            return Finish(row, "pending", uncounted=1)
        return self._finish_of(row, ended, word)

    def _finish_of(self, row: Row, ended: Ended, word: HandlerWord) -> Finish:
        if word.refusal is not None:
            return _failed(row, word.refusal)
        failure = failure_of(ended, task_type=row.type, timeout_ms=word.timeout_ms)
        if failure is None:
            try:
                result = encode_json("the result", ended.result.value, _MAX_RESULT_BYTES)
            except TaskRefusedError as error:
                return _failed(row, f"{error}")
            return Finish(row, "completed", result=result)
        said = failure.error
        if failure.released:
            return Finish(row, "pending", uncounted=1, after_s=_BUSY_S)
        lost = ended.outcome.kind is OutcomeKind.HOST_LOST
        allowed = row.max_attempts or word.said.max_attempts or (MOST_LOST if lost else 1)
        if failure.final or not self._rows.table.leased or row.attempts >= allowed:
            _log.info("task %s of %s failed: %s", row.id, row.script, said)
            return _failed(row, said)
        policy = read_policy(row.retry)
        if row.retry is None and word.said.policy is not None:
            policy = word.said.policy
        after_s = policy.delay_s(row.attempts, random.random)
        _log.info("task %s of %s: attempt %d failed: %s", row.id, row.script, row.attempts, said)
        return Finish(row, "pending", error=_storable(said), after_s=after_s)

    # --- outcomes -------------------------------------------------------------------------------------------------

    async def _write_all(self) -> None:
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            while self._unwritten:
                batch = self._unwritten[:_MOST_AT_ONCE]
                try:
                    await self._write(batch)
                except DatabaseUnavailableError:
                    await asyncio.sleep(_AWAY_S)
                    continue
                except psycopg.Error as error:
                    _log.warning("outcomes can not be written: %s", str(error).strip())
                    await asyncio.sleep(_BROKEN_S)
                    continue
                del self._unwritten[: len(batch)]
                self._written.set()
                self.wake()

    async def _write(self, batch: list[Finish]) -> None:
        refused: psycopg.Error
        try:
            ours = await self._rows.finish(batch)
        except REFUSED as error:
            refused = error
        else:
            self._tell_lost(batch, ours)
            return
        if len(batch) > 1:
            # One of them is to blame, none was written.
            for end in batch:
                await self._write([end])
            return
        (end,) = batch
        reason = (refused.diag.message_primary or str(refused)).strip()
        if end.status == "failed":
            _log.error("task %s: the table does not take its outcome: %s", end.row.id, reason)
            return
        await self._write([_failed(end.row, f"the result can not be stored: {reason}")])

    def _tell_lost(self, batch: list[Finish], ours: set[str]) -> None:
        for end in batch:
            if end.row.id not in ours:
                _log.warning(
                    "task %s is not ours any more: its outcome (%s) is not written",
                    end.row.id,
                    end.status,
                )

    # --- leases ---------------------------------------------------------------------------------------------------

    async def _renew_all(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            held = [row for row, _ in self._running.values()]
            held += [end.row for end in self._unwritten]
            if not held:
                continue
            try:
                ours = await self._rows.renew(held)
            except _AWAY:
                continue
            for row in held:
                running = self._running.get(_key(row))
                if row.id not in ours and running is not None:
                    _log.warning("task %s is not ours any more: it is ended", row.id)
                    self._lost.add(_key(row))
                    running[1].cancel()

    async def _rescue_all(self) -> None:
        while True:
            # Not at once: after an outage everybody may renew first.
            await asyncio.sleep(LEASE_S / 3 * random.uniform(1.0, 1.5))  # noqa: S311 - no cryptography
            try:
                rescued = await self._rows.rescue()
            except _AWAY:
                await asyncio.sleep(LEASE_S)
                continue
            for task, status in rescued:
                _log.warning("task %s: its executor was lost; it is %s", task, status)
            if rescued:
                self.wake()


def _key(row: Row) -> _Key:
    """Return what tells a claim from a later one of the same row."""
    return row.id, row.fence


def _failed(row: Row, error: str) -> Finish:
    return Finish(row, "failed", error=_storable(error))


def _storable(text: str) -> str:
    return text[:_MAX_ERROR].replace("\0", "\ufffd").encode(errors="replace").decode()


def _event_of(row: Row) -> TaskEvent:
    scheduled = row.scheduled_at
    return TaskEvent(
        msgspec.Raw(b"null" if row.payload is None else row.payload.encode()),
        task_id=row.id,
        attempt=row.attempts,
        max_attempts=row.max_attempts or 1,
        max_attempts_given=row.max_attempts is not None,
        task_type=row.type,
        key=row.key,
        queue=row.queue,
        scheduled_time=None if scheduled is None else int(scheduled.timestamp() * 1000),
    )
