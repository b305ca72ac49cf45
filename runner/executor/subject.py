"""Tasks from a NATS subject: each message is run once, and whoever waits for an answer gets one.

What core NATS lost nobody brings back; see ``stream.py`` for what must not be lost. Must not know lanes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from runner.errors import BusyError, NatsUnavailableError
from runner.events.task import TaskEvent
from runner.executor.errors import ScriptRefusedError
from runner.executor.handler_word import HandlerWord
from runner.executor.message import answer_of, read_message, refusal
from runner.tasks.policy import DEFAULT_RETRY

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from runner.executor.message import TaskMessage
    from runner.executor.programs import Programs
    from runner.executor.verdict import Failure
    from runner.nats.connection import Bus

_log = logging.getLogger(__name__)
_MOST_WAITING: Final = 50_000
_MOST_WAITING_BYTES: Final = 256 << 20
_ENDING: Final = "the executor is shutting down"


class TaskSubject:
    """Takes tasks from :meth:`start` to :meth:`stop`, ``concurrency`` at once. ``group``: of a queue group each task is one's."""

    def __init__(
        self, bus: Bus, programs: Programs, subject: str, group: str, *, timeout_ms: int, concurrency: int
    ) -> None:  # fmt: skip
        self._bus = bus
        self._programs = programs
        self._subject = subject
        self._group = group
        self._timeout_ms = timeout_ms
        self._concurrency = concurrency
        self._waiting: asyncio.Queue[Msg] = asyncio.Queue()
        self._waiting_bytes = 0
        self._stopping = asyncio.Event()
        self._places: list[asyncio.Task[None]] = []
        self._subscription: Subscription | None = None
        self.completed = 0
        self.failed = 0

    async def start(self) -> None:
        """Take tasks from now on.

        Raises
        ------
        NatsUnavailableError
            The connection is closed.

        """
        loop = asyncio.get_running_loop()
        self._places = [
            loop.create_task(self._work(), name=f"place {number}")
            for number in range(self._concurrency)
        ]
        self._subscription = await self._bus.subscribe(self._subject, self._take, queue=self._group)
        with suppress(NatsUnavailableError):
            await self._bus.flush()

    async def stop(self, drain_s: float) -> None:
        """Take no more; what was taken may finish within ``drain_s``, and is answered in any case."""
        self._stopping.set()
        if self._subscription is not None:
            await self._bus.leave(self._subscription)
        self._programs.attempts.stop("drain")
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._waiting.join()
        for place in self._places:
            place.cancel()
        if self._places:
            await asyncio.wait(self._places)
        while not self._waiting.empty():
            await self._answer(self._waiting.get_nowait(), refusal(_ENDING))
        with suppress(NatsUnavailableError):
            await self._bus.flush()

    async def _take(self, message: Msg) -> None:
        if (
            self._waiting.qsize() >= _MOST_WAITING
            or self._waiting_bytes + len(message.data) > _MOST_WAITING_BYTES
        ):
            await self._answer(
                message, refusal(f"too many tasks wait ({self._waiting.qsize()}); try again later")
            )
            return
        self._waiting_bytes += len(message.data)
        self._waiting.put_nowait(message)

    async def _work(self) -> None:
        """Be one of the places: one task after another."""
        while True:
            message = await self._waiting.get()
            self._waiting_bytes -= len(message.data)
            try:
                await self._see_to(message)
            finally:
                self._waiting.task_done()

    async def _see_to(self, message: Msg) -> None:
        try:
            answer = await self._run(message.data)
        except asyncio.CancelledError:
            self.failed += 1
            await self._answer(message, refusal(_ENDING))
            raise
        except Exception:  # noqa: BLE001 - one task must not end the executor
            _log.exception("a task failed by an error of ours")
            answer = refusal("the task could not be run")
        await self._answer(message, answer)

    async def _run(self, data: bytes) -> bytes:
        task_id = str(uuid4())
        try:
            message = read_message(data)
            name = message.script or message.worker or ""
            answer, failure = await self._attempts(message, name, task_id)
        except (ValueError, ScriptRefusedError, BusyError) as error:
            self.failed += 1
            _log.warning("a task is refused: %s", error)
            return refusal(f"{error}")
        if failure is None:
            self.completed += 1
            _log.debug("task %s of %s completed", task_id, name)
        else:
            self.failed += 1
            _log.info("task %s of %s failed: %s", task_id, name, failure.error)
        return answer

    async def _attempts(
        self, message: TaskMessage, name: str, task_id: str
    ) -> tuple[bytes, Failure | None]:
        """Run a task as often as its handler allows, once if it says nothing; it keeps its place meanwhile."""
        attempt = 1
        while True:
            word = HandlerWord(
                message.type, message.timeout, self._timeout_ms, cpu_ms=self._timeout_ms
            )
            event = TaskEvent(
                message.payload,
                task_id=task_id,
                task_type=message.type,
                attempt=attempt,
                max_attempts=1,
            )
            ended = await self._programs.run(name, event, word, worker=message.worker is not None)
            answer, failure = answer_of(message, ended, word)
            allowed = word.said.max_attempts or 1
            if failure is None or failure.final or failure.released or attempt >= allowed:
                return answer, failure
            policy = word.said.policy or DEFAULT_RETRY
            _log.info("task %s of %s: attempt %d failed: %s", task_id, name, attempt, failure.error)
            if await self._stops_within(policy.delay_s(attempt, random.random)):
                return answer, failure
            attempt += 1

    async def _stops_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    async def _answer(self, message: Msg, answer: bytes) -> None:
        if not message.reply:
            return
        if len(answer) > self._bus.max_payload:
            answer = refusal(
                f"the result has {len(answer)} bytes, a NATS message may have {self._bus.max_payload}"
            )
        try:
            await self._bus.publish(message.reply, answer)
        except (NatsUnavailableError, ValueError) as error:
            _log.warning("an answer could not be sent: %s", error)
