"""Tasks from a JetStream stream: acknowledged when their result is there, and delivered again until then.

What fails goes to another subject, with the reason, when it can not succeed or has had all its attempts. Must not know lanes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final

import msgspec
from nats import errors
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from runner.errors import BusyError, NatsUnavailableError
from runner.events.task import TaskEvent
from runner.executor.errors import ScriptRefusedError, TaskStreamError
from runner.executor.handler_word import HandlerWord
from runner.executor.message import answer_of, read_message, refusal
from runner.schedules.clock import SystemClock
from runner.tasks.policy import DEFAULT_RETRY

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from runner.executor.programs import Programs
    from runner.nats.connection import Bus

_log = logging.getLogger(__name__)
_ACK_WAIT_S: Final = 15.0
"""A task whose executor was lost is delivered again after this; executors that live say so at a third of it."""
_FETCH_S: Final = 1.0
_FIRST_BACKOFF_S: Final = 0.1
_LAST_BACKOFF_S: Final = 5.0
_UNAVAILABLE: Final = (errors.Error, JetStreamError, NatsUnavailableError, OSError)
ANSWER_TO: Final = "Isolane-Reply"
"""A header: the subject for the answer, as JetStream has the place of a message's own reply subject."""


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where tasks come from, and where they end."""

    stream: str
    subject: str
    durable: str
    dead_letter: str
    max_deliver: int
    timeout_ms: int
    concurrency: int
    ack_wait_s: float = _ACK_WAIT_S


class TaskStream:
    """Takes tasks from :meth:`start` to :meth:`stop`."""

    def __init__(self, bus: Bus, programs: Programs, options: StreamOptions) -> None:
        self._bus = bus
        self._programs = programs
        self._options = options
        self._running: dict[asyncio.Task[None], Msg] = {}
        self._free = asyncio.Semaphore(options.concurrency)
        self._stopping = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._fetching: asyncio.Task[None] | None = None
        self._ack_wait_s = options.ack_wait_s

    async def start(self) -> None:
        """Make what is not there, and take tasks from now on.

        Raises
        ------
        TaskStreamError
            JetStream refuses.

        """
        options = self._options
        js = self._bus.client.jetstream()
        try:
            await _have_stream(js, options.stream, options.subject)
            await _have_stream(js, f"{options.stream}_dead", options.dead_letter, shared=True)
            config = ConsumerConfig(
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=options.ack_wait_s,
                max_deliver=-1,
                max_ack_pending=-1,
                filter_subject=options.subject,
            )
            subscription = await js.pull_subscribe(
                options.subject, durable=options.durable, stream=options.stream, config=config
            )
            # One that is there already keeps what it was made with.
            made = await js.consumer_info(options.stream, options.durable)
            self._ack_wait_s = made.config.ack_wait or options.ack_wait_s
        except _UNAVAILABLE as error:
            raise TaskStreamError(f"JetStream can not be used: {error}") from error
        loop = asyncio.get_running_loop()
        self._fetching = loop.create_task(self._fetch(subscription), name="tasks: fetch")
        self._loops = [loop.create_task(self._keep(), name="tasks: in progress")]

    async def stop(self, drain_s: float) -> None:
        """Take no more; what does not finish within ``drain_s`` is delivered again, to whoever asks."""
        self._stopping.set()
        if self._fetching is not None:
            await asyncio.wait([self._fetching])
        self._programs.attempts.stop("drain")
        if self._running:
            await asyncio.wait(self._running, timeout=drain_s)
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        for loop in self._loops:
            loop.cancel()
        if self._loops:
            await asyncio.wait(self._loops)

    async def _fetch(self, subscription: JetStreamContext.PullSubscription) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while not self._stopping.is_set():
            await self._free.acquire()
            places = 1
            while not self._free.locked():
                await self._free.acquire()
                places += 1
            messages: list[Msg] = []
            try:
                messages = await subscription.fetch(places, timeout=_FETCH_S)
                backoff_s = _FIRST_BACKOFF_S
            except errors.TimeoutError:
                backoff_s = _FIRST_BACKOFF_S
            except _UNAVAILABLE as error:
                _log.warning("no tasks can be fetched: %s; next try in %.1f s", error, backoff_s)
                await SystemClock().wait(self._stopping, backoff_s)
                backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)
            for _ in range(places - len(messages)):
                self._free.release()
            for message in messages:
                self._begin(message)

    def _begin(self, message: Msg) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._see_to(message), name="tasks: one")
        self._running[task] = message
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task failed by an error of ours", exc_info=error)

    async def _keep(self) -> None:
        """Tell the server of the tasks that go on."""
        while True:
            await asyncio.sleep(self._ack_wait_s / 3)
            for message in list(self._running.values()):
                await _told(message.in_progress())

    async def _see_to(self, message: Msg) -> None:
        if self._stopping.is_set():
            await _told(message.nak())
            return
        meta = message.metadata
        attempt = meta.num_delivered
        name = f"{meta.stream}-{meta.sequence.stream}"
        answer, error, delay_s = await self._run(message, name, attempt)
        if error is None:
            await self._answer(message, answer)
            await _told(message.ack())
            return
        if delay_s is not None:
            _log.info("task %s: attempt %d failed: %s", name, attempt, error)
            await _told(message.nak(delay=delay_s))
            return
        _log.warning("task %s failed for good: %s", name, error)
        if await self._bury(message, name, attempt, error):
            await self._answer(message, answer)
            await _told(message.term())

    async def _run(
        self, message: Msg, name: str, attempt: int
    ) -> tuple[bytes, str | None, float | None]:
        """Return the answer, why the task failed if it did, and when it is tried again: not at all if that would not help."""
        options = self._options
        if attempt > options.max_deliver:
            error = f"it was begun {options.max_deliver} times, and its executors were lost"
            return refusal(error), error, None
        again_s = DEFAULT_RETRY.delay_s(attempt, random.random)
        try:
            task = read_message(message.data)
            word = HandlerWord(
                task.type, task.timeout, options.timeout_ms, cpu_ms=options.timeout_ms
            )
            event = TaskEvent(
                task.payload, task_id=name, task_type=task.type, attempt=attempt, max_attempts=options.max_deliver
            )  # fmt: skip
            ended = await self._programs.run(
                task.script or task.worker or "", event, word, worker=task.worker is not None
            )
        except asyncio.CancelledError:
            await _told(message.nak())
            raise
        except BusyError as refused:
            more = attempt < options.max_deliver
            return refusal(f"{refused}"), f"{refused}", again_s if more else None
        except (ValueError, ScriptRefusedError) as refused:
            return refusal(f"{refused}"), f"{refused}", None
        answer, failure = answer_of(task, ended, word)
        if failure is None:
            return answer, None, None
        if word.said.policy is not None:
            again_s = word.said.policy.delay_s(attempt, random.random)
        allowed = min(word.said.max_attempts or options.max_deliver, options.max_deliver)
        more = not failure.final and attempt < allowed
        return answer, failure.error, again_s if more else None

    async def _bury(self, message: Msg, name: str, attempt: int, error: str) -> bool:
        """Store a task that failed for good where somebody may look; until that is done it is not let go."""
        headers = {
            **{key: value for key, value in (message.headers or {}).items() if not key.startswith("Nats-")},
            "Isolane-Error": " ".join(error[:1000].split()) or "failed",
            "Isolane-Attempts": f"{attempt}",
            "Isolane-Subject": message.subject,
            # Buried again after a crash it is the same message.
            "Nats-Msg-Id": f"{name}-dead",
        }  # fmt: skip
        try:
            js = self._bus.client.jetstream()
            await js.publish(self._options.dead_letter, message.data, headers=headers)
        except _UNAVAILABLE as unavailable:
            _log.warning("task %s can not be stored as failed: %s", name, unavailable)
            return False
        return True

    async def _answer(self, message: Msg, answer: bytes) -> None:
        subject = (message.headers or {}).get(ANSWER_TO)
        if not subject:
            return
        if len(answer) > self._bus.max_payload:
            answer = refusal(f"the result has {len(answer)} bytes")
        try:
            await self._bus.publish(subject, answer)
        except (NatsUnavailableError, ValueError) as error:
            _log.warning("an answer could not be sent: %s", error)


async def _have_stream(
    js: JetStreamContext, name: str, subject: str, *, shared: bool = False
) -> None:
    """Make a stream that stores a subject, unless there is one; ``shared``: under whatever name."""
    try:
        if shared:
            await js.find_stream_name_by_subject(subject)
        else:
            await js.stream_info(name)
    except NotFoundError:
        await js.add_stream(name=name, subjects=[subject])


async def _told(telling: Awaitable[None]) -> None:
    """Wait until the server is told; if it can not be, it delivers the message again by itself."""
    try:
        await telling
    except _UNAVAILABLE as error:
        _log.warning("JetStream could not be told: %s", error)
