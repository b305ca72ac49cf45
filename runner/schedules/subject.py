"""Scheduled events from NATS: the subject ``scheduled``, one runner of the queue group for each message.

What core NATS lost nobody brings back; events that must not be lost are rows (scheduler.py). Must not know lanes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import msgspec

from pools.protocol import Outcome, OutcomeKind
from runner.errors import BusyError, NatsUnavailableError, NotResolvedError
from runner.events.scheduled import ScheduledEvent
from runner.events.trace import parse_traceparent
from runner.ingress.answers import describe
from runner.nats.client import pairs_of

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from runner.events.trace import TraceContext
    from runner.nats.connection import Bus
    from runner.schedules.runs import ScheduledRuns

_log = logging.getLogger(__name__)
SUBJECT: Final = "scheduled"
GROUP: Final = "runner"
_PLACES: Final = 256
"""Events in hand; the others wait in the subscription."""
_PATIENCE_S: Final = 60.0
"""How long an event without a sender who waits for it is tried again when there is no place."""
_YEAR_10000_MS: Final = 253_402_300_800_000
_Short = Annotated[str, msgspec.Meta(max_length=255)]


class ScheduledMessage(msgspec.Struct, frozen=True, rename="camel"):
    """The payload, as JSON."""

    id: _Short
    cron: _Short
    scheduled_time: Annotated[int, msgspec.Meta(ge=0, lt=_YEAR_10000_MS)]
    """Milliseconds since the epoch."""
    worker_id: UUID


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for a sender who wants one, as JSON."""

    success: bool
    outcome: str = ""
    """One of architecture.md's; empty when there was no execution."""
    error: str = ""


class ScheduledSubject:
    """Takes events from the bus until it is told to stop. Answers whoever waits for one, also when the message is malformed."""

    def __init__(self, bus: Bus, runs: ScheduledRuns) -> None:
        self._bus = bus
        self._runs = runs
        self._places = asyncio.Semaphore(_PLACES)
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Take events from now on.

        Raises
        ------
        NatsUnavailableError
            The connection is closed.

        """
        self._subscription = await self._bus.subscribe(SUBJECT, self._take, queue=GROUP)

    async def stop_accepting(self) -> None:
        """Take no further event; those that the server sent already are run."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await self._bus.leave(subscription)

    async def finish(self, timeout_s: float) -> None:
        """Wait until what was taken is over, up to ``timeout_s``; what is not then is given up."""
        if self._tasks:
            _, late = await asyncio.wait(tuple(self._tasks), timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _take(self, message: Msg) -> None:
        await self._places.acquire()
        task = asyncio.get_running_loop().create_task(self._serve(message), name="scheduled")
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._places.release()
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a scheduled event from NATS failed", exc_info=error)

    async def _serve(self, message: Msg) -> None:
        try:
            content = msgspec.json.decode(message.data, type=ScheduledMessage)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("a message to %s is malformed: %s", message.subject, error)
            result = Result(success=False, error=f"the message is malformed: {error}")
        else:
            result = await self._run(content, _trace(message), asked=bool(message.reply))
        if message.reply:
            try:
                await self._bus.publish(message.reply, msgspec.json.encode(result))
            except (NatsUnavailableError, ValueError) as error:
                _log.warning("the outcome of a scheduled event can not be told: %s", error)

    async def _run(
        self, message: ScheduledMessage, trace: TraceContext | None, *, asked: bool
    ) -> Result:
        event = ScheduledEvent(message.id, message.cron, message.scheduled_time)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (0 if asked else _PATIENCE_S)
        while True:
            try:
                outcome = await self._runs.run(event, str(message.worker_id), trace=trace)
            except NotResolvedError as error:
                reason = error.reason
            except BusyError as error:
                ending = self._subscription is None
                if not ending and loop.time() + error.retry_after_s < deadline:
                    await asyncio.sleep(error.retry_after_s)
                    continue
                reason = error.reason
            else:
                assert outcome is not None, "nobody said no"
                return _result(outcome)
            _log.warning("worker %s: a scheduled event was not run: %s", message.worker_id, reason)
            return Result(success=False, error=reason)


def _trace(message: Msg) -> TraceContext | None:
    """Return the trace that the sender goes on with."""
    given = (value for name, value in pairs_of(message) if name.lower() == "traceparent")
    return parse_traceparent(next(given, ""))


def _result(outcome: Outcome) -> Result:
    error = describe(outcome.error) if outcome.error is not None else ""
    success = outcome.kind is OutcomeKind.OK
    return Result(success=success, outcome=outcome.kind, error=error)
