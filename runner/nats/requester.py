"""The asking end of request-reply (docs/nats.md): requests to a fleet, with answers in parts and word of lost runners.

Must not know HTTP sockets.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, Final

from runner.errors import NatsUnavailableError
from runner.nats.bodies import WINDOW_BYTES, BodyReceiver, BodySender
from runner.nats.client import nobody_there
from runner.nats.parts import CREDIT, PART, Kind, fetch_headers, fetch_subject, read_part

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from runner.events.fetch import Request
    from runner.nats.client import Pairs
    from runner.nats.connection import Bus
    from runner.nats.parts import Part

_log = logging.getLogger(__name__)
_SWEEP_S: Final = 1.0
_PING_AFTER_S: Final = 1.5
_UNHEARD_S: Final = 3.0
"""A runner says within milliseconds where it can be found, whatever the worker does."""
_SILENT_S: Final = 8.0


class Lost(Enum):
    """Why there is no answer."""

    AWAY = auto()
    """There is no connection; nothing was sent."""
    NOBODY = auto()
    """No runner listens; nothing was started."""
    GONE = auto()
    """The runner ended, or the connection to it."""
    LATE = auto()
    """The answer took longer than it may."""


class Requester:
    """Asks the fleet; ``async with`` listens for the answers."""

    def __init__(self, bus: Bus, timeout_s: float) -> None:
        self.bus = bus
        self._timeout_s = timeout_s
        """For an answer to begin; 0: none."""
        self._inbox = bus.client.new_inbox()
        self._tokens = map(str, count())
        self._calls: dict[str, RemoteCall] = {}
        self._subscription: Subscription | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises
        ------
        NatsUnavailableError
            The connection is closed.

        """
        self._subscription = await self.bus.subscribe(f"{self._inbox}.*", self._hear)
        self._sweep()

    async def close(self) -> None:
        """Give up whatever is under way."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for call in tuple(self._calls.values()):
            call.lose(Lost.GONE)
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._subscription is not None:
            await self.bus.leave(self._subscription)

    async def ask(
        self, request: Request, worker: str, data: bytes, *, streamed: bool
    ) -> RemoteCall:
        """Send a request for a worker (its id or name; empty: the one whose the host is). It must be closed.

        ``data`` is the body, or its beginning when it is ``streamed``.

        Raises
        ------
        NatsUnavailableError
            There is no connection.
        ValueError
            The message would be larger than NATS takes.

        """
        subject = fetch_subject(worker)
        headers = fetch_headers(request, subject, worker, window=WINDOW_BYTES, streamed=streamed)
        token = next(self._tokens)
        call = self._calls[token] = RemoteCall(self, token, self._timeout_s)
        if streamed:
            call.sender = BodySender(call.publish, self.bus.max_payload, len(data), len(data))
        try:
            await self.bus.publish(subject, data, reply=self.inbox(token), headers=headers)
        except BaseException:
            self.forget(token)
            raise
        return call

    def inbox(self, token: str) -> str:
        return f"{self._inbox}.{token}"

    def forget(self, token: str) -> None:
        self._calls.pop(token, None)

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Send something beside."""
        task = asyncio.get_running_loop().create_task(work, name="to a runner")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def say(self, subject: str, headers: Pairs, reply: str = "") -> None:
        """Tell a runner something, if that is possible."""
        try:
            await self.bus.publish(subject, reply=reply, headers=headers)
        except (NatsUnavailableError, ValueError) as error:
            _log.debug("a runner can not be told: %s", error)

    async def _hear(self, message: Msg) -> None:
        call = self._calls.get(message.subject.rpartition(".")[2])
        if call is not None:
            call.hear(message)
        elif message.reply and (part := read_part(message)) and part.kind is Kind.WAIT:
            # Our word that nothing is wanted any more got lost.
            self.run(self.say(message.reply, [(PART, Kind.CANCEL)]))

    def _sweep(self) -> None:
        """Ask those who have not been heard for a while, and give up those who do not answer."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for call in tuple(self._calls.values()):
            call.check(now)
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep)


class RemoteCall:
    """One request to a runner; its answer's head or whole, then what :meth:`read` gives."""

    def __init__(self, requester: Requester, token: str, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._requester = requester
        self._token = token
        self._heard = loop.time()
        self._deadline = self._heard + timeout_s if timeout_s else 0.0
        self._runner = ""
        """The subject on which the runner can be talked to; empty until it says so."""
        self._unwanted = False
        """Closed before the runner said where it is."""
        self._body: BodyReceiver | None = None
        self._over = False
        self.answer: asyncio.Future[Part | Lost] = loop.create_future()
        """``WHOLE`` or ``HEAD``."""
        self.sender: BodySender | None = None
        """For the rest of the request's body."""

    async def publish(self, headers: Pairs, data: bytes) -> None:
        """Send a part to the runner.

        Raises
        ------
        NatsUnavailableError
            There is no connection.

        """
        requester = self._requester
        await requester.bus.publish(
            self._runner, data, reply=requester.inbox(self._token), headers=headers
        )

    async def read(self) -> bytes | None:
        """Return the next piece of the answer's body, or None at its end.

        Raises
        ------
        StreamError
            It was not all.
        NatsUnavailableError
            There is no connection.

        """
        assert self._body is not None
        return await self._body.read()

    def close(self) -> None:
        """Nothing more is wanted; a runner that has not finished is told so."""
        if self._over:
            self._requester.forget(self._token)
        elif self._runner:
            self._over = True
            self._requester.forget(self._token)
            self._say([(PART, Kind.CANCEL)])
        else:
            # It is told as soon as it says where it is.
            self._unwanted = True

    def lose(self, why: Lost) -> None:
        """There will be no more of an answer."""
        if not self.answer.done():
            self.answer.set_result(why)
        elif self._body is not None:
            self._body.fail("the runner was lost")
        if self.sender is not None:
            self.sender.stop()
        if why is not Lost.LATE:
            self._over = True
        if self._unwanted:
            self._requester.forget(self._token)

    def hear(self, message: Msg) -> None:
        """Take what the runner, or the server in its place, says."""
        self._heard = asyncio.get_running_loop().time()
        if nobody_there(message):
            self.lose(Lost.GONE if self._runner else Lost.NOBODY)
            return
        part = read_part(message)
        if part is None:
            return
        self._runner = message.reply or self._runner
        if self._unwanted:
            self._take_late(part)
            return
        if part.credit is not None and self.sender is not None:
            self.sender.allow(part.credit)
        match part.kind:
            case Kind.WHOLE | Kind.HEAD:
                self._begin(part)
            case Kind.CHUNK | Kind.END | Kind.ERROR:
                self._over = part.kind is not Kind.CHUNK
                if self._body is not None:
                    self._body.take(part)
            case Kind.GONE:
                self.lose(Lost.GONE)
            case _:
                pass

    def check(self, now: float) -> None:
        """Find out whether the runner is still there, if it was silent for long."""
        silent_s = now - self._heard
        if self._deadline and now > self._deadline and not self.answer.done():
            self.lose(Lost.LATE)
        elif self._over:
            pass
        elif silent_s > (_SILENT_S if self._runner else _UNHEARD_S):
            self.lose(Lost.GONE)
        elif self._runner and silent_s > _PING_AFTER_S:
            headers: Pairs = [(PART, Kind.PING)]
            if self._body is not None:
                headers.append((CREDIT, f"{self._body.allowed}"))
            self._say(headers)

    def _begin(self, part: Part) -> None:
        if self.answer.done():
            return
        if part.kind is Kind.HEAD:
            self._body = BodyReceiver(self.publish)
        else:
            self._over = True
        self.answer.set_result(part)

    def _take_late(self, part: Part) -> None:
        """Tell a runner that nobody waits for it, unless it has finished anyway."""
        if part.kind is Kind.WHOLE:
            self._over = True
            self._requester.forget(self._token)
        elif self._runner:
            self.close()

    def _say(self, headers: Pairs) -> None:
        requester = self._requester
        requester.run(requester.say(self._runner, headers, requester.inbox(self._token)))
